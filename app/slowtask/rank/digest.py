"""Chooses the rows of a ranking, adds up the others, and says how many workers were busy."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from slowtask.rank.ranking import Order, Task, weigh
from slowtask.store import Figures, Measurement

MAX_ROWS: Final = 20
FEW_ROWS: Final = 10  #: so few tasks are all shown
ENOUGH: Final = 0.95  #: of what the tasks are ordered by
#: Orders whose values add up; of the others, such as the maximum, no part is enough.
ADDING: Final[frozenset[Order]] = frozenset({"total", "count", "failures", "killed"})
MIN_FAILURES: Final = 5  #: of a task that stands out by them
MIN_FAILURE_RATE: Final = 0.1
MIN_SPAN: Final = 10.0  #: seconds; of a shorter time, nobody can say how many workers were busy
MIN_SPAN_RUNS: Final = 10  #: mean run times
MIN_TIMED: Final = 0.9  #: of the runs must have a known run time
DIGITS: Final = 12  #: after the point, of a sum; floats that are added up are less exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a ranking: together they have all runs of its tasks."""

    tasks: tuple[Task, ...]  #: those that are shown, in order
    outliers: tuple[tuple[Task, str], ...] = ()  #: the last of them that only stand out, each with why
    rest: tuple[Task, ...] = ()  #: those that aren't shown


def choose_rows(
    tasks: Sequence[Task], by: Order, limit: int | None = None, hidden: Collection[str] = ()
) -> Rows:
    """Choose which of *tasks*, which are in the order *by*, to show.

    Args:
        tasks: All tasks.
        by: Their order.
        limit: How many to show, 0: all. None: those that have 95 % of what they are ordered by, if that adds
            up, but at most 20, and after them up to four tasks that stand out.
        hidden: The names of tasks that are neither shown nor among the others; they count for the 95 %.

    Returns:
        The tasks to show, and the others.
    """
    visible = [task for task in tasks if task.task not in hidden]
    if limit is not None:
        count = limit or len(visible)
        return Rows(tasks=tuple(visible[:count]), rest=tuple(visible[count:]))
    count = _count_leading(tasks, by, hidden)
    shown, others = tuple(visible[:count]), visible[count:]
    outliers = {task.task: (task, why) for task, why in _find_outliers(shown, others)}
    rest = tuple(task for task in others if task.task not in outliers)
    if len(rest) == 1:  # its own row is as short as one that says that it is left out
        return Rows(tasks=tuple(visible))
    last = tuple(outliers[task.task] for task in others if task.task in outliers)
    return Rows(tasks=(*shown, *(task for task, _ in last)), outliers=last, rest=rest)


def add_up(tasks: Sequence[Task]) -> Task:
    """The figures of *tasks* together; percentiles and other figures that don't add up are unknown."""
    count, failures = sum(task.count for task in tasks), sum(task.failures for task in tasks)
    return Task(
        task="",
        count=count,
        total=_add(task.total for task in tasks),
        share=_add(task.share for task in tasks),
        max=max((task.max for task in tasks if task.max is not None), default=None),
        failures=failures,
        failure_rate=failures / count if count else 0.0,
        killed=sum(task.killed for task in tasks),
        memory=max((task.memory for task in tasks if task.memory is not None), default=None),
    )


def count_busy(figures: Iterable[Figures]) -> float | None:
    """Count how many workers were busy on average.

    That is the worker time of all runs ÷ the time from the begin of the first run to the end of the last.
    When the first run began is estimated: one mean run time before the first end, since the runs that
    ended then had begun before.

    Returns:
        None if that time is shorter than 10 s or than ten mean run times, or too few run times are known.
    """
    figures = list(figures)
    runs, timed = sum(task.count for task in figures), sum(task.timed for task in figures)
    total = sum(task.total for task in figures) / 1e9
    if not timed or timed < MIN_TIMED * runs:
        return None
    span = span_of(figures)
    mean = total / timed
    return None if span < max(MIN_SPAN, MIN_SPAN_RUNS * mean) else total / (span + mean)


def span_of(figures: Sequence[Figures]) -> float:
    """The seconds from the end of the first run to the end of the last; 0 without runs."""
    first, last = (
        min((each.first for each in figures), default=0),
        max((each.last for each in figures), default=0),
    )
    return (last - first) / 1e6


def describe_busy(measurement: Measurement) -> str:
    """How many workers were busy: `1.9 of 2 workers busy`; empty if that can't be said.

    The number of workers is left out if it isn't known, or if more were busy than were seen.
    """
    busy = count_busy(measurement.figures)
    if busy is None:
        return ""
    text = f"{busy:,.1f}" if busy >= 0.05 else "<0.1"  # noqa: PLR2004 - what one decimal can show
    workers = measurement.workers
    if workers is None or round(busy, 1) > workers:
        return f"{text} worker{'s' * (text != '1.0')} busy"
    return f"{text} of {workers:,} worker{'s' * (workers != 1)} busy"


def _count_leading(tasks: Sequence[Task], by: Order, hidden: Collection[str]) -> int:
    """How many of *tasks* that aren't *hidden* to show before those that only stand out."""
    visible = sum(task.task not in hidden for task in tasks)
    whole = sum(max(0.0, weigh(task, by)) for task in tasks)
    if visible <= FEW_ROWS or by not in ADDING or whole <= 0:
        return min(visible, MAX_ROWS)
    part, count = 0.0, 0
    for task in tasks:
        if part >= ENOUGH * whole or count == MAX_ROWS:
            break
        part += max(0.0, weigh(task, by))
        count += task.task not in hidden
    return max(1, count)


def _find_outliers(shown: Sequence[Task], others: Sequence[Task]) -> Iterator[tuple[Task, str]]:
    """Find those of *others* that stand out, each with the reason: at most one for each reason."""
    rate = max([MIN_FAILURE_RATE, *(task.failure_rate for task in shown)])
    failing = [task for task in others if task.failures >= MIN_FAILURES and task.failure_rate >= rate]
    yield from _first(failing, lambda task: task.failures, "fails often")
    yield from _first(_above(shown, others, _longest), _longest, "longest run")
    yield from _first(_above(shown, others, _memory), _memory, "most memory")
    yield from _first([task for task in others if task.killed], lambda task: task.killed, "killed")


def _above(shown: Sequence[Task], others: Sequence[Task], value: Callable[[Task], float]) -> list[Task]:
    """Those of *others* whose *value* is higher than that of each task that is *shown*."""
    highest = max(map(value, shown), default=0.0)
    return [task for task in others if value(task) > highest]


def _first(tasks: Sequence[Task], value: Callable[[Task], float], why: str) -> Iterator[tuple[Task, str]]:
    """The one of *tasks* with the highest *value*, and *why* it stands out."""
    if tasks:
        yield max(tasks, key=value), why


def _longest(task: Task) -> float:
    """The longest run time of *task*; 0 if it isn't known."""
    return task.max or 0.0


def _memory(task: Task) -> float:
    """The most memory that a run of *task* needed; 0 if it isn't known."""
    return task.memory or 0.0


def _add(values: Iterable[float | None]) -> float | None:
    """The sum of the known *values*; None if none is known."""
    known = [value for value in values if value is not None]
    # Shares that add up to 1 must not be 0.9999999999999998, which is shown as 99.9 %.
    return round(math.fsum(known), DIGITS) if known else None
