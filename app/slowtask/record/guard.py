"""Keep slowtask's own errors away from tasks: count them, and warn once of each kind on stderr.

The counts lie in memory that forked work-horses share with their worker, so "once" means once for a
worker with all its jobs, not once for each job.
"""

import contextlib
import mmap
import struct
import sys
from enum import IntEnum
from types import TracebackType
from typing import Final

from slowtask.record.lock import Lock


class Trouble(IntEnum):
    """The kinds of errors that slowtask counts instead of raising them."""

    EVENT = 0  #: a record couldn't be made or written: it is lost
    LABELS = 1  #: the labels callback raised, or returned no mapping: the record has no labels
    CUT = 2  #: labels were cut or left out, to keep the line short
    SETTING = 3  #: a setting is invalid: its default is used
    HANDLER = 4  #: a handler of the user's raised
    NEWS = 5  #: the monitor couldn't be sent what runs


MESSAGES: Final = {
    Trouble.EVENT: "a record was lost",
    Trouble.LABELS: "the labels callback failed, so records have no labels",
    Trouble.CUT: "labels were cut or left out",
    Trouble.SETTING: "an invalid setting was ignored",
    Trouble.HANDLER: "a handler of the logger slowtask.run failed",
    Trouble.NEWS: "the monitor can't be sent what this worker runs",
}
MAX_CAUSE_LENGTH: Final = 500  #: characters
COUNTS: Final = struct.Struct(f"={len(Trouble)}Q")

_shared = mmap.mmap(-1, COUNTS.size)
_lock = Lock()


def report_trouble(kind: Trouble, cause: object) -> None:
    """Count *kind*; the first time, warn on stderr with its *cause*. Never raises."""
    with contextlib.suppress(Exception):
        if _count(kind) == 1:
            text = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else str(cause)
            print(  # noqa: T201
                f"slowtask: {MESSAGES[kind]} ({text[:MAX_CAUSE_LENGTH]!a}); "
                "tasks aren't affected, further cases are counted and not printed",
                file=sys.stderr,
            )


def troubles() -> dict[Trouble, int]:
    """Return how often slowtask met each kind of error beside the tasks.

    Returns:
        For each `Trouble` the number of cases, in a worker and all processes forked from it together.

    Example:
        ```python
        from slowtask.record import troubles

        lost = sum(troubles().values())
        ```
    """
    return dict(zip(Trouble, COUNTS.unpack(_shared[:]), strict=True))


class Guard:
    """A context manager that counts an exception in its block as trouble of *kind* and stops it there.

    It is a class because a generator takes five times as long. Where each attempt passes, a plain `try` with
    `report_trouble` does the same in less time.
    """

    __slots__ = ("_kind",)

    def __init__(self, kind: Trouble) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        report_trouble(self._kind, error)
        return True


#: Wrap each hook in this, `with guarded: …`: what fails in the block is counted, never raised.
guarded: Final = Guard(Trouble.EVENT)


def _count(kind: Trouble) -> int:
    """Count one more of *kind*, and return how many that makes."""
    with _lock:
        counts: list[int] = list(COUNTS.unpack(_shared[:]))
        counts[kind] += 1
        _shared[:] = COUNTS.pack(*counts)
        return counts[kind]
