"""`slowtask top --watch`: a live ranking whose order a key changes."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from slowtask.cli.logs import Options, make_view, require_fields
from slowtask.cli.show.keys import KEYS, QUIT, open_keyboard, read_key
from slowtask.cli.show.ranking import View, page
from slowtask.errors import SourceError, UsageError
from slowtask.rank.ranking import Order
from slowtask.store import Measurement, Query
from slowtask.store.protocol import Store


def run_live(store: Store, make_query: Callable[[], Query], options: Options, interval: float) -> None:
    """Show the ranking until `q` is pressed, and read the logs again every *interval* seconds.

    *make_query* is called each time, since `--since 1h` moves on. Raises `UsageError` without a terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--watch needs a terminal: in a script, use --json in a loop.")
    console = Console(highlight=False)
    with open_keyboard() as descriptor, Live(console=console, screen=True, auto_refresh=False) as screen:
        order: Order | None = options.by
        while order:
            options, query = replace(options, by=order), make_query()
            rank_again = partial(_rank, *_measure(store, query), query)
            order = _show_until(monotonic() + interval, descriptor, options, screen, rank_again)


def _show_until(
    end: float, descriptor: int, options: Options, screen: Live, rank_again: Callable[[Options], View | str]
) -> Order | None:
    """Show one measurement until *end*, in the order of the pressed keys.

    Returns the last order, or None if `q` was pressed.
    """
    while True:
        screen.update(frame(rank_again(options), options, screen.console), refresh=True)
        key = read_key(descriptor, end - monotonic())
        if key == QUIT:
            return None
        if not key:
            return options.by
        options = replace(options, by=KEYS[key])


def _measure(store: Store, query: Query) -> tuple[Measurement | str, float]:
    """Measure the runs in *store*. Returns the result, or why there is none, and the seconds it took."""
    start = monotonic()
    try:
        measurement = store.measure(query)
        require_fields(store, measurement, query)
        return measurement, monotonic() - start
    except SourceError as error:
        return str(error), monotonic() - start


def _rank(measurement: Measurement | str, took: float, query: Query, options: Options) -> View | str:
    """Return the ranking, or why there is none yet."""
    if isinstance(measurement, str):
        return measurement
    try:
        return make_view(measurement, query, options, took)
    except SourceError as error:
        return str(error)


def frame(view: View | str, options: Options, console: Console) -> Group:
    """The screen's content: *view* cut to the height of *console*, and the keys."""
    if isinstance(view, str):
        return Group(Text(view), Text(), keys_line(options.by))
    limit, count = options.limit, len(view.rows(options.limit).tasks)
    while True:
        screen = Group(page(view, limit, console.width), Text(), keys_line(options.by))
        excess = len(console.render_lines(screen, pad=False)) - console.height
        if excess <= 0 or count <= 1:
            return screen
        limit = count = max(1, count - excess)


def keys_line(by: Order) -> Text:
    """The keys, with the current order marked: `q quit   by:  t total  m max  …`."""
    line = Text("q quit   by:", style="dim")
    for key, order in KEYS.items():
        line.append(f"  {key}\N{NO-BREAK SPACE}{order}", style="bold reverse" if order == by else "dim")
    return line
