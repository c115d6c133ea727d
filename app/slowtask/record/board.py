"""Share memory between a worker and the processes that run its tasks, for all queue systems.

A process that runs tasks notes there that its task began, and that it has written the record. When the
process dies, its worker reads whether the record is still missing, and from when to count.
"""

import contextlib
import mmap
import os
import struct
import tempfile
from datetime import datetime
from typing import Final

import msgspec

from slowtask.record.event import microseconds, moment

SLOT: Final = struct.Struct("=?qqH512s")  #: recorded, wall clock (µs), monotonic clock (ns), text
SLOT_BYTES: Final = SLOT.size
NAME_BYTES: Final = 512
#: The environment variable by which a spawned work-horse finds the board: `descriptor:worker's pid`.
BOARD_VARIABLE: Final = "SLOWTASK_BOARD"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a process left on the board."""

    recorded: bool
    start: datetime | None  #: None: the task never began
    clock: int  #: `time.monotonic_ns()` at the start; all processes of a machine share this clock
    name: str  #: what runs: the task's name, or anything that tells one attempt from another


class Board:
    """A page of shared memory with one or more slots. The worker makes it before it forks."""

    def __init__(self, page: mmap.mmap | None = None, slots: int = 1) -> None:
        self._page = page or mmap.mmap(-1, SLOT_BYTES * slots)
        self._slots = slots

    def clear(self, slot: int = 0) -> None:
        """Empty *slot* before a process starts."""
        place = self._place(slot)
        self._page[place : place + SLOT_BYTES] = bytes(SLOT_BYTES)

    def note_start(self, start: datetime, clock: int, name: str, slot: int = 0) -> None:
        """Note that the task *name* starts now."""
        text = name.encode("utf-8", "replace")[:NAME_BYTES]
        note = (False, microseconds(start), clock, len(text), text)
        SLOT.pack_into(self._page, self._place(slot), *note)

    def note_recorded(self, slot: int = 0) -> None:
        """Note that the attempt's record is written."""
        self._page[self._place(slot)] = True

    def read(self, slot: int = 0) -> Note:
        """Return what the process noted last."""
        recorded, start, clock, length, text = SLOT.unpack_from(self._page, self._place(slot))
        return Note(
            recorded=recorded,
            start=moment(start) if start else None,
            clock=clock,
            name=text[:length].decode(errors="replace"),
        )

    def lacks_record(self, name: str, slot: int = 0) -> bool:
        """Tell whether the record of the attempt *name* is still to be written."""
        if not self._page[self._place(slot)]:
            return True
        return self.read(slot).name != name

    def _place(self, slot: int) -> int:
        """Return where *slot* begins in the page. Any number names a slot, also a process id."""
        return slot % self._slots * SLOT_BYTES


def make_inheritable_board() -> Board:
    """Make a board that a *spawned* work-horse can open with `open_inherited_board`."""
    with tempfile.TemporaryFile() as file:
        file.truncate(SLOT_BYTES)
        descriptor = os.dup(file.fileno())
    os.set_inheritable(descriptor, True)  # noqa: FBT003
    os.environ[BOARD_VARIABLE] = f"{descriptor}:{os.getpid()}"
    return Board(mmap.mmap(descriptor, SLOT_BYTES))


def open_inherited_board() -> Board | None:
    """Open the worker's board in a work-horse that it spawned; return None in any other process."""
    descriptor, _, worker = os.environ.get(BOARD_VARIABLE, "").partition(":")
    with contextlib.suppress(OSError, ValueError):
        if worker == str(os.getppid()):
            os.set_inheritable(int(descriptor), False)  # noqa: FBT003
            return Board(mmap.mmap(int(descriptor), SLOT_BYTES))
    return None
