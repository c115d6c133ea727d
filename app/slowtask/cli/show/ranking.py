"""Render the ranking for a terminal: a header, a table that fits the width, one sentence, and notes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import EIGHTHS, UNKNOWN, shorten, time_text
from slowtask.cli.show.doubts import describe_guess
from slowtask.rank.ranking import Order, Task, verdict
from slowtask.record.event import SECOND
from slowtask.store import Figures, Measurement
from slowtask.units import capitalize, duration, percent, plural, printable

BAR_WIDTH: Final = 10  #: characters
MIN_NAME_WIDTH: Final = 20  #: characters; for it, other columns are left out
MAX_NAME_WIDTH: Final = 60  #: characters
RED_FAILURES: Final = 0.01  #: share of a task's runs from which its failures are red


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column after the task's name."""

    title: str
    order: Order
    priority: int  #: a narrow terminal leaves out the lowest first; 0 is shown only if it is the order
    cell: Callable[[Task, bool], Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The ranking to show, and where it comes from."""

    tasks: Sequence[Task]  #: those that match, in order
    by: Order
    measurement: Measurement
    took: float  #: seconds that the measurement took


def page(view: View, limit: int, width: int) -> Group:
    """The whole output in *width* columns, with the first *limit* tasks (0: all)."""
    rows = view.tasks[: limit or None]
    rough = {task.task: task.margin for task in view.measurement.figures if task.margin}
    margin = max((rough.get(row.task, 0) for row in rows), default=0)
    parts: list[RenderableType] = [
        header(view.measurement, view.took),
        Text(),
        table(rows, rough, view.by, width),
        Text(),
        Text(verdict(view.tasks, view.by), style="bold"),
        *notes(len(view.tasks) - len(rows), view.measurement, margin),
    ]
    return Group(*parts)


def header(measurement: Measurement, took: float) -> Text:
    """What was measured: `1,284,003 runs of 214 tasks, 6 Nov 09:00 … 9 Nov 17:12 UTC, 14 files, 0.9 s`."""
    figures = measurement.figures
    runs = sum(task.count for task in figures)
    parts = (
        f"{plural(runs, 'run')} of {plural(len(figures), 'task')}",
        span(figures),
        measurement.source,
        f"{took:.1f} s",
    )
    return Text(", ".join(parts), style="dim")


def span(figures: Iterable[Figures]) -> str:
    """The time from the end of the first run to the end of the last."""
    figures = list(figures)
    first, last = (
        datetime.fromtimestamp(edge / 1e6, UTC)
        for edge in (min(task.first for task in figures), max(task.last for task in figures))
    )
    year = "" if first.year == last.year == datetime.now(UTC).year else " %Y"
    start = f"{first.day} {first:%b{year} %H:%M}"
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last.day} {last:%b{year} %H:%M}"
    return f"{start} \N{EN DASH} {end} UTC"


def table(rows: Sequence[Task], rough: Mapping[str, int], by: Order, width: int) -> Table:
    """The table of *rows*, with as many columns as fit *width*; the column of the order is always shown.

    *rough* has the tasks whose times come from lines in whole seconds.
    """
    cells = {column.title: [column.cell(row, row.task in rough) for row in rows] for column in COLUMNS}
    widths = {title: max(len(title), *(cell.cell_len for cell in column)) for title, column in cells.items()}
    columns = fit_columns(widths, by, width)
    room = width - 2 - sum(widths[column.title] + 2 for column in columns)
    grid = Table(box=None, padding=(0, 1), collapse_padding=False, pad_edge=True, header_style="dim")
    grid.add_column("TASK", no_wrap=True)
    for column in columns:
        ordered = column.order == by and column.title != "SHARE"
        justify: JustifyMethod = "left" if column.title == "SHARE" else "right"
        grid.add_column(
            column.title, justify=justify, no_wrap=True, header_style="bold" if ordered else "dim"
        )
    names = [Text(shorten(printable(row.task), max(8, min(room, MAX_NAME_WIDTH)))) for row in rows]
    for place, name in enumerate(names):
        grid.add_row(name, *(cells[column.title][place] for column in columns))
    return grid


def fit_columns(widths: Mapping[str, int], by: Order, width: int) -> list[Column]:
    """Choose the columns that fit *width* beside a task's name."""
    columns = [column for column in COLUMNS if column.priority or column.order == by]
    while columns and MIN_NAME_WIDTH + 2 + sum(widths[column.title] + 2 for column in columns) > width:
        spare = [column for column in columns if column.order != by or column.title == "SHARE"]
        if not spare:
            break
        columns.remove(min(spare, key=lambda column: column.priority))
    return columns


def share_bar(share: float | None) -> Text:
    """*share* as a bar and in percent: `██████▌     65 %`."""
    if share is None:
        return Text(UNKNOWN.rjust(BAR_WIDTH + 7))
    eighths = round(share * BAR_WIDTH * 8)
    full = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    return Text.assemble((full.ljust(BAR_WIDTH), "cyan"), percent(share).rjust(7))


def failure_text(task: Task) -> Text:
    """The share of the runs that failed; red from one in a hundred."""
    if not task.failures:
        return Text("0 %", style="dim")
    return Text(
        percent(task.failure_rate), style="bold red" if task.failure_rate >= RED_FAILURES else "yellow"
    )


COLUMNS: Final = (
    Column(title="SHARE", order="total", priority=9, cell=lambda task, _: share_bar(task.share)),
    Column(title="RUNS", order="count", priority=7, cell=lambda task, _: Text(f"{task.count:,}")),
    Column(
        title="TOTAL", order="total", priority=6, cell=lambda task, rough: time_text(task.total, rough=rough)
    ),
    Column(
        title="MEAN", order="mean", priority=3, cell=lambda task, rough: time_text(task.mean, rough=rough)
    ),
    Column(
        title="MEDIAN", order="p50", priority=0, cell=lambda task, rough: time_text(task.p50, rough=rough)
    ),
    Column(title="P95", order="p95", priority=5, cell=lambda task, rough: time_text(task.p95, rough=rough)),
    Column(title="P99", order="p99", priority=0, cell=lambda task, rough: time_text(task.p99, rough=rough)),
    Column(title="MAX", order="max", priority=4, cell=lambda task, rough: time_text(task.max, rough=rough)),
    Column(title="FAILED", order="failures", priority=8, cell=lambda task, _: failure_text(task)),
    Column(title="WAIT P95", order="wait", priority=2, cell=lambda task, _: time_text(task.wait_p95)),
)


def notes(more: int, measurement: Measurement, margin: int) -> list[Text]:
    """Explain `~`, say how many tasks are not shown, what wasn't read, and which dates were guessed."""
    lines = []
    if margin:
        lines.append(f"~: from log lines in whole seconds, ± {duration(margin / SECOND)}.")
    if more > 0:
        lines.append(f"{plural(more, 'more task')}: -n 0 shows all.")
    if measurement.guessed:
        lines.append(f"{capitalize(describe_guess(measurement.guessed))}.")
    if measurement.bad:
        lines.append(f"{measurement.bad.sentence}: --bad lists which, and why.")
    return [Text(line, style="dim") for line in lines]
