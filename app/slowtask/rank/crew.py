"""RANK: finds the workers of a log, and how much time they lose between two jobs.

A log has no list of workers. It is assumed that a worker exists from its first run to its last and serves the
queues of its runs, and that workers of the same queues are one pool, which works since the first of them did.
Times are in nanoseconds.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from heapq import heappop, heappush
from itertools import chain, islice, pairwise
from operator import add
from statistics import fmean, median
from typing import Final, Protocol

from slowtask.rank.replay import NEVER, Overhead, Pool

MIN_TYPICAL_RUNS: Final = 20  #: with fewer, a worker may serve queues that none of its runs was from
USUAL_SHARE: Final = 0.95  #: ignores the moments when old and new workers overlap
#: A share of the choices: a few against an order are races, or jobs that were put at the front.
MAX_ORDER_VIOLATIONS: Final = 0.1
KEPT_GAP_SHARE: Final = 0.99  #: of the gaps: the longest are restarts of a worker
MAX_SAMPLED_RUNS: Final = 200_000  #: choices or gaps that are read, at most
STALL_FACTOR: Final = 10  #: a gap of so many usual ones is a worker that was away
RECENT_RUNS: Final = 1000  #: runs of one worker among which the last to end is searched

Places = Sequence[int]  #: of runs


class Runs(Protocol):
    """The runs of a log as columns, in order of arrival, such as the store's `Columns`."""

    @property
    def arrival(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def wait(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def took(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def queue(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def worker(self) -> Sequence[int]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers of a log."""

    pools: tuple[Pool, ...]
    overhead: Overhead
    before: Sequence[int]  #: what its worker needed until each run, as far as that is find_overheads


def find_workers(runs: Runs) -> Crew:
    """The workers that ran *runs*."""
    start = list(map(add, runs.arrival, runs.wait))
    end = list(map(add, start, runs.took))
    order = sorted(range(len(start)), key=start.__getitem__)
    workers: dict[int, list[int]] = defaultdict(list)
    for place in order:
        workers[runs.worker[place]].append(place)
    overhead = measure_overhead(workers.values(), runs.arrival, start, end)
    waiting = WaitingJobs(runs, start, order, overhead)
    pools = []
    for members, seen in group_workers(workers.values(), runs.queue):
        queues, ordered = waiting.queue_order(seen, sample_runs(members, len(seen)))
        size, since = count_slots(members, start, end), min(start[each[0]] for each in members)
        pools.append(Pool(queues=queues, size=size, ordered=ordered, since=since - overhead.before))
    before = find_overheads(workers.values(), runs, start, end, overhead)
    return Crew(pools=tuple(pools), overhead=overhead, before=before)


def group_workers(
    workers: Iterable[Places], queue: Sequence[int]
) -> list[tuple[list[Places], frozenset[int]]]:
    """The workers (the runs of each) that served the same queues, and these queues.

    A worker of few runs joins those that served its queues and more.
    """
    pools: dict[frozenset[int], list[Places]] = defaultdict(list)
    for places in workers:
        pools[frozenset(queue[place] for place in places)].append(places)
    full = {seen for seen, members in pools.items() if any(len(each) >= MIN_TYPICAL_RUNS for each in members)}
    for seen in sorted(pools, key=len):
        wider = [each for each in full if seen < each]
        if seen not in full and wider:
            pools[min(wider, key=len)] += pools.pop(seen)
    return [(members, seen) for seen, members in pools.items()]


def count_slots(workers: Sequence[Places], start: Sequence[int], end: Sequence[int]) -> int:
    """How many jobs *workers* can run at once, usually: those that existed at the same time together."""
    begun = sorted(start[place] for place in sample_runs(workers))
    turns = sorted(chain.from_iterable(attendance(each, start, end) for each in workers))
    there, counts = 0, Counter[int]()
    for (moment, size), (until, _) in pairwise([*turns, (NEVER, 0)]):
        there += size
        counts[there] += bisect_left(begun, until) - bisect_left(begun, moment)
    return usual_count(counts)


def sample_runs(workers: Sequence[Places], step: int = 1) -> list[int]:
    """A sample of the runs of each of *workers*, in proportion; all runs where they are few."""
    step = 1 + step * sum(map(len, workers)) // MAX_SAMPLED_RUNS
    return [place for each in workers for place in each[::step]]


def attendance(places: Places, start: Sequence[int], end: Sequence[int]) -> Iterator[tuple[int, int]]:
    """When a worker came and went, and how many jobs it could run at once."""
    size = count_parallel(places, start, end)
    yield start[places[0]], size
    yield max(end[place] for place in places[-RECENT_RUNS:]) + 1, -size


def count_parallel(places: Places, start: Sequence[int], end: Sequence[int]) -> int:
    """How many of a worker's runs usually overlap: 1, but for Celery's processes under one name."""
    overlaps = sum(start[two] < end[one] for one, two in pairwise(places))
    if overlaps <= (1 - USUAL_SHARE) * len(places):
        return 1
    running: list[int] = []
    counts = Counter[int]()
    for place in places:
        while running and running[0] <= start[place]:
            heappop(running)
        heappush(running, end[place])
        counts[len(running)] += 1
    return usual_count(counts)


def usual_count(counts: Mapping[int, int]) -> int:
    """The number that 95 % of those counted don't exceed; of fewer than twenty the highest."""
    rest = USUAL_SHARE * sum(counts.values())
    for number, often in sorted(counts.items()):
        rest -= often
        if rest <= 0:
            return number
    return 0


def measure_overhead(
    workers: Iterable[Places], arrival: Sequence[int], start: Sequence[int], end: Sequence[int]
) -> Overhead:
    """What a worker needs beside the task.

    In all, it is the mean gap between two of its runs of which the second was already waiting when the first
    ended; the longest hundredth of the gaps, at least one, is left out, since those are restarts. Before the
    start, it is the median wait of the runs that found the worker idle.
    """
    pairs = list(
        islice(chain.from_iterable(map(pairwise, workers)), 0, None, 1 + len(start) // MAX_SAMPLED_RUNS)
    )
    gaps = sorted(start[two] - end[one] for one, two in pairs if arrival[two] <= end[one] <= start[two])
    gap = round(fmean(gaps[: max(1, int(len(gaps) * KEPT_GAP_SHARE))])) if gaps else 0
    idle = [start[two] - arrival[two] for one, two in pairs if arrival[two] > end[one] + gap]
    before = round(median(idle)) if idle else gap
    return Overhead(before=min(before, gap) if gaps else before, after=max(0, gap - before))


def find_overheads(
    workers: Iterable[Places], runs: Runs, start: Sequence[int], end: Sequence[int], overhead: Overhead
) -> list[int]:
    """What each run's worker needed before it started; the usual where that is unknown, or was a stall.

    A machine that is busy now and then makes its gaps longer now and then: a mean would miss by that.
    """
    gap, found, arrival = overhead.before + overhead.after, [overhead.before] * len(start), runs.arrival
    for one, two in chain.from_iterable(map(pairwise, workers)):
        free = end[one]
        if arrival[two] <= free:
            needed = start[two] - free - overhead.after
        elif arrival[two] > free + gap:
            needed = start[two] - arrival[two]
        else:
            continue
        if 0 <= needed <= STALL_FACTOR * gap:
            found[two] = needed
    return found


class WaitingJobs:
    """Which jobs were waiting when a run started."""

    def __init__(self, runs: Runs, start: Sequence[int], order: Places, overhead: Overhead) -> None:
        self._runs, self._start = runs, start
        self._lead = overhead.before + overhead.after  #: the choice was made so long before the start
        self._come: dict[int, list[int]] = defaultdict(list)
        self._gone: dict[int, list[int]] = defaultdict(list)
        for queue, arrival in zip(runs.queue, runs.arrival, strict=True):
            self._come[queue].append(arrival)
        for place in order:
            self._gone[runs.queue[place]].append(start[place])

    def queue_order(self, queues: frozenset[int], places: Places) -> tuple[tuple[int, ...], bool]:
        """*queues* in the order in which workers took jobs from them, and whether they kept to it.

        A busy queue is chosen most often, also by workers that take the oldest job. They keep no order if
        fewer choices are against the age of the jobs than against the order of the queues.
        """
        wins: Counter[tuple[int, int]] = Counter()
        older = 0  # jobs that were passed over
        for place in places if len(queues) > 1 else ():
            mine = self._runs.queue[place]
            heads = {other: self._head(other, place) for other in queues if other != mine}
            wins.update((mine, other) for other, come in heads.items() if come is not None)
            older += sum(come is not None and come < self._runs.arrival[place] for come in heads.values())
        pairs = [(wins[one, two], wins[two, one]) for one in queues for two in queues if one < two]
        kept = all(min(pair) <= MAX_ORDER_VIOLATIONS * sum(pair) for pair in pairs)
        kept = kept and sum(map(min, pairs)) <= older

        def behind(one: int, other: int) -> int:
            return wins[other, one] - wins[one, other]

        return tuple(sorted(sorted(queues), key=cmp_to_key(behind))), kept and bool(wins)

    def _head(self, queue: int, place: int) -> int | None:
        """When the job arrived that had waited longest in *queue* as the job at *place* was chosen."""
        begun = self._start[place]
        come = bisect_right(self._come[queue], begun - self._lead)
        gone = bisect_left(self._gone[queue], begun)
        return self._come[queue][gone] if come > gone else None
