"""Render the ranking for a terminal: a header, a table that fits the width, one sentence, and notes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.columns import (
    BAR_WIDTH,
    SHORT_BAR_WIDTH,
    WIDE,
    Column,
    Look,
    choose_columns,
    choose_name_width,
    fit_columns,
)
from slowtask.cli.show.console import shorten
from slowtask.cli.show.doubts import describe_guess, describe_history
from slowtask.cli.show.groups import SPIKY_NOTE, count_nouns, display_value, noun_of, plural_of
from slowtask.rank.digest import Rows, add_up, choose_rows, describe_busy
from slowtask.rank.ranking import Order, Task, verdict
from slowtask.rank.review import Review
from slowtask.record.event import SECOND
from slowtask.store import Figures, Measurement
from slowtask.units import capitalize, duration, plural

MAX_NAME_WIDTH: Final = 60  #: characters


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The ranking to show, and where it comes from."""

    tasks: Sequence[Task]  #: those that match, in order
    by: Order
    measurement: Measurement
    took: float  #: seconds that the measurement took
    group: str | None = None  #: the field whose values are ranked; None: tasks
    columns: tuple[str, ...] = ()  #: those to show; none: those that say something and fit
    review: Review | None = None  #: which tasks were reviewed, and are hidden
    remarks: tuple[str, ...] = ()  #: further lines below the table

    @property
    def noun(self) -> str:
        """What is ranked: `task`, `queue`."""
        return noun_of(self.group)

    @property
    def shown(self) -> list[Task]:
        """The tasks that aren't hidden, in order."""
        return [task for task in self.tasks if task.task not in self._hidden]

    @property
    def hidden(self) -> list[Task]:
        """The reviewed tasks that are hidden, in order."""
        return [task for task in self.tasks if task.task in self._hidden]

    def rows(self, limit: int | None) -> Rows:
        """The rows to show: the first *limit* tasks (0: all; None: those that matter), and the others."""
        return choose_rows(self.tasks, self.by, limit, self._hidden)

    @property
    def _hidden(self) -> frozenset[str]:
        """The names of the tasks that are hidden."""
        return self.review.hidden if self.review else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table."""

    name: Text
    task: Task  #: its figures
    margin: int  #: its times are exact to ± so many ns
    style: str = ""
    mark: str = ""  #: before the name, however short that must be


def page(view: View, limit: int | None, width: int) -> Group:
    """The whole output in *width* columns, with the first *limit* tasks (0: all; None: those that matter)."""
    rows = view.rows(limit)
    lines = make_lines(view, rows)
    columns = choose_columns([line.task for line in lines], view.by, view.columns)
    fitting, grid = table(view, lines, columns, width)
    shown = {column.title for column in fitting}
    missing = [column.title for column in columns if view.columns and column.title not in shown]
    parts: list[RenderableType] = [
        header(view),
        Text(),
        grid,
        Text(),
        Text(headline(view), style="bold"),
        *(Text(f"! {each}.", style="yellow") for each in describe_worse(view, rows)),
        *(Text(note, style="dim") for note in notes(view, rows, lines, shown, missing)),
    ]
    return Group(*parts)


def headline(view: View) -> str:
    """One sentence about the first task."""
    if view.hidden and not view.shown:
        return f"All {plural_of(view.noun)} were reviewed, and none got worse."
    return verdict(view.shown, view.by, view.noun)


def describe_worse(view: View, rows: Rows) -> Iterator[str]:
    """For each task of *rows* that was reviewed and got worse, what did."""
    worse = view.review.worse if view.review else {}
    for task in rows.tasks:
        if task.task in worse:
            yield f"{display_value(task.task, view.noun)}: {worse[task.task]}"


def header(view: View) -> Text:
    """What was measured: `1,284,003 runs of 214 tasks, 6 Nov 09:00 … 9 Nov 17:12 UTC, 14 files, 0.9 s`."""
    measurement = view.measurement
    figures = measurement.figures
    runs = sum(task.count for task in figures)
    parts = (
        f"{plural(runs, 'run')} of {count_nouns(sum(1 for each in figures if each.task), view.noun)}",
        span(figures),
        describe_busy(measurement),
        measurement.source,
        f"{view.took:.1f} s",
    )
    return Text(", ".join(part for part in parts if part), style="dim")


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


def make_lines(view: View, rows: Rows) -> list[Line]:
    """The lines of the table: the tasks that are shown, and one for all others."""
    margins = {figures.task: figures.margin for figures in view.measurement.figures}
    worse = view.review.worse if view.review else {}
    lines = [_line(task, view.noun, margins, marked=task.task in worse) for task in rows.tasks]
    if rows.rest:
        lines.append(_sum_line(rows.rest, count_nouns(len(rows.rest), view.noun, "more"), margins))
    if view.hidden:
        lines.append(_sum_line(view.hidden, count_nouns(len(view.hidden), view.noun, "reviewed"), margins))
    return lines


def _line(task: Task, noun: str, margins: Mapping[str, int], *, marked: bool) -> Line:
    """The line of one task, *marked* if it got worse."""
    name = Text(display_value(task.task, noun), style="" if task.task else "dim")
    return Line(name=name, task=task, margin=margins.get(task.task, 0), mark="! " if marked else "")


def _sum_line(tasks: Sequence[Task], name: str, margins: Mapping[str, int]) -> Line:
    """The line of *tasks* together."""
    margin = max(margins.get(task.task, 0) for task in tasks)
    return Line(name=Text(name), task=add_up(tasks), margin=margin, style="dim")


def table(
    view: View, lines: Sequence[Line], columns: Sequence[Column], width: int
) -> tuple[list[Column], Table]:
    """The table of *lines* with those of *columns* that fit *width*; the column of the order always does.

    Returns the columns too.
    """
    bar = BAR_WIDTH if width >= WIDE else SHORT_BAR_WIDTH
    cells = {
        column.title: [column.cell(line.task, Look(rough=line.margin > 0, bar=bar)) for line in lines]
        for column in columns
    }
    widths = {title: max(len(title), *(cell.cell_len for cell in column)) for title, column in cells.items()}
    asked = bool(view.columns)
    longest = max(len(view.noun), *(len(line.mark) + line.name.cell_len for line in lines))
    least = choose_name_width(longest, width, asked=asked)
    columns = fit_columns(columns, widths, width - 2 - least, view.by, asked=asked)
    most = min(MAX_NAME_WIDTH, width - 2 - sum(widths[column.title] + 2 for column in columns))
    grid = make_grid(view.noun.upper(), columns, view.by)
    for place, line in enumerate(lines):
        name = Text(
            line.mark + shorten(line.name.plain, max(8, most) - len(line.mark)), style=line.name.style
        )
        grid.add_row(name, *(cells[column.title][place] for column in columns), style=line.style)
    return list(columns), grid


def make_grid(first: str, columns: Sequence[Column], by: Order) -> Table:
    """Make the table without its rows; the title of the order's column is bold."""
    grid = Table(box=None, padding=(0, 1), collapse_padding=False, pad_edge=True, header_style="dim")
    grid.add_column(first, no_wrap=True)
    for column in columns:
        ordered = column.order == by and column.title != "SHARE"
        justify: JustifyMethod = "left" if column.title == "SHARE" else "right"
        grid.add_column(
            column.title, justify=justify, no_wrap=True, header_style="bold" if ordered else "dim"
        )
    return grid


def notes(
    view: View, rows: Rows, lines: Sequence[Line], shown: Collection[str], missing: Sequence[str]
) -> Iterator[str]:
    """Explain what the table marks and leaves out, what wasn't read, and which dates were guessed."""
    if margin := max((line.margin for line in lines), default=0):
        yield f"~: from the times of log lines, ± {duration(margin / SECOND)}."
    if "SPREAD" in shown and any(line.task.spread == "spiky" for line in lines):
        yield SPIKY_NOTE
    if rows.outliers:
        yield f"Also shown: {_describe_outliers(rows, view.noun)}."
    if rows.rest:
        yield f"-n 0 shows all {count_nouns(len(view.shown), view.noun)}."
    yield from view.remarks
    if missing:
        yield f"No room for {', '.join(missing)}: widen the terminal, or set COLUMNS."
    if view.measurement.guessed:
        yield f"{capitalize(describe_guess(view.measurement.guessed))}."
    if view.measurement.history:
        yield f"{capitalize(describe_history(view.measurement.history))}."
    if view.measurement.bad:
        yield f"{view.measurement.bad.sentence}: --bad lists which, and why."


def _describe_outliers(rows: Rows, noun: str) -> str:
    """The tasks that stand out, each with the reason."""
    return ", ".join(f"{display_value(task.task, noun)} ({why})" for task, why in rows.outliers)
