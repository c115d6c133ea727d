"""`slowtask top --watch`: the ranking as it goes on, ordered by a key."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from slowtask.cli.logs import Options, look
from slowtask.cli.show.keys import KEYS, QUIT, keyboard, pressed
from slowtask.cli.show.ranking import View, page
from slowtask.errors import SourceError, UsageError
from slowtask.rank.ranking import Order
from slowtask.store import Measurement, Query, Store

AROUND: Final = 9  #: lines of the page that are not rows of the table


def live(store: Store, asked: Callable[[], Query], options: Options, interval: float) -> None:
    """Show the ranking until `q`, read anew every *interval* seconds: *asked* says what `--since 1h` is then.

    Raises `UsageError` off a terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--watch needs a terminal: use --json in a loop instead.")
    console = Console(highlight=False)
    with keyboard() as descriptor, Live(console=console, screen=True, auto_refresh=False) as screen:
        order: Order | None = options.by
        while order:
            options, query = replace(options, by=order), asked()
            look_again = partial(_look, *_measured(store, query), query)
            order = _until(descriptor, monotonic() + interval, options, screen, look_again)


def _until(
    descriptor: int, end: float, options: Options, screen: Live, look_again: Callable[[Options], View | str]
) -> Order | None:
    """Show one measurement until *end*, in the order of the keys; returns the last, `None` to quit."""
    while True:
        screen.update(frame(look_again(options), options, screen.console), refresh=True)
        key = pressed(descriptor, end - monotonic())
        if key == QUIT:
            return None
        if not key:
            return options.by
        options = replace(options, by=KEYS[key])


def _measured(store: Store, query: Query) -> tuple[Measurement | str, float]:
    """What *store* answers, or why it doesn't, and how many seconds that took."""
    start = monotonic()
    try:
        return store.measure(query), monotonic() - start
    except SourceError as error:
        return str(error), monotonic() - start


def _look(measurement: Measurement | str, took: float, query: Query, options: Options) -> View | str:
    """The ranking, or why there is none yet."""
    if isinstance(measurement, str):
        return measurement
    try:
        return look(measurement, query, options, took)
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
