"""REPLAY: a log as a model of its queues, a change made to it, and what the change would have meant. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Final

from slowtask.rank.change import Change, Log, changed, last, named, resized
from slowtask.rank.crew import crew
from slowtask.rank.replay import Jobs, Pool, peak, percentile, replay
from slowtask.record.event import SECOND
from slowtask.units import duration, plural, printable

CLOSE: Final = 0.1  #: a replay this near to the truth is taken for it
INSTANT: Final = 0.05  #: seconds of wait that nobody minds


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How long jobs waited, in seconds, and how many at once."""

    p50: float
    p95: float
    longest: float
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The same jobs three times."""

    jobs: int
    really: Figures
    replayed: Figures
    changed: Figures | None  #: None: nothing was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """One pool, for people."""

    queues: tuple[str, ...]  #: in the order in which they are served
    ordered: bool  #: False: whichever job has waited longest
    seen: int  #: workers
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay found."""

    whole: Row
    queues: Mapping[str, Row]  #: by queue, as they are after the change
    staff: tuple[Staff, ...]
    overhead: float  #: seconds that a worker loses between two jobs


def whatif(log: Log, change: Change) -> Outcome:
    """Replay *log* as it is and with *change*. Raises `UsageError` where that names what isn't there."""
    seen, names = crew(log), [printable(each) or "(no name)" for each in log.queues]
    own = {named(log.tasks, task): size for task, size in change.own.items()}
    before = resized(seen.pools, change.now, names)
    after = resized(before, change.workers, names) + [
        Pool(queues=(queue,), size=size, since=min(pool.since for pool in before))
        for queue, size in enumerate(own.values(), len(names))
    ]
    names += [f"{printable(last(log.tasks[task]))} (its own)" for task in own]
    now = Jobs(arrival=log.arrival, took=log.took, queue=log.queue, before=seen.before)
    then = changed(now, log, change, own)
    times = [
        (log.arrival, list(map(add, log.arrival, log.wait))),
        (log.arrival, replay(now, before, seen.overhead)),
    ]
    if change.any:
        times.append((then.arrival, replay(then, after, seen.overhead)))
    whole, places = _row(times), by_queue(then)
    return Outcome(
        whole=whole,
        queues={
            names[queue]: _row([(_at(mine, come), _at(mine, gone)) for come, gone in times])
            for queue, mine in places.items()
        }
        if len(places) > 1
        else {names[queue]: whole for queue in places},
        staff=tuple(_staff(before, after, names)),
        overhead=(seen.overhead.before + seen.overhead.after) / SECOND,
    )


def by_queue(jobs: Jobs) -> dict[int, list[int]]:
    """The places of *jobs* by queue."""
    found: dict[int, list[int]] = {queue: [] for queue in sorted(set(jobs.queue))}
    for place, queue in enumerate(jobs.queue):
        found[queue].append(place)
    return found


Times = tuple[Sequence[int], Sequence[int]]  #: arrivals and starts


def _at(places: Iterable[int], column: Sequence[int]) -> list[int]:
    """What stands at *places* of *column*."""
    return [column[place] for place in places]


def _row(times: Sequence[Times]) -> Row:
    """The figures of the same jobs at different *times*."""
    really, replayed, *then = (_figures(arrivals, starts) for arrivals, starts in times)
    return Row(jobs=len(times[0][0]), really=really, replayed=replayed, changed=then[0] if then else None)


def _figures(arrivals: Sequence[int], starts: Sequence[int]) -> Figures:
    """Those of jobs that came and started then."""
    waits = sorted(map(sub, starts, arrivals))
    return Figures(
        p50=percentile(waits, 0.5) / SECOND,
        p95=percentile(waits, 0.95) / SECOND,
        longest=waits[-1] / SECOND,
        depth=peak(arrivals, starts),
    )


def _staff(before: Sequence[Pool], after: Sequence[Pool], names: Sequence[str]) -> Iterable[Staff]:
    """The pools of *after*, and what they were *before*, in whose order they stand."""
    for place, pool in enumerate(after):
        queues = tuple(names[queue] for queue in pool.queues)
        seen = before[place].size if place < len(before) else 0
        yield Staff(queues=queues, ordered=pool.ordered, seen=seen, changed=pool.size)


def verdict(outcome: Outcome) -> str:
    """One sentence: what the change would have meant for one job in twenty, and for the queue."""
    row, workers = outcome.whole, _workers(outcome.staff)
    old, new = row.replayed, row.changed
    if new is None:
        return f"Nothing is changed: one job in twenty waits longer than {duration(old.p95)} in the replay."
    waits = f"{duration(new.p95)} instead of {duration(old.p95)}"
    depth = f"{plural(new.depth, 'job')} at once"
    if new.depth != old.depth:
        depth += f" instead of {old.depth:,}"
    return f"With {workers}, one job in twenty would have waited longer than {waits}, and at most {depth}."


def _workers(staff: Iterable[Staff]) -> str:
    """`8 workers instead of 4`, `the same 4 workers`."""
    seen, then = (sum(sizes) for sizes in zip(*((each.seen, each.changed) for each in staff), strict=True))
    return (
        f"the same {plural(seen, 'worker')}"
        if seen == then
        else f"{plural(then, 'worker')} instead of {seen:,}"
    )


def missed(row: Row) -> float:
    """How far the replay misses the truth, as a share of it: by p50 or p95, the worse."""
    pairs = ((row.replayed.p50, row.really.p50), (row.replayed.p95, row.really.p95))
    return max(
        abs(one - other) / max(other, INSTANT) if abs(one - other) > INSTANT else 0.0 for one, other in pairs
    )
