"""Hooks never hurt: what goes wrong in slowtask is counted, and warned of once, on stderr.

The counts lie in memory that forked work-horses share with their worker, so "once" means once for a
worker and not once for each job it forks.
"""

import contextlib
import mmap
import struct
import sys
import threading
from enum import IntEnum
from types import TracebackType
from typing import Final


class Trouble(IntEnum):
    """What can go wrong beside a task."""

    EVENT = 0  #: a record couldn't be made or written: it is lost
    LABELS = 1  #: the labels callback raised, or returned no mapping: the record goes without
    CUT = 2  #: labels were cut or left out, to keep the line bounded
    SETTING = 3  #: a setting makes no sense: its default is used
    HANDLER = 4  #: a handler of the user's raised
    NEWS = 5  #: the monitor can't be told what runs: it does without


SENTENCE: Final = {
    Trouble.EVENT: "a record was lost",
    Trouble.LABELS: "the labels callback failed, records go without labels",
    Trouble.CUT: "labels were cut",
    Trouble.SETTING: "a setting was ignored",
    Trouble.HANDLER: "a handler of the logger slowtask.run failed",
    Trouble.NEWS: "the monitor isn't told what runs",
}
COUNTS: Final = struct.Struct(f"={len(Trouble)}Q")

_shared = mmap.mmap(-1, COUNTS.size)
_lock = threading.Lock()


def trouble(kind: Trouble, cause: object) -> None:
    """Count *kind*; the first time, say so with *cause* on stderr. Never raises."""
    with contextlib.suppress(Exception):
        if _count(kind) == 1:
            text = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else str(cause)
            print(f"slowtask: {SENTENCE[kind]} ({text[:500]!a}); counted, not repeated", file=sys.stderr)  # noqa: T201


def troubles() -> dict[Trouble, int]:
    """How often each kind of trouble was met by this process and those forked from it."""
    return dict(zip(Trouble, COUNTS.unpack(_shared[:]), strict=True))


class Guard:
    """A block beside a task: an exception in it is trouble of *kind*, and ends here.

    A class, since it stands several times in each attempt, and a generator takes five times as long.
    """

    __slots__ = ("_kind",)

    def __init__(self, kind: Trouble) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        trouble(self._kind, error)
        return True


guarded: Final = Guard(Trouble.EVENT)


def _count(kind: Trouble) -> int:
    """One more of *kind*; returns how many that makes."""
    with _lock:
        counts: list[int] = list(COUNTS.unpack(_shared[:]))
        counts[kind] += 1
        _shared[:] = COUNTS.pack(*counts)
        return counts[kind]
