"""Read single keys in a live view."""

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
    "k": "killed",
    "r": "memory",
    "w": "wait",
}
QUIT: Final = "q"


def read_key(descriptor: int, timeout: float) -> str:
    """Wait up to *timeout* seconds for a known key. Returns "" if none came, `q` if the terminal is gone."""
    end = monotonic() + timeout
    while (left := end - monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            key = os.read(descriptor, 1).decode(errors="replace") or QUIT
            if key in KEYS or key == QUIT:
                return key
    return ""


@contextmanager
def open_keyboard() -> Iterator[int]:
    """Let stdin deliver each key at once instead of whole lines; yields its descriptor, and restores it."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
