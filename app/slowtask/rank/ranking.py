"""Figures of tasks, put in order, and the sentence that says which one to look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from slowtask.record.event import SECOND
from slowtask.store import Figures
from slowtask.units import duration, percent, printable

Order = Literal["total", "max", "mean", "p50", "p95", "p99", "count", "failures", "wait"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task's place in the ranking: an object of `top --json`. Times are in seconds."""

    task: str
    count: int
    total: float | None  #: None where no run has a known time, as for all the times that follow
    share: float | None  #: of all worker-seconds, 0 to 1
    mean: float | None
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    failures: int
    failure_rate: float
    wait_p95: float | None


def rank(figures: Iterable[Figures], by: Order = "total") -> list[Task]:
    """The tasks of *figures*, the worst offender by *by* first; equals by total, then by name."""
    figures = list(figures)
    whole = sum(each.total for each in figures)
    tasks = [_task(each, whole) for each in figures]
    return sorted(tasks, key=lambda task: (-_weight(task, by), -_weight(task, "total"), task.task))


def named(tasks: Iterable[Task], patterns: Sequence[str]) -> list[Task]:
    """Those of *tasks* whose name matches one of *patterns* (`shop.*`); all without patterns."""
    return [task for task in tasks if not patterns or any(fnmatchcase(task.task, each) for each in patterns)]


def verdict(tasks: Sequence[Task], by: Order = "total") -> str:
    """One sentence about the first of *tasks*, which stand in the order *by*."""
    if not tasks:
        return "No task matches."
    first = tasks[0]
    if _weight(first, by) <= 0:
        return NOTHING[by]
    return SENTENCES[by].format(
        task=printable(first.task),
        share=percent(first.share or 0),
        value=duration(_weight(first, by)) if by in TIMES else f"{_weight(first, by):,.0f}",
        count=f"{first.count:,}",
        runs="run" if first.count == 1 else "runs",
    )


TIMES: Final = frozenset({"total", "max", "mean", "p50", "p95", "p99", "wait"})
SENTENCES: Final[dict[Order, str]] = {
    "total": "{task} held the workers {share} of the time.",
    "max": "{task} had the longest run: {value}. It held the workers {share} of the time.",
    "mean": "{task} takes longest on average: {value}. It held the workers {share} of the time.",
    "p50": "{task} has the highest median: {value}. It held the workers {share} of the time.",
    "p95": "{task} has the highest 95th percentile: {value}. It held the workers {share} of the time.",
    "p99": "{task} has the highest 99th percentile: {value}. It held the workers {share} of the time.",
    "count": "{task} ran most often: {value} {runs}. It held the workers {share} of the time.",
    "failures": "{task} failed most often: {value} of {count} runs. It held the workers {share} of the time.",
    "wait": "{task} waited longest: one run in twenty for more than {value}.",
}
NOTHING: Final[dict[Order, str]] = {
    **dict.fromkeys(ORDERS, "No run took any time that can be measured."),
    "failures": "No run failed.",
    "wait": "No run is known to have waited.",
}


def _task(figures: Figures, whole: float) -> Task:
    """*figures* in seconds, *whole* being the ns that all tasks took."""
    return Task(
        task=figures.task,
        count=figures.count,
        total=_seconds(figures.total if figures.timed else None),
        share=figures.total / whole if whole > 0 and figures.timed else None,
        mean=_seconds(figures.total / figures.timed if figures.timed else None),
        max=_seconds(figures.max),
        p50=_seconds(figures.p50),
        p95=_seconds(figures.p95),
        p99=_seconds(figures.p99),
        failures=figures.failures,
        failure_rate=figures.failures / figures.count,
        wait_p95=_seconds(figures.wait_p95),
    )


def _seconds(nanoseconds: float | None) -> float | None:
    """*nanoseconds* in seconds."""
    return None if nanoseconds is None else nanoseconds / SECOND


def _weight(task: Task, by: Order) -> float:
    """What *task* is ranked by; what isn't known ranks below zero."""
    value: float | None = getattr(task, "wait_p95" if by == "wait" else by)
    return -1.0 if value is None else float(value)
