"""`slowtask status --watch`: a live view of the status."""

import sys
from collections.abc import Sequence
from time import monotonic
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from slowtask.cli.show.keys import QUIT, open_keyboard, read_key
from slowtask.cli.show.status import page
from slowtask.errors import BrokerError, UsageError
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import Watch

INTERVAL: Final = 2.0  #: seconds between two polls


def run_live(watches: Sequence[Watch], thresholds: Thresholds) -> None:
    """Show the status until `q` is pressed. Raises `UsageError` without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--watch needs a terminal: in a script, use --json in a loop.")
    console = Console(highlight=False)
    with open_keyboard() as descriptor, Live(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            end = monotonic() + INTERVAL
            pages = [_poll(watch, thresholds, console.width) for watch in watches]
            screen.update(Group(*pages, Text("\nq quit", style="dim")), refresh=True)
            if read_key(descriptor, end - monotonic()) == QUIT:
                return


def _poll(watch: Watch, thresholds: Thresholds, width: int) -> RenderableType:
    """Poll the broker and return its page, or why it can't be read."""
    try:
        return page(watch.poll(), thresholds, width)
    except BrokerError as error:
        return Text(str(error), style="red")
