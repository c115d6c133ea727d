"""The terminal: how wide it is, and how a name, a time and a table look in it."""

import os
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from slowtask.units import duration

EIGHTHS: Final = " ▏▎▍▌▋▊▉"
PIPED: Final = 120  #: columns, where there is no terminal
UNKNOWN: Final = "\N{EN DASH}"


class Page(Console):
    """A console whose reader may leave: `slowtask top | head`."""

    def on_broken_pipe(self) -> None:
        """Let the command line end it, without rich's exit status 1."""
        raise BrokenPipeError


def console() -> Console:
    """Stdout: as wide as the terminal; no colour where it is none, or where NO_COLOR asks for that."""
    plain = Page(highlight=False)
    width = None if plain.is_terminal or "COLUMNS" in os.environ else PIPED
    return Page(highlight=False, width=width, soft_wrap=False)


def shortened(name: str, room: int) -> str:
    """*name* in *room* cells, cut in its middle: the end of a dotted path tells most."""
    if Text(name).cell_len <= room:
        return name
    tail = name
    while Text(tail).cell_len > room - 1:
        tail = tail[1:]
    dot = tail.find(".")
    return "…" + (tail[dot + 1 :] if 0 <= dot < len(tail) // 3 else tail)


def time(seconds: float | None, *, rough: bool = False) -> Text:
    """*seconds* for a person; `~` where they come from lines in whole seconds."""
    return Text(UNKNOWN if seconds is None else f"{'~' * rough}{duration(seconds)}")


def plain(first: str, *others: str) -> Table:
    """A table like that of `slowtask top`: the first column to the left, the others to the right."""
    grid = Table(box=None, padding=(0, 1), pad_edge=True, header_style="dim")
    grid.add_column(first, no_wrap=True)
    for title in others:
        grid.add_column(title, justify="right", no_wrap=True)
    return grid
