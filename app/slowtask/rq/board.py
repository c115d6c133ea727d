"""A page of memory that a worker shares with its work-horse.

A horse notes there that its task began and that its record is written: when it dies, its worker knows
whether a record is owed, and from when to count.
"""

import contextlib
import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LAYOUT: Final = struct.Struct("=?qqH512s")  #: recorded, wall clock (µs), monotonic clock (ns), name
VARIABLE: Final = "SLOWTASK_BOARD"  #: how a spawned horse finds it: descriptor and worker's process id
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a horse left on the board."""

    recorded: bool
    start: datetime | None  #: None: the task never began
    clock: int  #: `time.monotonic_ns()` at the start; one clock for all processes of a machine
    name: str


class Board:
    """The page; the worker makes it before it forks."""

    def __init__(self, page: mmap.mmap | None = None) -> None:
        self._page = page or mmap.mmap(-1, LAYOUT.size)

    def clear(self) -> None:
        """Before a horse starts."""
        self._page[:] = bytes(LAYOUT.size)

    def began(self, start: datetime, clock: int, name: str) -> None:
        """The task *name* starts now."""
        text = name.encode(errors="replace")[:512]
        self._page[:] = LAYOUT.pack(False, (start - EPOCH) // MICROSECOND, clock, len(text), text)  # noqa: FBT003

    def recorded(self) -> None:
        """The attempt's record is written."""
        self._page[0] = True

    def read(self) -> Noted:
        """What the horse noted last."""
        recorded, start, clock, length, text = LAYOUT.unpack(self._page[:])
        return Noted(
            recorded=recorded,
            start=EPOCH + start * MICROSECOND if start else None,
            clock=clock,
            name=text[:length].decode(errors="replace"),
        )


def inheritable() -> Board:
    """A board that a *spawned* horse can open by `inherited`."""
    with tempfile.TemporaryFile() as file:
        file.truncate(LAYOUT.size)
        descriptor = os.dup(file.fileno())
    os.set_inheritable(descriptor, True)  # noqa: FBT003
    os.environ[VARIABLE] = f"{descriptor}:{os.getpid()}"
    return Board(mmap.mmap(descriptor, LAYOUT.size))


def inherited() -> Board | None:
    """The worker's board, in a horse that it spawned; None in any other process."""
    descriptor, _, worker = os.environ.get(VARIABLE, "").partition(":")
    with contextlib.suppress(OSError, ValueError):
        if worker == str(os.getppid()):
            os.set_inheritable(int(descriptor), False)  # noqa: FBT003
            return Board(mmap.mmap(int(descriptor), LAYOUT.size))
    return None
