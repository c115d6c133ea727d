"""WATCH: what polls of a broker mean: how full it is, which task is to blame.

All functions are pure.

Times are in seconds unless a name says otherwise; what isn't known is None, never 0.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from slowtask.watch.broker import Memory, Poll, Running, Waiting
from slowtask.watch.broker.limits import Limit, MachineMemory, MemoryLimit
from slowtask.watch.forecast import Forecast

#: From here on a limit counts as reached: clients and allocators take and give back more than is left.
FULL_RATIO: Final = 0.995
Z_95: Final = 1.96  #: standard deviations that hold 95 %
#: A run is an overrun from twice its p99 on, and five seconds more: one in a hundred is past its p99 anyway.
OVERRUN_FACTOR: Final = 2.0
OVERRUN_SECONDS: Final = 5.0
#: Seconds without a heartbeat after which a job's worker counts as dead; RQ's own limit is 90.
HEARTBEAT_TIMEOUT: Final = 120.0


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
        return self.reached or self.limit.ratio_now >= FULL_RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Typical:
    """The run times of one task, by the log of its runs."""

    mean: float  #: seconds
    p99: float | None = None  #: seconds
    count: int = 1  #: runs
    variability: float | None = None  #: variance over the square of the mean; None if it isn't known
    version: str | None = None  #: the only one that they are of; None: whatever the version
    since: float | None = None  #: seconds since the epoch: when that version began


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBacklog:
    """The waiting jobs of one task."""

    task: str
    count: int  #: jobs that wait, estimated where only some were read
    margin: int  #: ± so many, 95 times in 100; 0: counted
    work: float | None  #: worker-seconds; None where the log knows no time of the task
    share: float | None  #: of all work that waits, 0 to 1
    guessed: bool = False  #: estimated by the last runs of the queue: the broker hides what waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A job that runs for longer than it should."""

    job: Running
    took: float
    allowed: float | None  #: seconds; None for a lost one
    why: Literal["p99", "limit", "lost"]


def memory_limit(memory: Memory | None, most_buffers: int = 0) -> Limit | None:
    """The limit of a broker's *memory*; None where neither its own nor the machine's is known.

    *most_buffers* are the bytes that clients' buffers took at most in the last polls.
    """
    if memory is None:
        return None
    if memory.limit:
        return MemoryLimit(
            used=memory.used,
            maximum=memory.limit,
            belongs_to=memory.node,
            buffers=memory.buffers,
            most_buffers=most_buffers,
        )
    if memory.machine:
        return MachineMemory(used=memory.used, maximum=memory.machine, belongs_to=memory.node)
    return None


def capacities(poll: Poll, most_buffers: int = 0) -> list[Capacity]:
    """How much of each limit is in use, the most used first."""
    memory = memory_limit(poll.memory, most_buffers)
    limits = [memory, *poll.limits] if memory else [*poll.limits]
    alarmed = {alarm.kind for alarm in poll.alarms}
    judged = [Capacity(limit=limit, reached=limit.kind in alarmed) for limit in limits]
    return sorted(judged, key=lambda capacity: -capacity.ratio)


def backlog_by_task(waiting: Waiting, typical: Mapping[str, Typical]) -> list[TaskBacklog]:
    """The tasks that wait, most work first; those without a known run time last."""
    if not waiting.sampled:
        return []
    scale = waiting.depth / waiting.sampled
    counts = {task: round(count * scale) for task, count in waiting.tasks.items()}
    works = {task: counts[task] * typical[task].mean for task in counts if task in typical}
    whole = sum(works.values())
    found = [
        TaskBacklog(
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


def merge_backlogs(blamed: Iterable[TaskBacklog]) -> list[TaskBacklog]:
    """The backlogs of several queues as one: each task once, with its share of all work."""
    together: dict[str, TaskBacklog] = {}
    for each in blamed:
        was = together.get(each.task)
        together[each.task] = each if was is None else _merge(was, each)
    whole = sum(each.work or 0.0 for each in together.values())
    shared = (
        replace(each, share=None if each.work is None or not whole else each.work / whole)
        for each in together.values()
    )
    return sorted(shared, key=_most)


def _merge(one: TaskBacklog, other: TaskBacklog) -> TaskBacklog:
    """The waiting jobs of one task in two queues."""
    works = [each.work for each in (one, other) if each.work is not None]
    return replace(
        one,
        count=one.count + other.count,
        margin=math.ceil(math.hypot(one.margin, other.margin)),
        work=sum(works) if works else None,
        guessed=one.guessed or other.guessed,
    )


def _most(blame: TaskBacklog) -> tuple[float, int, str]:
    """Most work first, then most jobs."""
    return (-(-1.0 if blame.work is None else blame.work), -blame.count, blame.task)


def _margin(count: int, waiting: Waiting) -> int:
    """The error of a task's estimated count, in jobs, 95 times in 100."""
    if waiting.guessed or waiting.sampled >= waiting.depth:
        return 0
    share = count / waiting.sampled
    left = 1 - waiting.sampled / waiting.depth  # what was read isn't estimated
    return math.ceil(Z_95 * math.sqrt(share * (1 - share) / waiting.sampled * left) * waiting.depth)


def run_time(job: Running, now: int) -> float:
    """Return the seconds that *job* has run by *now* (µs since the epoch, by the broker's clock).

    What a worker reported of it is as old as its last heartbeat: the job may have ended since.
    """
    return max(0, now - job.started if job.reported_run_time is None else job.reported_run_time) / 1e6


def overruns(
    running: Iterable[Running], typical: Mapping[str, Typical], now: int, limits: Mapping[str, float]
) -> list[Overrun]:
    """The jobs that have run too long, the longest first: past a limit, past their p99, or without heartbeat.

    *limits* are seconds by task. *now* is in µs since the epoch, by the broker's clock.
    """
    found = (_overrun(job, typical.get(job.task or ""), now, limits) for job in running)
    return sorted((each for each in found if each), key=lambda each: -each.took)


def _overrun(job: Running, typical: Typical | None, now: int, limits: Mapping[str, float]) -> Overrun | None:
    """Why *job* has run too long; None where it hasn't."""
    if job.heartbeat is not None and (now - job.heartbeat) / 1e6 > HEARTBEAT_TIMEOUT:
        return Overrun(job=job, took=(now - job.started) / 1e6, allowed=None, why="lost")
    took = run_time(job, now)
    limit = limits.get(job.task or "")
    if limit is not None:
        return Overrun(job=job, took=took, allowed=limit, why="limit") if took > limit else None
    if (
        typical is None
        or typical.p99 is None
        or took < max(typical.p99 * OVERRUN_FACTOR, typical.p99 + OVERRUN_SECONDS)
    ):
        return None
    return Overrun(job=job, took=took, allowed=typical.p99, why="p99")
