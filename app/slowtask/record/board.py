"""RUN: memory that a worker shares with the processes that run its tasks. Shared by all queue systems.

Such a process notes there that its task began and that its record is written: when it dies, its worker knows
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

LAYOUT: Final = struct.Struct("=?qqH512s")  #: recorded, wall clock (µs), monotonic clock (ns), text
VARIABLE: Final = "SLOWTASK_BOARD"  #: how a spawned horse finds it: descriptor and worker's process id
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a process left on the board."""

    recorded: bool
    start: datetime | None  #: None: the task never began
    clock: int  #: `time.monotonic_ns()` at the start; one clock for all processes of a machine
    name: str  #: what runs: the task's name, or whatever tells one attempt from another


class Board:
    """The page, of one or more slots; the worker makes it before it forks."""

    def __init__(self, page: mmap.mmap | None = None, slots: int = 1) -> None:
        self._page = page or mmap.mmap(-1, LAYOUT.size * slots)
        self._slots = slots

    def clear(self, slot: int = 0) -> None:
        """Before a process starts."""
        self._page[self._place(slot)] = bytes(LAYOUT.size)

    def began(self, start: datetime, clock: int, name: str, slot: int = 0) -> None:
        """The task *name* starts now."""
        text = name.encode(errors="replace")[:512]
        noted = LAYOUT.pack(False, (start - EPOCH) // MICROSECOND, clock, len(text), text)  # noqa: FBT003
        self._page[self._place(slot)] = noted

    def recorded(self, slot: int = 0) -> None:
        """The attempt's record is written."""
        self._page[self._place(slot).start] = True

    def read(self, slot: int = 0) -> Noted:
        """What the process noted last."""
        recorded, start, clock, length, text = LAYOUT.unpack(self._page[self._place(slot)])
        return Noted(
            recorded=recorded,
            start=EPOCH + start * MICROSECOND if start else None,
            clock=clock,
            name=text[:length].decode(errors="replace"),
        )

    def owes(self, name: str, slot: int = 0) -> bool:
        """Whether the record of the attempt noted as *name* is still to be written."""
        if not self._page[self._place(slot).start]:
            return True
        return self.read(slot).name != name

    def _place(self, slot: int) -> slice:
        """Where *slot* lies; any number names one, a process id too."""
        at = slot % self._slots * LAYOUT.size
        return slice(at, at + LAYOUT.size)


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
