"""`slowtask status --watch`."""

import sys
from collections.abc import Sequence
from time import monotonic
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from slowtask.cli.show.keys import QUIT, keyboard, pressed
from slowtask.cli.show.status import page
from slowtask.errors import BrokerError, UsageError
from slowtask.watch.view import Watch

INTERVAL: Final = 2.0  #: seconds between two polls


def live(watches: Sequence[Watch]) -> None:
    """Show the status until `q`. Raises `UsageError` off a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--watch needs a terminal: use --json in a loop instead.")
    console = Console(highlight=False)
    with keyboard() as descriptor, Live(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            end = monotonic() + INTERVAL
            pages = [_looked(each, console.width) for each in watches]
            screen.update(Group(*pages, Text("\nq quit", style="dim")), refresh=True)
            if pressed(descriptor, end - monotonic()) == QUIT:
                return


def _looked(watch: Watch, width: int) -> RenderableType:
    """The page of one poll, or why there is none."""
    try:
        return page(watch.poll(), width)
    except BrokerError as error:
        return Text(str(error), style="red")
