"""The ranking as a person sees it: a table as wide as the terminal, and what it says in one sentence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import EIGHTHS, UNKNOWN, shortened, time
from slowtask.rank.ranking import Order, Task, verdict
from slowtask.record.event import SECOND
from slowtask.store import Figures, Measurement
from slowtask.units import duration, percent, plural, printable

BAR: Final = 10  #: characters
NAME_MIN: Final = 20
NAME_MAX: Final = 60
RED: Final = 0.01  #: failures are red from this share of the runs on


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column after the task's name."""

    title: str
    order: Order
    worth: int  #: on a narrow terminal the least is left out first
    cell: Callable[[Task, bool], Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What there is to show: the tasks that match, in order, and what they were taken from."""

    tasks: Sequence[Task]
    by: Order
    measurement: Measurement
    took: float  #: seconds


def page(view: View, limit: int, width: int) -> Group:
    """The header, the table of the first *limit* tasks (0: all) in *width* columns, and the sentences."""
    rows = view.tasks[: limit or None]
    rough = {each.task: each.margin for each in view.measurement.figures if each.margin}
    margin = max((rough.get(row.task, 0) for row in rows), default=0)
    parts: list[RenderableType] = [
        header(view.measurement, view.took),
        Text(),
        table(rows, rough, view.by, width),
        Text(),
        Text(verdict(view.tasks, view.by), style="bold"),
        *notes(len(view.tasks) - len(rows), view.measurement.bad.count, margin),
    ]
    return Group(*parts)


def header(measurement: Measurement, took: float) -> Text:
    """`1,284,003 runs of 214 tasks, 6 Nov 09:00 … 9 Nov 17:12 UTC, 14 files, 0.9 s`."""
    figures = measurement.figures
    runs = sum(each.count for each in figures)
    parts = (
        f"{plural(runs, 'run')} of {plural(len(figures), 'task')}",
        span(figures),
        measurement.source,
        f"{took:.1f} s",
    )
    return Text(", ".join(parts), style="dim")


def span(figures: Iterable[Figures]) -> str:
    """From the first to the last end of a run, as in `header`."""
    figures = list(figures)
    first, last = (
        datetime.fromtimestamp(edge / 1e6, UTC)
        for edge in (min(each.first for each in figures), max(each.last for each in figures))
    )
    year = "" if first.year == last.year == datetime.now(UTC).year else " %Y"
    start = f"{first.day} {first:%b{year} %H:%M}"
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last.day} {last:%b{year} %H:%M}"
    return f"{start} \N{EN DASH} {end} UTC"


def table(rows: Sequence[Task], rough: Mapping[str, int], by: Order, width: int) -> Table:
    """*rows* with as many columns as *width* has room for; the one they are ordered by is always there."""
    cells = {column.title: [column.cell(row, row.task in rough) for row in rows] for column in COLUMNS}
    widths = {title: max(len(title), *(cell.cell_len for cell in column)) for title, column in cells.items()}
    columns = fitting(widths, by, width)
    room = width - 2 - sum(widths[column.title] + 2 for column in columns)
    grid = Table(box=None, padding=(0, 1), collapse_padding=False, pad_edge=True, header_style="dim")
    grid.add_column("TASK", no_wrap=True)
    for column in columns:
        ordered = column.order == by and column.title != "SHARE"
        justify: JustifyMethod = "left" if column.title == "SHARE" else "right"
        grid.add_column(
            column.title, justify=justify, no_wrap=True, header_style="bold" if ordered else "dim"
        )
    names = [Text(shortened(printable(row.task), max(8, min(room, NAME_MAX)))) for row in rows]
    for place, name in enumerate(names):
        grid.add_row(name, *(cells[column.title][place] for column in columns))
    return grid


def fitting(widths: Mapping[str, int], by: Order, width: int) -> list[Column]:
    """The columns that leave room for a name in *width*."""
    columns = [column for column in COLUMNS if column.worth or column.order == by]
    while columns and NAME_MIN + 2 + sum(widths[column.title] + 2 for column in columns) > width:
        spare = [column for column in columns if column.order != by or column.title == "SHARE"]
        if not spare:
            break
        columns.remove(min(spare, key=lambda column: column.worth))
    return columns


def bar(share: float | None) -> Text:
    """A share as a bar and in per cent, right-aligned: `██████▌     65 %`."""
    if share is None:
        return Text(UNKNOWN.rjust(BAR + 7))
    eighths = round(share * BAR * 8)
    full = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    return Text.assemble((full.ljust(BAR), "cyan"), percent(share).rjust(7))


def failed(task: Task) -> Text:
    """The share of runs that failed, in red from one in a hundred."""
    if not task.failures:
        return Text("0 %", style="dim")
    return Text(percent(task.failure_rate), style="bold red" if task.failure_rate >= RED else "yellow")


COLUMNS: Final = (
    Column(title="SHARE", order="total", worth=9, cell=lambda task, _: bar(task.share)),
    Column(title="RUNS", order="count", worth=7, cell=lambda task, _: Text(f"{task.count:,}")),
    Column(title="TOTAL", order="total", worth=6, cell=lambda task, rough: time(task.total, rough=rough)),
    Column(title="MEAN", order="mean", worth=3, cell=lambda task, rough: time(task.mean, rough=rough)),
    Column(title="MEDIAN", order="p50", worth=0, cell=lambda task, rough: time(task.p50, rough=rough)),
    Column(title="P95", order="p95", worth=5, cell=lambda task, rough: time(task.p95, rough=rough)),
    Column(title="P99", order="p99", worth=0, cell=lambda task, rough: time(task.p99, rough=rough)),
    Column(title="MAX", order="max", worth=4, cell=lambda task, rough: time(task.max, rough=rough)),
    Column(title="FAILED", order="failures", worth=8, cell=lambda task, _: failed(task)),
    Column(title="WAIT P95", order="wait", worth=2, cell=lambda task, _: time(task.wait_p95)),
)


def notes(more: int, bad: int, margin: int) -> list[Text]:
    """What else there is to know, a line each, only where it is true."""
    found = []
    if margin:
        found.append(f"~: from log lines in whole seconds, ± {duration(margin / SECOND)}.")
    if more > 0:
        found.append(f"{plural(more, 'more task')}: -n 0.")
    if bad:
        found.append(
            f"{plural(bad, 'line')} could not be parsed: --bad shows {'it' if bad == 1 else 'them'}."
        )
    return [Text(each, style="dim") for each in found]
