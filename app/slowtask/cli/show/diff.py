"""Render what changed for a terminal: both sides, the whole, a table that fits the width, and a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import make_table, shorten
from slowtask.cli.show.diff_columns import ARROW, COLUMNS, MINUS, column_width, cost_text, fit_columns
from slowtask.cli.show.doubts import describe_guess, describe_history
from slowtask.cli.show.groups import count_nouns, display_value, noun_of, plural_of
from slowtask.cli.show.ranking import span
from slowtask.rank.diff import Diff, Difference, describe
from slowtask.store import Comparison, Measurement
from slowtask.units import capitalize, duration, percent, plural

MAX_NAME_WIDTH: Final = 48  #: characters
MAX_WORSE: Final = 20  #: tasks that got worse and are shown below the cut
SMALL: Final = 0.001  #: a change that is shown as 0 %
TWO_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The diff to show, and what was compared."""

    diff: Diff
    names: tuple[str, str]  #: of the sides
    comparison: Comparison
    group: str | None  #: what was compared instead of tasks

    @property
    def sides(self) -> tuple[Measurement, Measurement]:
        """What was measured on each side."""
        return self.comparison.before, self.comparison.after

    @property
    def noun(self) -> str:
        """What a row is: `task`, `queue`, `tenant`."""
        return noun_of(self.group)


def page(view: View, limit: int, width: int) -> Group:
    """The whole output in *width* columns, with the first *limit* tasks (0: all)."""
    tasks = view.diff.tasks
    rows = choose_rows(tasks, limit)
    more = [task for task in tasks if task not in rows]
    parts: list[RenderableType] = [
        *describe_sides(view),
        *describe_whole(view),
        Text(),
        table(rows, more, view.noun, width),
        Text(),
        Text(describe(tasks, view.noun), style="bold"),
        *notes(rows, view.sides),
    ]
    return Group(*parts)


def choose_rows(tasks: Sequence[Difference], limit: int) -> list[Difference]:
    """The first *limit* tasks (0: all), and below them those that got worse."""
    rows = list(tasks[: limit or None])
    worse = [task for task in tasks[len(rows) :] if task.slower or task.fails_more or task.killed_more]
    return rows + worse[:MAX_WORSE]


def describe_sides(view: View) -> list[Text]:
    """What each side is: its name, its runs and their time."""
    lines = []
    for title, name, measurement in zip(("before", "after"), view.names, view.sides, strict=True):
        runs = plural(sum(each.count for each in measurement.figures), "run")
        tasks = count_nouns(sum(bool(each.task) for each in measurement.figures), view.noun)
        lines.append(Text(f"{title:7}{name}: {runs} of {tasks}, {span(measurement.figures)}", style="dim"))
    return lines


def describe_whole(view: View) -> list[Text]:
    """How the worker time changed, in three parts that add up."""
    found = view.diff
    if found.busy is None or found.work <= 0:
        return []
    parts = (
        ("runs per hour", found.split.runs),
        (f"mix of {plural_of(view.noun)}", found.split.mix),
        ("run times", found.split.times),
    )
    before, after = map(count_text, found.busy)
    whole, *rest = (signed(value / found.work) for value in (found.split.whole, *(part for _, part in parts)))
    said = ", ".join(f"{name} {share}" for (name, _), share in zip(parts, rest, strict=True))
    return [Text(f"workers busy on average: {before}{ARROW}{after} ({whole}), of which {said}")]


def count_text(count: float) -> str:
    """A number of workers, with two digits or more: `0.031`, `1.9`, `240`."""
    if count < 1:
        return f"{count:.2g}"
    return f"{count:.1f}" if round(count) < TWO_DIGITS else f"{count:,.0f}"


def signed(share: float) -> str:
    """*share* as a percentage with its sign: `+12 %`."""
    if abs(share) < SMALL:
        return "0 %"
    text = percent(abs(share)) if abs(share) < 1 else f"{abs(share) * 100:,.0f} %"
    return ("+" if share >= 0 else MINUS) + text


def table(rows: Sequence[Difference], more: Sequence[Difference], title: str, width: int) -> Table:
    """The table of *rows* and of the sum of *more*, with as many columns as fit *width*."""
    cells = {column.title: [column.cell(row) for row in rows] for column in COLUMNS}
    rest = rest_cells(more) if more else {}
    widths = {title: [*texts, *filter(None, [rest.get(title)])] for title, texts in cells.items()}
    columns = fit_columns(widths, width)
    used = sum(2 + column_width(column.title, widths) for column in columns)
    grid = make_table(title.upper(), *(column.title for column in columns))
    room = max(8, min(MAX_NAME_WIDTH, width - 2 - used))
    for place, row in enumerate(rows):
        name = display_value(row.task, title)
        grid.add_row(Text(shorten(name, room)), *(cells[column.title][place] for column in columns))
    if more:
        last = Text(shorten(count_nouns(len(more), title, "more"), room), style="dim")
        grid.add_row(last, *(rest.get(column.title, Text()) for column in columns))
    return grid


def rest_cells(more: Sequence[Difference]) -> Mapping[str, Text]:
    """What can be added up of the tasks that aren't shown."""
    runs = [
        sum(part.runs for part in parts if part)
        for parts in ([task.before for task in more], [task.after for task in more])
    ]
    return {
        "COST": Text(cost_text(sum(task.cost or 0 for task in more)), style="dim"),
        "RUNS": Text(f"{runs[0]:,}{ARROW}{runs[1]:,}", style="dim"),
    }


def notes(rows: Sequence[Difference], sides: Sequence[Measurement]) -> list[Text]:
    """Explain words of the table, and say what wasn't read."""
    lines = explain_words(rows)
    for measurement in sides:
        lines += doubts(measurement)
    return [Text(line, style="dim") for line in dict.fromkeys(lines)]


def explain_words(rows: Sequence[Difference]) -> list[str]:
    """Explain the words of CHANGE that don't say enough, and `~`."""
    changes = {"rough" if row.rough else row.change for row in rows}
    margin = max((part.margin for row in rows for part in (row.before, row.after) if part), default=0.0)
    rough = [f"~: from the times of log lines, \N{PLUS-MINUS SIGN} {duration(margin)}."] if margin else []
    return rough + [text for change, text in EXPLAINED.items() if change in changes]


EXPLAINED: Final = {
    "mix": "another mix: more of one kind of its runs; or only those of one tenant or host got slower.",
    "tail": "more long runs: a typical run takes as long as before, but more of them take very long.",
    "unknown": "too few runs: a change by 1.3 times wouldn't show for certain.",
    "rough": "too rough: the log lines have whole seconds, which hide how long such short runs take.",
}


def doubts(measurement: Measurement) -> list[str]:
    """What is uncertain about the figures of one side."""
    sentences = describe_guess(measurement.guessed), describe_history(measurement.history)
    return [f"{capitalize(each)}." for each in sentences if each] + (
        [f"{measurement.bad.sentence}: slowtask top --bad lists which."] if measurement.bad else []
    )
