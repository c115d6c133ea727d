"""The columns of the ranking: what each shows, and which of them fit the terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from slowtask.cli.show.console import UNKNOWN, draw_bar, failure_text, time_text
from slowtask.rank.ranking import Order, Task
from slowtask.rank.spread import Spread
from slowtask.units import percent, size

MIN_NAME_WIDTH: Final = 20  #: characters; for it, other columns are left out
WIDE_NAME_WIDTH: Final = 28  #: the same in a wide terminal
LEAST_NAME_WIDTH: Final = 8  #: characters, beside columns that were asked for
WIDE: Final = 100  #: columns of a terminal in which names and the bars of the shares may be long
BAR_WIDTH: Final = 10  #: characters
SHORT_BAR_WIDTH: Final = 5
SPREAD_STYLES: Final[dict[Spread, str]] = {"steady": "dim", "varied": "", "spiky": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the cells of one row look."""

    rough: bool = False  #: its times may come from those of log lines
    bar: int = BAR_WIDTH  #: characters of the bar of the share


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column after the task's name."""

    title: str
    cell: Callable[[Task, Look], Text]
    priority: int  #: a narrow terminal leaves out the lowest first; 0 is shown only if it is the order
    order: Order | None = None  #: the order that makes it bold, and that always shows it
    #: Whether it says something about one of the tasks: otherwise it is shown only if it is the order.
    says: Callable[[Task], bool] = lambda _: True


def choose_columns(rows: Sequence[Task], by: Order, names: Sequence[str]) -> list[Column]:
    """Choose the columns that *names* asks for; without names, those that say something about *rows*."""
    if names:
        return [COLUMNS[name] for name in names]
    return [
        column
        for column in COLUMNS.values()
        if column.order == by or (column.priority and any(map(column.says, rows)))
    ]


def choose_name_width(longest: int, width: int, *, asked: bool) -> int:
    """How wide the first column must be in *width* columns if its *longest* name is so long."""
    if asked:
        return min(longest, LEAST_NAME_WIDTH)
    return min(longest, WIDE_NAME_WIDTH if width >= WIDE else MIN_NAME_WIDTH)


def fit_columns(
    columns: Sequence[Column], widths: Mapping[str, int], room: int, by: Order, *, asked: bool
) -> list[Column]:
    """Choose those of *columns* that fit into *room*, but always the one of the order *by*.

    If they were *asked* for, the last ones are left out first.
    """
    fitting = list(columns)
    while fitting and sum(widths[column.title] + 2 for column in fitting) > room:
        if asked:
            fitting.pop()
            continue
        spare = [column for column in fitting if column.order != by or column.title == "SHARE"]
        if not spare:
            break
        fitting.remove(min(spare, key=lambda column: column.priority))
    return fitting


def share_bar(share: float | None, width: int = BAR_WIDTH) -> Text:
    """*share* as a bar and in percent: `██████▌     65 %`."""
    if share is None:
        return Text(UNKNOWN.rjust(width + 7))
    bar = draw_bar(round(share * width * 8))
    return Text.assemble((bar.ljust(width), "cyan"), percent(share).rjust(7))


def killed_text(task: Task) -> Text:
    """How many runs were killed; red, since that is never wanted."""
    return Text(f"{task.killed:,}", style="bold red" if task.killed else "dim")


def memory_text(task: Task) -> Text:
    """The most memory that a run needed."""
    return Text(UNKNOWN if task.memory is None else size(task.memory))


def spread_text(task: Task) -> Text:
    """How much the run times differ."""
    return Text(UNKNOWN) if task.spread is None else Text(task.spread, style=SPREAD_STYLES[task.spread])


def _time(value: Callable[[Task], float | None]) -> Callable[[Task, Look], Text]:
    """Make the cell of a time."""
    return lambda task, look: time_text(value(task), rough=look.rough)


COLUMNS: Final[dict[str, Column]] = {
    "share": Column(
        title="SHARE", order="total", priority=90, cell=lambda task, look: share_bar(task.share, look.bar)
    ),
    "runs": Column(title="RUNS", order="count", priority=70, cell=lambda task, _: Text(f"{task.count:,}")),
    "total": Column(title="TOTAL", order="total", priority=60, cell=_time(lambda task: task.total)),
    "mean": Column(title="MEAN", order="mean", priority=30, cell=_time(lambda task: task.mean)),
    "median": Column(title="MEDIAN", order="p50", priority=0, cell=_time(lambda task: task.p50)),
    "p95": Column(title="P95", order="p95", priority=50, cell=_time(lambda task: task.p95)),
    "p99": Column(title="P99", order="p99", priority=0, cell=_time(lambda task: task.p99)),
    "max": Column(title="MAX", order="max", priority=40, cell=_time(lambda task: task.max)),
    "spread": Column(
        title="SPREAD", priority=35, cell=lambda task, _: spread_text(task),
        says=lambda task: task.spread is not None,
    ),
    "deviation": Column(title="DEVIATION", priority=0, cell=_time(lambda task: task.deviation)),
    "cpu": Column(title="CPU", priority=0, cell=_time(lambda task: task.cpu)),
    "memory": Column(
        title="MEMORY", order="memory", priority=15, cell=lambda task, _: memory_text(task),
        says=lambda task: task.memory is not None,
    ),
    "failed": Column(
        title="FAILED", order="failures", priority=80,
        cell=lambda task, _: failure_text(task.failures, task.count),
    ),
    "killed": Column(
        title="KILLED", order="killed", priority=75, cell=lambda task, _: killed_text(task),
        says=lambda task: task.killed > 0,
    ),
    "wait": Column(
        title="WAIT P95", order="wait", priority=20, cell=lambda task, _: time_text(task.wait_p95),
        says=lambda task: task.wait_p95 is not None,
    ),
}  # fmt: skip
