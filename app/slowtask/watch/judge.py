"""WATCH: what polls of a broker mean: how full it is, when it will be, which task is to blame. All pure.

Times are in seconds unless a name says otherwise; what isn't known is None, never 0.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from slowtask.watch.broker import Memory, Poll, Queue, Running, Waiting
from slowtask.watch.broker.limits import Limit, MachineMemory, MemoryLimit

FULL: Final = 0.995  #: of a limit: what is left is less than clients and allocators take and give back
AIM: Final = 0.8  #: of the workers busy: what advice aims at, since at 1 a queue grows without end
CONFIDENCE: Final = 1.96  #: standard deviations, 95 %
FEWEST: Final = 6  #: samples that a slope is taken from
NOTICEABLE: Final = 0.01  #: of the whole: less growth than this, and not surely any, is none
#: Past its p99 a run is an overrun from twice that, or five seconds more: one in a hundred is past it anyway.
TWICE: Final = 2.0
MORE: Final = 5.0
SILENT: Final = 120.0  #: seconds without a sign of life after which a job is lost: RQ's own limit is 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When something that grows will be full, if it goes on as it does."""

    seconds: float
    soonest: float  #: 95 times in 100 it lies between these
    latest: float | None  #: None: it may not be growing at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much of one limit is in use, and when it will be reached."""

    limit: Limit
    reached: bool = False  #: the broker itself has raised an alarm for it
    forecast: Forecast | None = None

    @property
    def ratio(self) -> float:
        """1 at the limit, and at least 1 where the broker says that it is reached."""
        return max(1.0, self.limit.ratio) if self.reached else self.limit.ratio

    @property
    def full(self) -> bool:
        """Whether nothing more goes in."""
        return self.reached or self.ratio >= FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Typical:
    """What one task's runs took, by the log."""

    mean: float
    p99: float | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """One task's part of what waits."""

    task: str
    count: int  #: jobs that wait, estimated where only some were looked at
    margin: int  #: ± so many, 95 times in 100; 0: counted
    work: float | None  #: worker-seconds; None where the log knows no time of the task
    share: float | None  #: of all work that waits, 0 to 1
    guessed: bool = False  #: by the last runs of the queue, as nothing of what waits could be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A job that runs for longer than it should."""

    job: Running
    took: float
    allowed: float | None  #: seconds; None for a lost one
    why: Literal["p99", "limit", "lost"]


def memory_limit(memory: Memory | None) -> Limit | None:
    """The limit of a broker's *memory*; None where neither its own nor the machine's is known."""
    if memory is None:
        return None
    if memory.limit:
        return MemoryLimit(used=memory.used, maximum=memory.limit, belongs_to=memory.node)
    if memory.machine:
        return MachineMemory(used=memory.used, maximum=memory.machine, belongs_to=memory.node)
    return None


def capacities(poll: Poll) -> list[Capacity]:
    """How much of each limit is in use, the most used first."""
    memory = memory_limit(poll.memory)
    limits = [memory, *poll.limits] if memory else [*poll.limits]
    alarmed = {alarm.kind for alarm in poll.alarms}
    judged = [Capacity(limit=limit, reached=limit.kind in alarmed) for limit in limits]
    return sorted(judged, key=lambda capacity: -capacity.ratio)


def forecast(points: Sequence[tuple[float, float]], most: float) -> Forecast | None:
    """When *points* (seconds, value) reach *most*; None where they don't surely grow.

    The slope is Theil and Sen's, the median of those between all pairs, which a few odd samples don't move;
    its interval is Sen's (Journal of the American Statistical Association 63, 1968).
    """
    if len(points) < FEWEST:
        return None
    slopes = sorted(
        (y - was) / (x - at) for place, (x, y) in enumerate(points) for at, was in points[:place] if x > at
    )
    low, middle, high = _interval(slopes, len(points))
    room = most - _level(points, middle)
    if middle <= 0 or (low <= 0 and middle * (points[-1][0] - points[0][0]) < NOTICEABLE * abs(most)):
        return None
    return Forecast(
        seconds=max(0.0, room / middle),
        soonest=max(0.0, room / high),
        latest=max(0.0, room / low) if low > 0 else None,
    )


def _interval(slopes: Sequence[float], points: int) -> tuple[float, float, float]:
    """The median of *slopes*, between its bounds."""
    spread = CONFIDENCE * math.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    last = len(slopes) - 1
    low = max(0, math.floor((len(slopes) - spread) / 2))
    high = min(last, math.ceil((len(slopes) + spread) / 2))
    return slopes[low], slopes[last // 2], slopes[high]


def _level(points: Sequence[tuple[float, float]], slope: float) -> float:
    """Where the line of *slope* through the middle of *points* is now."""
    levels = sorted(y + slope * (points[-1][0] - x) for x, y in points)
    return levels[len(levels) // 2]


def load(arrivals: float, mean: float | None, workers: int | None) -> float | None:
    """How much of the workers' time arrives: *arrivals* a second, *mean* seconds each; 1 is the edge."""
    if mean is None or not workers:
        return None
    return arrivals * mean / workers


def drained_in(queue: Queue, mean: float | None) -> float | None:
    """Seconds until *queue* is empty if nothing more came; None where it is, or that can't be known."""
    if mean is None or not queue.workers or not queue.depth:
        return None
    return queue.depth * mean / queue.workers


def blame(waiting: Waiting, typical: Mapping[str, Typical]) -> list[Blame]:
    """The tasks that wait, most work first; those without a known time last."""
    if not waiting.sampled:
        return []
    scale = waiting.depth / waiting.sampled
    counts = {task: round(count * scale) for task, count in waiting.tasks.items()}
    works = {task: counts[task] * typical[task].mean for task in counts if task in typical}
    whole = sum(works.values())
    found = [
        Blame(
            task=task,
            count=count,
            margin=_margin(waiting.tasks[task], waiting),
            work=works.get(task),
            share=works[task] / whole if task in works and whole > 0 else None,
            guessed=waiting.guessed,
        )
        for task, count in counts.items()
    ]
    return sorted(found, key=_most)


def backlog(blamed: Iterable[Blame]) -> list[Blame]:
    """What waits in several queues as one backlog: each task once, its share of all their work."""
    together: dict[str, Blame] = {}
    for each in blamed:
        was = together.get(each.task)
        together[each.task] = each if was is None else _added(was, each)
    whole = sum(each.work or 0.0 for each in together.values())
    shared = (
        replace(each, share=None if each.work is None or not whole else each.work / whole)
        for each in together.values()
    )
    return sorted(shared, key=_most)


def _added(one: Blame, other: Blame) -> Blame:
    """One task in two queues."""
    works = [each.work for each in (one, other) if each.work is not None]
    return replace(
        one,
        count=one.count + other.count,
        margin=math.ceil(math.hypot(one.margin, other.margin)),
        work=sum(works) if works else None,
        guessed=one.guessed or other.guessed,
    )


def _most(blame: Blame) -> tuple[float, int, str]:
    """The order: most work, then most jobs."""
    return (-(-1.0 if blame.work is None else blame.work), -blame.count, blame.task)


def _margin(count: int, waiting: Waiting) -> int:
    """How far the estimate of a task may be off, in jobs."""
    if waiting.guessed or waiting.sampled >= waiting.depth:
        return 0
    share = count / waiting.sampled
    left = 1 - waiting.sampled / waiting.depth  # what was looked at is no guess
    return math.ceil(CONFIDENCE * math.sqrt(share * (1 - share) / waiting.sampled * left) * waiting.depth)


def mean_time(waiting: Waiting | None, typical: Mapping[str, Typical]) -> float | None:
    """Seconds of a job of a queue: by what waits there, else by all runs of the log; None without any."""
    tasks = {} if waiting is None else {task: n for task, n in waiting.tasks.items() if task in typical}
    if tasks:
        return sum(typical[task].mean * n for task, n in tasks.items()) / sum(tasks.values())
    runs = sum(each.count for each in typical.values())
    return sum(each.mean * each.count for each in typical.values()) / runs if runs else None


def overruns(
    running: Iterable[Running], typical: Mapping[str, Typical], now: int, limits: Mapping[str, float]
) -> list[Overrun]:
    """The jobs that run past a set limit (by task), or their task's own p99, or without a sign of life.

    *now* is in µs since the epoch, by the broker's clock. The longest first.
    """
    found = (_overrun(job, typical.get(job.task or ""), now, limits) for job in running)
    return sorted((each for each in found if each), key=lambda each: -each.took)


def _overrun(job: Running, typical: Typical | None, now: int, limits: Mapping[str, float]) -> Overrun | None:
    """What is wrong with one job, if anything."""
    if job.heartbeat is not None and (now - job.heartbeat) / 1e6 > SILENT:
        return Overrun(job=job, took=(now - job.started) / 1e6, allowed=None, why="lost")
    took = (now - job.started if job.reported_run_time is None else job.reported_run_time) / 1e6
    limit = limits.get(job.task or "")
    if limit is not None:
        return Overrun(job=job, took=took, allowed=limit, why="limit") if took > limit else None
    if typical is None or typical.p99 is None or took < min(typical.p99 * TWICE, typical.p99 + MORE):
        return None
    return Overrun(job=job, took=took, allowed=typical.p99, why="p99")


def workers_needed(arrivals: float, mean: float) -> int:
    """How many workers hold *arrivals* a second of *mean* seconds each, with `AIM` of them busy."""
    return max(1, math.ceil(arrivals * mean / AIM - 1e-9))


def advice(
    queue: Queue, arrivals: float, mean: float | None, blamed: Sequence[Blame], typical: Mapping[str, Typical]
) -> str | None:
    """One line on what would hold, with the figures it comes from; None where the workers keep up."""
    if mean is None or not queue.workers:
        return None
    needed = workers_needed(arrivals, mean)
    if needed <= queue.workers:
        return None
    figures = (
        f"{arrivals:.3g} jobs/s of {mean:.3g} s keep {arrivals * mean:.3g} busy, {queue.workers} are there"
    )
    own = _own_queue(blamed, arrivals, typical, queue.depth)
    return f"{needed - queue.workers} more workers on {queue.name} would hold{own} ({figures})."


def _own_queue(blamed: Sequence[Blame], arrivals: float, typical: Mapping[str, Typical], depth: int) -> str:
    """`; or give send_mail a queue of its own with 13`, where one task makes most of the work."""
    first = blamed[0] if blamed else None
    if first is None or len(blamed) == 1 or first.share is None or first.share < 0.5 or not depth:  # noqa: PLR2004 - most
        return ""
    workers = workers_needed(arrivals * first.count / depth, typical[first.task].mean)
    return f"; or give {first.task} a queue of its own with {workers}"
