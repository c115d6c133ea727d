"""`slowtask top --watch`: the ranking as it goes on, ordered by a key."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from slowtask.cli.table import View, page
from slowtask.cli.top import Options, look
from slowtask.errors import SourceError, UsageError
from slowtask.rank import Order
from slowtask.store import Query, Store

KEYS: Final[dict[str, Order]] = {
    "t": "total",
    "m": "max",
    "a": "mean",
    "9": "p95",
    "c": "count",
    "f": "failures",
    "w": "wait",
}
QUIT: Final = "q"
AROUND: Final = 9  #: lines of the page that are not rows of the table


def live(store: Store, query: Query, options: Options, interval: float) -> None:
    """Show the ranking until `q`, read anew every *interval* seconds. Raises `UsageError` off a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--watch needs a terminal: use --json in a loop instead.")
    console = Console(highlight=False)
    with keyboard() as descriptor, Live(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            view = _look(store, query, options)
            screen.update(frame(view, options, console), refresh=True)
            key = pressed(descriptor, interval)
            if key == QUIT:
                return
            options = replace(options, by=KEYS.get(key, options.by))


def _look(store: Store, query: Query, options: Options) -> View | str:
    """The ranking, or why there is none yet."""
    try:
        return look(store, query, options)
    except SourceError as error:
        return str(error)


def frame(view: View | str, options: Options, console: Console) -> Group:
    """What the screen shows: *view* in the console's size, and the keys."""
    if isinstance(view, str):
        return Group(Text(view), Text(), keys(options.by))
    room = max(1, console.height - AROUND)
    limit = min(options.limit or room, room)
    shown = page(view, limit, console.width)
    return Group(*shown.renderables, Text(), keys(options.by))


def keys(by: Order) -> Text:
    """`q quit   by: t total  m max  …`, the order in force marked."""
    line = Text("q quit   by:", style="dim")
    for key, order in KEYS.items():
        line.append(f"  {key} {order}", style="bold reverse" if order == by else "dim")
    return line


def pressed(descriptor: int, patience: float) -> str:
    """The key that is pressed within *patience* seconds; `q` where the terminal is gone, else nothing."""
    end = monotonic() + patience
    while (left := end - monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            key = os.read(descriptor, 1).decode(errors="replace") or QUIT
            if key in KEYS or key == QUIT:
                return key
    return ""


@contextmanager
def keyboard() -> Iterator[int]:
    """Keys as they are pressed, not line by line; the terminal is left as it was."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
