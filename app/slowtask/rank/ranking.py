"""Puts the figures of tasks in order, and says in a sentence which task comes first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, Protocol, TypeVar, get_args

from slowtask.rank.spread import Spread, judge_spread
from slowtask.record.event import SECOND
from slowtask.store import Figures
from slowtask.units import duration, percent, printable, size

Order = Literal["total", "max", "mean", "p50", "p95", "p99", "count", "failures", "killed", "memory", "wait"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task's place in the ranking: an object of `top --json`. Times are in seconds."""

    task: str  #: if another field is ranked, its value; empty where that is unknown
    count: int
    total: float | None = None  #: None where no run has a known time, as for all the times that follow
    share: float | None = None  #: of all worker-seconds, 0 to 1
    mean: float | None = None
    max: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    failures: int
    failure_rate: float
    wait_p95: float | None = None
    killed: int  #: runs that ended because their process was killed
    memory: int | None = None  #: bytes: the most that the process of a run needed
    cpu: float | None = None  #: the mean CPU time of a run
    deviation: float | None = None  #: the standard deviation of the run times
    spread: Spread | None = None  #: how much the run times differ, in a word


def rank(figures: Iterable[Figures], by: Order = "total") -> list[Task]:
    """Order the tasks of *figures*, the worst by *by* first.

    Args:
        figures: A store's figures, one for each task; durations in nanoseconds.
        by: What to order by; ties are ordered by total, then by name.

    Returns:
        The tasks, with times in seconds and each task's share of all worker time.

    Example:
        >>> [task.task for task in rank(store.measure(Query()).figures)]
        ['shop.mail.send', 'shop.thumb']
    """
    figures = list(figures)
    total = sum(task.total for task in figures)
    tasks = [_task(task, total) for task in figures]
    return sorted(tasks, key=lambda task: (-weigh(task, by), -weigh(task, "total"), task.task))


class Named(Protocol):
    """Anything about one task, such as its place in the ranking."""

    @property
    def task(self) -> str: ...  # noqa: D102


NamedType = TypeVar("NamedType", bound=Named)


def match_tasks(tasks: Iterable[NamedType], patterns: Sequence[str]) -> list[NamedType]:
    """The tasks whose name matches one of *patterns*, such as `shop.*`; all tasks without patterns."""
    return [task for task in tasks if not patterns or any(fnmatchcase(task.task, each) for each in patterns)]


def verdict(tasks: Sequence[Task], by: Order = "total", noun: str = "task") -> str:
    """One sentence about the first of *tasks*, which are in the order *by*; *noun* is what they are."""
    if not tasks:
        return f"No {noun} matches."
    first = tasks[0]
    if weigh(first, by) <= 0:
        return EMPTY_SENTENCES[by]
    return VERDICTS[by].format(
        task=name_in_sentence(first.task, noun),
        share=percent(first.share or 0),
        value=_describe_value(weigh(first, by), by),
        count=f"{first.count:,}",
        runs="run" if first.count == 1 else "runs",
    )


TIME_ORDERS: Final = frozenset({"total", "max", "mean", "p50", "p95", "p99", "wait"})
VERDICTS: Final[dict[Order, str]] = {
    "total": "{task} used {share} of the worker time.",
    "max": "{task} had the longest run: {value}. It used {share} of the worker time.",
    "mean": "{task} takes longest on average: {value}. It used {share} of the worker time.",
    "p50": "{task} has the highest median: {value}. It used {share} of the worker time.",
    "p95": "{task} has the highest 95th percentile: {value}. It used {share} of the worker time.",
    "p99": "{task} has the highest 99th percentile: {value}. It used {share} of the worker time.",
    "count": "{task} ran most often: {value} {runs}. It used {share} of the worker time.",
    "failures": "{task} failed most often: {value} of {count} runs. It used {share} of the worker time.",
    "killed": "{task} was killed most often: {value} of {count} runs. It used {share} of the worker time.",
    "memory": "{task} needed most memory: {value}. It used {share} of the worker time.",
    "wait": "{task} waited longest: one run in twenty for more than {value}.",
}
EMPTY_SENTENCES: Final[dict[Order, str]] = {
    **dict.fromkeys(ORDERS, "No run took a measurable time."),
    "failures": "No run failed.",
    "killed": "No run was killed.",
    "memory": "No run's memory is known.",
    "wait": "No run is known to have waited.",
}


def _task(figures: Figures, whole: float) -> Task:
    """*figures* in seconds; *whole* is the total of all tasks in nanoseconds."""
    return Task(
        task=figures.task,
        count=figures.count,
        total=to_seconds(figures.total if figures.timed else None),
        share=figures.total / whole if whole > 0 and figures.timed else None,
        mean=to_seconds(figures.total / figures.timed if figures.timed else None),
        max=to_seconds(figures.max),
        p50=to_seconds(figures.p50),
        p95=to_seconds(figures.p95),
        p99=to_seconds(figures.p99),
        failures=figures.failures,
        failure_rate=figures.failures / figures.count,
        wait_p95=to_seconds(figures.wait_p95),
        killed=figures.killed,
        memory=figures.memory,
        cpu=to_seconds(mean_cpu(figures)),
        deviation=to_seconds(figures.deviation),
        spread=judge_spread(figures),
    )


def mean_cpu(figures: Figures) -> float | None:
    """The mean CPU time of a run (ns): as much of the mean run time as of the runs whose CPU is known."""
    if not figures.cpu_time or figures.cpu is None:
        return None
    return figures.cpu / figures.cpu_time * figures.total / figures.timed


def name_in_sentence(value: str, noun: str) -> str:
    """*value* as the subject of a sentence: `shop.mail.send`, `tenant acme`, `Work with no tenant`."""
    if noun == "task":
        return printable(value)
    return f"{noun} {printable(value)}" if value else f"Work with no {noun}"


def _describe_value(value: float, by: Order) -> str:
    """*value*, by which tasks are ordered, with its unit."""
    if by == "memory":
        return size(value)
    return duration(value) if by in TIME_ORDERS else f"{value:,.0f}"


def to_seconds(nanoseconds: float | None) -> float | None:
    """*nanoseconds* in seconds."""
    return None if nanoseconds is None else nanoseconds / SECOND


def weigh(task: Task, by: Order) -> float:
    """The value that *task* is ordered by; an unknown one is below zero."""
    value: float | None = getattr(task, "wait_p95" if by == "wait" else by)
    return -1.0 if value is None else float(value)
