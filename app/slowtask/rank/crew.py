"""REPLAY: who worked the runs of a log off, and what they lost between two jobs. Pure.

A log has no list of workers. What is assumed: a worker is there from its first run to its last, and serves
the queues that it was seen to serve; workers of the same queues are one pool, at work since the first of them
was. Times are ns.
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

FEW: Final = 20  #: of so few runs, a worker may serve queues that it wasn't seen to serve
USUAL: Final = 0.95  #: leaves aside the moments when old and new workers overlap
RARE: Final = 0.1  #: of the choices: those against an order are races, or jobs put at the front
RESTED: Final = 0.99  #: of the gaps: the longest are no gaps, but a worker's end and new beginning
SAMPLE: Final = 200_000  #: choices or gaps looked at, of more
STALL: Final = 10  #: times the usual gap: no gap, but a worker that was away
RECENT: Final = 1000  #: runs of one worker, among which the last to end is looked for

Places = Sequence[int]  #: of runs


class Runs(Protocol):
    """The runs of a log, column by column, in order of arrival: the store's `Columns`, say."""

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
    """The workers, as far as a log tells."""

    pools: tuple[Pool, ...]
    overhead: Overhead
    before: Sequence[int]  #: what its worker needed until each run, as far as that is known


def crew(runs: Runs) -> Crew:
    """Who ran *runs*."""
    start = list(map(add, runs.arrival, runs.wait))
    end = list(map(add, start, runs.took))
    order = sorted(range(len(start)), key=start.__getitem__)
    workers: dict[int, list[int]] = defaultdict(list)
    for place in order:
        workers[runs.worker[place]].append(place)
    overhead = measured(workers.values(), runs.arrival, start, end)
    waiting = Waiting(runs, start, order, overhead)
    pools = []
    for members, seen in pooled(workers.values(), runs.queue):
        queues, ordered = waiting.ranked(seen, sampled(members, len(seen)))
        size, since = staffed(members, start, end), min(start[each[0]] for each in members)
        pools.append(Pool(queues=queues, size=size, ordered=ordered, since=since - overhead.before))
    before = known(workers.values(), runs, start, end, overhead)
    return Crew(pools=tuple(pools), overhead=overhead, before=before)


def pooled(workers: Iterable[Places], queue: Sequence[int]) -> list[tuple[list[Places], frozenset[int]]]:
    """The workers (the runs of each) that were seen on the same queues, and these queues.

    A worker of few runs joins those that were seen on its queues and on more.
    """
    pools: dict[frozenset[int], list[Places]] = defaultdict(list)
    for places in workers:
        pools[frozenset(queue[place] for place in places)].append(places)
    full = {seen for seen, members in pools.items() if any(len(each) >= FEW for each in members)}
    for seen in sorted(pools, key=len):
        wider = [each for each in full if seen < each]
        if seen not in full and wider:
            pools[min(wider, key=len)] += pools.pop(seen)
    return [(members, seen) for seen, members in pools.items()]


def staffed(workers: Sequence[Places], start: Sequence[int], end: Sequence[int]) -> int:
    """How many jobs *workers* can run at once: what all that were there at a time could, usually."""
    begun = sorted(start[place] for place in sampled(workers))
    turns = sorted(chain.from_iterable(shift(each, start, end) for each in workers))
    there, counts = 0, Counter[int]()
    for (moment, size), (until, _) in pairwise([*turns, (NEVER, 0)]):
        there += size
        counts[there] += bisect_left(begun, until) - bisect_left(begun, moment)
    return usual(counts)


def sampled(workers: Sequence[Places], step: int = 1) -> list[int]:
    """Some runs of each of *workers*, as many of one as of another in proportion; all where they are few."""
    step = 1 + step * sum(map(len, workers)) // SAMPLE
    return [place for each in workers for place in each[::step]]


def shift(places: Places, start: Sequence[int], end: Sequence[int]) -> Iterator[tuple[int, int]]:
    """When a worker came, and went, and how many jobs at once came and went with it."""
    size = at_once(places, start, end)
    yield start[places[0]], size
    yield max(end[place] for place in places[-RECENT:]) + 1, -size


def at_once(places: Places, start: Sequence[int], end: Sequence[int]) -> int:
    """How many of a worker's runs overlap, usually: 1 but for Celery's processes under one name."""
    overlaps = sum(start[two] < end[one] for one, two in pairwise(places))
    if overlaps <= (1 - USUAL) * len(places):
        return 1
    running: list[int] = []
    counts = Counter[int]()
    for place in places:
        while running and running[0] <= start[place]:
            heappop(running)
        heappush(running, end[place])
        counts[len(running)] += 1
    return usual(counts)


def usual(counts: Mapping[int, int]) -> int:
    """The number that 95 % don't exceed, of those counted so often; of fewer than twenty the highest."""
    rest = USUAL * sum(counts.values())
    for number, often in sorted(counts.items()):
        rest -= often
        if rest <= 0:
            return number
    return 0


def measured(
    workers: Iterable[Places], arrival: Sequence[int], start: Sequence[int], end: Sequence[int]
) -> Overhead:
    """What a worker needs beside the task.

    In all, the mean gap between two of its runs of which the second was waiting when the first ended, without
    the longest hundredth, or one: restarts. Until the start, the median wait of runs that found it idle.
    """
    pairs = list(islice(chain.from_iterable(map(pairwise, workers)), 0, None, 1 + len(start) // SAMPLE))
    gaps = sorted(start[two] - end[one] for one, two in pairs if arrival[two] <= end[one] <= start[two])
    gap = round(fmean(gaps[: max(1, int(len(gaps) * RESTED))])) if gaps else 0
    idle = [start[two] - arrival[two] for one, two in pairs if arrival[two] > end[one] + gap]
    before = round(median(idle)) if idle else gap
    return Overhead(before=min(before, gap) if gaps else before, after=max(0, gap - before))


def known(
    workers: Iterable[Places], runs: Runs, start: Sequence[int], end: Sequence[int], overhead: Overhead
) -> list[int]:
    """What its worker needed until the start of each run; as usual where that isn't seen, or was a stall.

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
        if 0 <= needed <= STALL * gap:
            found[two] = needed
    return found


class Waiting:
    """What waited when a run started."""

    def __init__(self, runs: Runs, start: Sequence[int], order: Places, overhead: Overhead) -> None:
        self._runs, self._start = runs, start
        self._lead = overhead.before + overhead.after  #: the choice was made so long before the start
        self._come: dict[int, list[int]] = defaultdict(list)
        self._gone: dict[int, list[int]] = defaultdict(list)
        for queue, arrival in zip(runs.queue, runs.arrival, strict=True):
            self._come[queue].append(arrival)
        for place in order:
            self._gone[runs.queue[place]].append(start[place])

    def ranked(self, queues: frozenset[int], places: Places) -> tuple[tuple[int, ...], bool]:
        """*queues* as those who ran what is at *places* took from them: their order, if they kept to one."""
        wins: Counter[tuple[int, int]] = Counter()
        if len(queues) > 1:
            for place in places:
                mine = self._runs.queue[place]
                wins.update((mine, other) for other in queues if other != mine and self._waits(other, place))
        pairs = [(wins[one, two], wins[two, one]) for one in queues for two in queues]
        kept = all(min(pair) <= RARE * sum(pair) for pair in pairs)

        def behind(one: int, other: int) -> int:
            return wins[other, one] - wins[one, other]

        return tuple(sorted(sorted(queues), key=cmp_to_key(behind))), kept and bool(wins)

    def _waits(self, queue: int, place: int) -> bool:
        """Whether a job of *queue* was waiting when that at *place* was chosen."""
        begun = self._start[place]
        come = bisect_right(self._come[queue], begun - self._lead)
        return come > bisect_left(self._gone[queue], begun)
