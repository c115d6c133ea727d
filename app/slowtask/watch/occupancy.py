"""WATCH: how long a job of each queue occupies a worker: its run time, and the time until the next may begin.

The second is small for Celery. An RQ worker forks for each job, which takes longer than many short jobs do.
Times are in seconds.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from slowtask.watch.history import History
from slowtask.watch.judge import Typical
from slowtask.watch.recent import TaskRuns

PERIOD: Final = 3600.0  #: seconds whose runs tell which tasks arrive in a queue
EXPONENTIAL: Final = 1.0  #: the variability that is assumed where it isn't known
MIN_GAPS: Final = 5  #: that tell what a worker needs between two jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """How long a job occupies a worker."""

    mean: float  #: with what the worker needs between two jobs
    variability: float = EXPONENTIAL  #: variance over the square of the mean
    between: float = 0.0  #: that the worker needs between two jobs; 0 also if that isn't known


@dataclass(slots=True)
class Mix:
    """The tasks of one queue, by how often they run."""

    rate: float = 0.0  #: runs a second
    work: float = 0.0  #: seconds of run time a second
    squares: float = 0.0  #: the mean of the squares of run times, by the rate

    def add(self, rate: float, typical: Typical) -> None:
        """Add a task that runs so often."""
        variability = EXPONENTIAL if typical.variability is None else typical.variability
        self.rate += rate
        self.work += rate * typical.mean
        self.squares += rate * typical.mean**2 * (1 + variability)

    def describe(self, between: float) -> Occupancy:
        """How long one of its jobs occupies a worker."""
        run_time = self.work / self.rate
        mean = run_time + between
        variance = max(0.0, self.squares / self.rate - run_time**2)
        return Occupancy(mean=mean, variability=variance / mean**2 if mean else 0.0, between=between)


class Span(NamedTuple):
    """When a worker ran a job of *queue* that could have begun at *enqueued*."""

    start: float
    end: float
    enqueued: float
    queue: str


def find_occupancies(history: History, system: str | None = None) -> dict[str, Occupancy]:
    """How long the jobs of each queue of *system* occupy a worker, by the tasks that ran in the last hour.

    Of a busy task only the newest runs are kept, so tasks count by runs per second.
    """
    with history.lock:
        typical, tasks = history.typical(), history.tasks_of(system).values()
        newest = max((runs.last for runs in tasks), default=0.0)
        oldest = max(newest - PERIOD, min((runs.number("end")[0] for runs in tasks), default=0.0))
        mixes: dict[str, Mix] = defaultdict(Mix)
        for runs in tasks:
            for queue, rate in find_rates(runs, oldest, newest).items() if runs.task in typical else ():
                mixes[queue].add(rate, typical[runs.task])
        between = find_between(tasks)
    return {queue: mix.describe(between.get(queue, 0.0)) for queue, mix in mixes.items()}


def find_rates(runs: TaskRuns, oldest: float, newest: float) -> dict[str, float]:
    """The runs a second of one task in each queue, of those that ended between *oldest* and *newest*."""
    ends = runs.number("end")
    begin = max(oldest, ends[0]) if runs.count > len(runs) else oldest
    columns = zip(runs.text("queue"), ends, strict=True)
    counts = Counter(queue for queue, end in columns if queue and end >= begin)
    return {queue: count / max(1.0, newest - begin) for queue, count in counts.items()}


def find_between(tasks: Iterable[TaskRuns]) -> dict[str, float]:
    """What workers need until a job of each queue begins that waited when the one before ended."""
    gaps: dict[str, list[float]] = defaultdict(list)
    for spans in find_spans(list(tasks)).values():
        for one, two in pairwise(sorted(spans)):
            if two.enqueued <= one.end <= two.start:
                gaps[two.queue].append(two.start - one.end)
    return {queue: median(each) for queue, each in gaps.items() if len(each) >= MIN_GAPS}


def find_spans(tasks: Sequence[TaskRuns]) -> Mapping[str, list[Span]]:
    """When each worker ran jobs, over the last time of which all runs are kept."""
    whole = max((runs.number("end")[0] for runs in tasks if runs.count > len(runs)), default=-math.inf)
    spans: dict[str, list[Span]] = defaultdict(list)
    for runs in tasks:
        columns = (runs.number(name) for name in ("end", "took", "wait"))
        texts = (runs.text(name) for name in ("worker", "queue"))
        for end, took, wait, worker, queue in zip(*columns, *texts, strict=True):
            if end >= whole and worker and queue and not math.isnan(took + wait):
                spans[worker].append(Span(end - took, end, end - took - wait, queue))
    return spans
