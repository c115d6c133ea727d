"""Keys as they are pressed, in a live view."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from slowtask.rank.ranking import Order

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
