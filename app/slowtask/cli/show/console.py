"""The terminal's width, and the look of names, times and tables that all views share."""

import os
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from slowtask.units import duration, percent

EIGHTHS: Final = " ▏▎▍▌▋▊▉"
PIPE_WIDTH: Final = 120  #: columns of the output if stdout is no terminal
UNKNOWN: Final = "\N{EN DASH}"
RED_FAILURES: Final = 0.01  #: share of a task's runs from which its failures are red


class PipeConsole(Console):
    """A console whose reader may close the pipe early, as in `slowtask top | head`."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which ends without rich's exit status 1."""
        raise BrokenPipeError


def make_console() -> Console:
    """Make a console for stdout: as wide as the terminal; without colour in a pipe or with NO_COLOR."""
    plain = PipeConsole(highlight=False)
    width = None if plain.is_terminal or "COLUMNS" in os.environ else PIPE_WIDTH
    return PipeConsole(highlight=False, width=width, soft_wrap=False)


def shorten(name: str, room: int) -> str:
    """Shorten *name* to *room* cells. The start is cut, since the end of a dotted path says most."""
    if Text(name).cell_len <= room:
        return name
    tail = name
    while Text(tail).cell_len > room - 1:
        tail = tail[1:]
    dot = tail.find(".")
    return "…" + (tail[dot + 1 :] if 0 <= dot < len(tail) // 3 else tail)


def time_text(seconds: float | None, *, rough: bool = False) -> Text:
    """*seconds* as a person reads them; *rough*, from the times of log lines, is marked with `~`."""
    return Text(UNKNOWN if seconds is None else f"{'~' * rough}{duration(seconds)}")


def draw_bar(eighths: int) -> str:
    """A bar that is so many *eighths* of a character long."""
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def failure_text(failures: int, count: int) -> Text:
    """The share of *count* runs that failed; red from one in a hundred."""
    if not failures:
        return Text("0 %", style="dim")
    rate = failures / count
    return Text(percent(rate), style="bold red" if rate >= RED_FAILURES else "yellow")


def make_table(first: str, *others: str) -> Table:
    """Make a table without lines; the first column is aligned left, the others right."""
    table = Table(box=None, padding=(0, 1), pad_edge=True, header_style="dim")
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table
