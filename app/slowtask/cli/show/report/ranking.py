"""SEE: the ranking as a table of HTML, with what a column is sorted by beside each cell's text."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from slowtask.cli.show.report.panels import name
from slowtask.rank.ranking import Task
from slowtask.units import duration, percent

UNKNOWN: Final = "\N{EN DASH}"
RED: Final = 0.01  #: failures are red from this share of the runs on
ROWS: Final = 500  #: more would be neither read nor small


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column after the task's name."""

    title: str
    value: Callable[[Task], float | None]
    text: Callable[[float], str] = duration
    exact: bool = True  #: False: a time, marked where it comes from lines in whole seconds


COLUMNS: Final = (
    Column(title="Runs", value=lambda task: task.count, text="{:,}".format),
    Column(title="Total", value=lambda task: task.total, exact=False),
    Column(title="Mean", value=lambda task: task.mean, exact=False),
    Column(title="Median", value=lambda task: task.p50, exact=False),
    Column(title="P95", value=lambda task: task.p95, exact=False),
    Column(title="P99", value=lambda task: task.p99, exact=False),
    Column(title="Max", value=lambda task: task.max, exact=False),
    Column(title="Failed", value=lambda task: task.failure_rate, text=percent),
    Column(title="Wait P95", value=lambda task: task.wait_p95),
)
TITLES: Final = ("Task", "Share", *(each.title for each in COLUMNS))


def table(tasks: Sequence[Task], rough: Collection[str]) -> str:
    """The first ROWS of *tasks*; the times of those in *rough* are marked with `~`."""
    widest = max((task.share or 0 for task in tasks), default=0)
    rows = "\n".join(_row(task, widest, rough=task.task in rough) for task in tasks[:ROWS])
    return f"<table>\n<thead><tr>{_heads()}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def breakable(called: str) -> str:
    """A name as HTML; a long one breaks at its dots and underscores."""
    return escape(called).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _heads() -> str:
    """The titles, which sort; the table comes sorted by share."""
    sorted_by = {"Share": ' aria-sort="descending"'}
    return "".join(
        f'<th scope="col"{sorted_by.get(title, "")}><button type="button">{title}</button></th>'
        for title in TITLES
    )


def _row(task: Task, widest: float, *, rough: bool) -> str:
    """One task."""
    called = name(task.task)
    cells = "".join(_cell(column, task, rough=rough) for column in COLUMNS)
    head = f'<th scope="row" data-value="{escape(called)}">{breakable(called)}</th>'
    return f"<tr>{head}{_share(task.share, widest)}{cells}</tr>"


def _share(share: float | None, widest: float) -> str:
    """A share in per cent, and as a bar, the *widest* of which fills its cell."""
    if share is None:
        return f'<td class="share" data-value="">{UNKNOWN}</td>'
    bar = f'<i style="width:{share / widest * 100:.1f}%"></i>' if share else ""
    return f'<td class="share" data-value="{share:.6g}">{bar}<b>{escape(percent(share))}</b></td>'


def _cell(column: Column, task: Task, *, rough: bool) -> str:
    """One figure."""
    value = column.value(task)
    if value is None:
        return f'<td data-value="">{UNKNOWN}</td>'
    mark = "~" if rough and not column.exact else ""
    return f'<td data-value="{value:.9g}"{_colour(column, value)}>{mark}{escape(column.text(value))}</td>'


def _colour(column: Column, value: float) -> str:
    """Failures stand out, and that there are none doesn't."""
    if column.title != "Failed" or 0 < value < RED:
        return ""
    return ' class="bad"' if value else ' class="zero"'
