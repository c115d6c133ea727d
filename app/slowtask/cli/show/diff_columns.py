"""The columns of a comparison, in the terminal and in the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from slowtask.cli.show.console import UNKNOWN
from slowtask.rank.diff import Difference, Part
from slowtask.units import duration, percent, size

MIN_NAME_WIDTH: Final = 16  #: characters; for it, other columns are left out
ARROW: Final = " → "
TIMES: Final = "\N{MULTIPLICATION SIGN}"
MINUS: Final = "\N{MINUS SIGN}"
TO: Final = "\N{EN DASH}"
#: What each change is called, and its colour.
WORDS: Final = {
    "slower": ("slower", "bold red"),
    "faster": ("faster", "green"),
    "mix": ("another mix", "yellow"),
    "tail": ("more long runs", "yellow"),
    "same": ("same", "dim"),
    "unknown": ("too few runs", "dim"),
    "rough": ("too rough", "dim"),
    "new": ("new", "cyan"),
    "gone": ("gone", "dim"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column after the task's name."""

    title: str
    priority: int  #: a narrow terminal leaves out the lowest first
    cell: Callable[[Difference], Text]
    always: bool = True  #: False: left out where all its cells are empty


def change_text(task: Difference) -> Text:
    """What became of the run times, of failures and of kills."""
    word, style = WORDS["rough" if task.rough else task.change]
    worse = [name for name, is_so in (("fails", task.fails_more), ("killed", task.killed_more)) if is_so]
    text = Text(word, style=style)
    return Text.assemble(text, *((f", {each}", "bold red") for each in worse))


def ratio_text(task: Difference) -> Text:
    """How many times as long a typical run takes, with its interval of 95 %."""
    if task.ratio is None or not (task.before and task.after):
        return Text(UNKNOWN)
    if task.ratio_low is None or task.ratio_high is None:
        return Text(f"{TIMES}{task.ratio:.2f} (?)")
    return Text(f"{TIMES}{task.ratio:.2f} ({task.ratio_low:.2f}{TO}{task.ratio_high:.2f})")


def cost_text(seconds: float | None) -> str:
    """*seconds* of worker time with their sign."""
    if seconds is None:
        return UNKNOWN
    return ("+" if seconds > 0 else MINUS if seconds < 0 else "") + duration(abs(seconds))


def cost_cell(task: Difference) -> Text:
    """What the change costs, marked with `~` if run times come from the times of log lines."""
    rough = any(part is not None and part.margin for part in (task.before, task.after))
    return Text("~" * (rough and task.cost is not None) + cost_text(task.cost))


def both(
    value: Callable[[Part], float | None], text: Callable[[float], str], *, exact: bool = True
) -> Callable[[Difference], Text]:
    """A cell with a figure before and after, once where both are alike.

    One that isn't *exact* is a run time, marked with `~` if it comes from the times of log lines.
    """

    def say(part: Part | None) -> str:
        known = None if part is None else value(part)
        if part is None or known is None:
            return UNKNOWN
        return "~" * (not exact and part.margin > 0) + text(known)

    def cell(task: Difference) -> Text:
        before, after = say(task.before), say(task.after)
        return Text(before if before == after else f"{before}{ARROW}{after}")

    return cell


def seldom(
    value: Callable[[Part], float | None], text: Callable[[float], str]
) -> Callable[[Difference], Text]:
    """The same, but empty where the figure is 0 or unknown on both sides."""
    full = both(value, text)

    def cell(task: Difference) -> Text:
        known = any(part is not None and value(part) for part in (task.before, task.after))
        return full(task) if known else Text()

    return cell


COLUMNS: Final = (
    Column(title="CHANGE", priority=9, cell=change_text),
    Column(title="RUN TIME", priority=8, cell=ratio_text),
    Column(title="COST", priority=7, cell=cost_cell),
    Column(title="MEAN", priority=6, cell=both(lambda part: part.mean, duration, exact=False)),
    Column(title="RUNS", priority=5, cell=both(lambda part: part.runs, "{:,.0f}".format)),
    Column(title="FAILED", priority=4, always=False, cell=seldom(lambda part: part.failure_rate, percent)),
    Column(title="KILLED", priority=3, always=False, cell=seldom(lambda part: part.killed, "{:,.0f}".format)),
    Column(title="P95", priority=2, cell=both(lambda part: part.p95, duration, exact=False)),
    Column(title="WAIT P95", priority=1, always=False, cell=seldom(lambda part: part.wait_p95, duration)),
    Column(title="CPU", priority=0, always=False, cell=seldom(lambda part: part.cpu, duration)),
    Column(title="MEMORY", priority=-1, always=False, cell=seldom(lambda part: part.memory, size)),
)


def fit_columns(cells: Mapping[str, Sequence[Text]], width: int) -> list[Column]:
    """Choose the columns that fit *width* beside a task's name."""
    columns = [column for column in COLUMNS if column.always or any(map(str, cells[column.title]))]
    while columns and MIN_NAME_WIDTH + 2 + sum(2 + column_width(c.title, cells) for c in columns) > width:
        columns.remove(min(columns, key=lambda column: column.priority))
    return columns


def column_width(title: str, cells: Mapping[str, Sequence[Text]]) -> int:
    """How wide the column *title* is."""
    return max(len(title), *(cell.cell_len for cell in cells[title]), 1)
