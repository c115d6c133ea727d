"""Render the ranking as an HTML table; each cell also has the value by which page.js sorts."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Final

from slowtask.cli.show.console import RED_FAILURES, UNKNOWN
from slowtask.cli.show.groups import count_nouns
from slowtask.cli.show.report.links import NO_LINKS, Links, link_name
from slowtask.cli.show.report.panels import name
from slowtask.rank.digest import add_up
from slowtask.rank.ranking import Task
from slowtask.rank.spread import SPREADS
from slowtask.units import capitalize, duration, percent, size

MAX_ROWS: Final = 500  #: keeps the file small
BY_SHARE: Final = ("Share", "descending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column after the task's name."""

    title: str
    value: Callable[[Task], float | None]
    text: Callable[[float], str] = duration
    exact: bool = True  #: False: a time, marked if it comes from the times of log lines
    always: bool = True  #: False: left out if no task has a value other than 0


COLUMNS: Final = (
    Column(title="Runs", value=lambda task: task.count, text="{:,}".format),
    Column(title="Total", value=lambda task: task.total, exact=False),
    Column(title="Mean", value=lambda task: task.mean, exact=False),
    Column(title="Median", value=lambda task: task.p50, exact=False),
    Column(title="P95", value=lambda task: task.p95, exact=False),
    Column(title="P99", value=lambda task: task.p99, exact=False),
    Column(title="Max", value=lambda task: task.max, exact=False),
    Column(
        title="Spread", value=lambda task: None if task.spread is None else SPREADS.index(task.spread) + 1,
        text=lambda place: SPREADS[int(place) - 1], always=False,
    ),
    Column(title="Failed", value=lambda task: task.failure_rate, text=percent),
    Column(title="Killed", value=lambda task: task.killed, text="{:,}".format, always=False),
    Column(title="Wait P95", value=lambda task: task.wait_p95),
    Column(title="CPU", value=lambda task: task.cpu, always=False),
    Column(title="Memory", value=lambda task: task.memory, text=size, always=False),
)  # fmt: skip


def table(
    tasks: Sequence[Task],
    rough: Collection[str],
    noun: str = "task",
    links: Links = NO_LINKS,
    order: tuple[str, str] = BY_SHARE,
) -> str:
    """The table of the first MAX_ROWS *tasks*, and of the others as one row.

    The times of those in *rough* are marked with `~`. *noun* is what they are, and *order* the title of the
    column by which they are sorted, and the direction.
    """
    widest = max((task.share or 0 for task in tasks), default=0)
    columns = choose_columns(tasks)
    rows = "\n".join(
        _row(task, columns, widest, links, rough=task.task in rough) for task in tasks[:MAX_ROWS]
    )
    return (
        f"<table>\n<thead><tr>{_heads(columns, noun, links, order)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n"
        f"{_rest(tasks[MAX_ROWS:], columns, widest, rough, noun)}</table>"
    )


def choose_columns(tasks: Sequence[Task]) -> list[Column]:
    """The columns that say something of *tasks*."""
    return [column for column in COLUMNS if column.always or any(map(column.value, tasks))]


def _rest(
    tasks: Sequence[Task], columns: Sequence[Column], widest: float, rough: Collection[str], noun: str
) -> str:
    """The foot of the table: what *tasks*, which have no row of their own, add up to."""
    if not tasks:
        return ""
    total = replace(add_up(tasks), task=count_nouns(len(tasks), noun, "more"))
    row = _row(
        total,
        columns,
        max(widest, total.share or 0),
        NO_LINKS,
        rough=any(task.task in rough for task in tasks),
    )
    return f"<tfoot>\n{row}\n</tfoot>\n"


def _heads(columns: Sequence[Column], noun: str, links: Links, order: tuple[str, str]) -> str:
    """The titles, as links or buttons that sort."""
    return "".join(
        f'<th scope="col"{_mark(title, order)}>{_title(title, links.sort(title))}</th>'
        for title in (capitalize(noun), "Share", *(column.title for column in columns))
    )


def _mark(title: str, order: tuple[str, str]) -> str:
    """The attribute of the column by which the table is sorted."""
    return f' aria-sort="{order[1]}"' if title == order[0] else ""


def _title(title: str, address: str | None) -> str:
    """A title that sorts: by a script, or without one by the page at *address*."""
    if address is None:
        return f'<button type="button">{escape(title)}</button>'
    return f'<a href="{escape(address)}">{escape(title)}</a>'


def _row(task: Task, columns: Sequence[Column], widest: float, links: Links, *, rough: bool) -> str:
    """The row of one task."""
    cells = "".join(_cell(column, task, rough=rough) for column in columns)
    shown = link_name(task.task, links.task(task.task))
    head = f'<th scope="row" data-value="{escape(name(task.task))}">{shown}</th>'
    return f"<tr>{head}{_share(task.share, widest)}{cells}</tr>"


def _share(share: float | None, widest: float) -> str:
    """The cell of a share: a bar, which fills the cell if the share is the *widest*, and percent."""
    if share is None:
        return f'<td class="share" data-value="">{UNKNOWN}</td>'
    bar = f'<i style="width:{share / widest * 100:.1f}%"></i>' if share else ""
    return f'<td class="share" data-value="{share:.6g}">{bar}<b>{escape(percent(share))}</b></td>'


def _cell(column: Column, task: Task, *, rough: bool) -> str:
    """The cell of one figure."""
    value = column.value(task)
    if value is None:
        return f'<td data-value="">{UNKNOWN}</td>'
    mark = "~" if rough and not column.exact else ""
    return f'<td data-value="{value:.9g}"{_colour(column, value)}>{mark}{escape(column.text(value))}</td>'


def _colour(column: Column, value: float) -> str:
    """The class of a cell: failures stand out, their absence is pale."""
    if column.title == "Killed":
        return ' class="bad"' if value else ' class="zero"'
    if column.title != "Failed" or 0 < value < RED_FAILURES:
        return ""
    return ' class="bad"' if value else ' class="zero"'
