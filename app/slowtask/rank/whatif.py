"""RANK: replays a log as it was and with a change, and compares the waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Final

from slowtask.rank.change import Change, Log, apply_change, find_task, resize_pools, short_name
from slowtask.rank.crew import find_workers
from slowtask.rank.replay import Jobs, Pool, max_depth, percentile, replay
from slowtask.record.event import SECOND
from slowtask.units import duration, plural, printable

MAX_REPLAY_ERROR: Final = 0.1  #: share of the real wait; a replay with more isn't reliable
MIN_WAIT: Final = 0.05  #: seconds; smaller differences don't count


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How long jobs waited, in seconds, and how many at once."""

    p50: float
    p95: float
    longest: float
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The same jobs as they really waited, replayed, and with the change."""

    jobs: int
    really: Figures
    replayed: Figures
    changed: Figures | None  #: None: nothing was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """One pool of workers, by the names of its queues."""

    queues: tuple[str, ...]  #: in the order in which they are served
    ordered: bool  #: False: the job that has waited longest goes first
    seen: int  #: workers, by the log
    changed: int  #: workers, with the change


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a replay."""

    whole: Row
    queues: Mapping[str, Row]  #: by queue, as they are after the change
    staff: tuple[Staff, ...]
    overhead: float  #: seconds that a worker loses between two jobs


def try_change(log: Log, change: Change) -> Outcome:
    """Replay *log* as it is and with *change*. Raises `UsageError` for a name that the log doesn't have."""
    seen, names = find_workers(log), [printable(each) or "(no name)" for each in log.queues]
    own = {find_task(log.tasks, task): size for task, size in change.own.items()}
    before = resize_pools(seen.pools, change.now, names)
    after = resize_pools(before, change.workers, names) + [
        Pool(queues=(queue,), size=size, since=min(pool.since for pool in before))
        for queue, size in enumerate(own.values(), len(names))
    ]
    names += [f"{printable(short_name(log.tasks[task]))} (its own)" for task in own]
    now = Jobs(arrival=log.arrival, took=log.took, queue=log.queue, before=seen.before)
    then = apply_change(now, log, change, own)
    times = [
        (log.arrival, list(map(add, log.arrival, log.wait))),
        (log.arrival, replay(now, before, seen.overhead)),
    ]
    if change.any:
        times.append((then.arrival, replay(then, after, seen.overhead)))
    whole, places = _row(times), places_by_queue(then)
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


def places_by_queue(jobs: Jobs) -> dict[int, list[int]]:
    """The positions of *jobs* by queue."""
    found: dict[int, list[int]] = {queue: [] for queue in sorted(set(jobs.queue))}
    for place, queue in enumerate(jobs.queue):
        found[queue].append(place)
    return found


Times = tuple[Sequence[int], Sequence[int]]  #: arrivals and starts


def _at(places: Iterable[int], column: Sequence[int]) -> list[int]:
    """The values at *places* of *column*."""
    return [column[place] for place in places]


def _row(times: Sequence[Times]) -> Row:
    """The figures of the same jobs at different *times*."""
    really, replayed, *then = (_figures(arrivals, starts) for arrivals, starts in times)
    return Row(jobs=len(times[0][0]), really=really, replayed=replayed, changed=then[0] if then else None)


def _figures(arrivals: Sequence[int], starts: Sequence[int]) -> Figures:
    """The figures of jobs with these *arrivals* and *starts*."""
    waits = sorted(map(sub, starts, arrivals))
    return Figures(
        p50=percentile(waits, 0.5) / SECOND,
        p95=percentile(waits, 0.95) / SECOND,
        longest=waits[-1] / SECOND,
        depth=max_depth(arrivals, starts),
    )


def _staff(before: Sequence[Pool], after: Sequence[Pool], names: Sequence[str]) -> Iterable[Staff]:
    """The pools of *after* with their sizes *before*, in the same order."""
    for place, pool in enumerate(after):
        queues = tuple(names[queue] for queue in pool.queues)
        seen = before[place].size if place < len(before) else 0
        yield Staff(queues=queues, ordered=pool.ordered, seen=seen, changed=pool.size)


def verdict(outcome: Outcome) -> str:
    """One sentence: how the change alters the p95 of the waits, and the depth of the queue."""
    row, workers = outcome.whole, _workers(outcome.staff)
    old, new = row.replayed, row.changed
    if new is None:
        return f"Without a change, one job in twenty waits longer than {duration(old.p95)} in the replay."
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


def replay_error(row: Row) -> float:
    """How far the replay is from the real waits, as a share of them: by p50 or p95, whichever is worse."""
    pairs = ((row.replayed.p50, row.really.p50), (row.replayed.p95, row.really.p95))
    return max(
        abs(one - other) / max(other, MIN_WAIT) if abs(one - other) > MIN_WAIT else 0.0
        for one, other in pairs
    )
