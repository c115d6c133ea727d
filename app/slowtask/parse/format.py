"""PARSE: what a log format must offer the reader, and what the formats share.

To add a format, write a module with one subclass of `Format` and enter the class in `reader.FORMATS`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar, Final

from slowtask.parse.items import End, Item, Reason, make_nameless
from slowtask.parse.jobs import Jobs
from slowtask.parse.times import DateTracker, TimestampCache, nanoseconds

MAX_LINE_LENGTH: Final = 64 * 1024  #: bytes; no longer line is matched against a regular expression
MAX_CACHED_NAMES: Final = 100_000
COLOUR: Final = re.compile(rb"\x1b\[[0-9;]*m")  #: an escape that changes a terminal's colour

#: A run of a block: when it ended (µs since the epoch), how long it took (ns), its task.
BlockRun = tuple[int, int, str]


class Unreadable(Exception):  # noqa: N818 - a result of reading, not a fault
    """A line that looks like one of the format but can't be used, for *reason*."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a reader hands to each of its formats."""

    emit: Callable[[Item], object]  #: takes a finished item
    jobs: Jobs  #: pairs the starts and ends of runs that are logged in several lines
    timestamps: TimestampCache  #: reads times that have a date
    dates: Callable[[int], DateTracker]  #: finds the date of the first line that has none
    zone: tzinfo  #: of times that don't name one
    before: Callable[[], bytes] | None  #: gives the log before this piece of it; None: this is the whole log


class Format(ABC):
    """The lines of one kind of log. A reader makes one instance for each log, or piece of a log."""

    first_bytes: ClassVar[bytes]  #: each line of this format begins with one of these bytes
    head: ClassVar[bytes]  #: regular expression for how a line begins; a big log may be cut before it
    amendment: ClassVar[bytes | None] = None  #: matches in a line that can't be read without the one before
    max_length: ClassVar[int] = MAX_LINE_LENGTH
    multiline: ClassVar[bool] = False  #: any of its lines may go on in lines of no format
    chatter: ClassVar[tuple[Callable[[bytes], object], ...]] = ()  #: match lines to skip that begin otherwise

    def __init__(self, context: Context) -> None:
        self.context: Final = context
        self.emit: Final = context.emit

    @abstractmethod
    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Hand on what *line* tells; return a failure, to be completed with the traceback below it.

        Raises `Unreadable` for a line that can't be used, or isn't of this format: only then the reader asks
        `recognizes`.
        """

    @abstractmethod
    def recognizes(self, line: bytes) -> bool:
        """Whether *line*, which begins with one of `first_bytes`, is of this format."""

    def read_block(self, _lines: Sequence[bytes]) -> list[BlockRun] | None:
        """The runs of many lines at once, one for each; None if the lines must be read one by one."""
        return None

    def amends(self, _line: bytes, _failure: End) -> bool:
        """Whether all that *line* tells is more about *failure*, the one before it, which is then changed."""
        return False

    def withdraws(self, _line: bytes, _failure: End) -> bool:
        """Whether *line* says that *failure*, the one before it, didn't happen."""
        return False

    def complete(self, failure: End) -> None:
        """Hand on a failure of this format, once its traceback has been read."""
        self.emit(make_nameless(failure) if failure.task is None else failure)


class Names(dict[bytes, str]):
    """Names as text, each decoded once. The cache is emptied when a log has very many."""

    def __missing__(self, name: bytes) -> str:
        if len(self) > MAX_CACHED_NAMES:
            self.clear()
        self[name] = name.decode("utf-8", "replace")
        return self[name]


def read_times(timestamps: TimestampCache, time: bytes, seconds: bytes) -> tuple[int, int]:
    """When a run ended (µs since the epoch) and how long it took (ns). Raises `Unreadable`."""
    try:
        return timestamps.stamp(time), nanoseconds(seconds)
    except ValueError:  # one of these two says which of them it was
        return read_time(timestamps, time), read_duration(seconds)


def read_time(timestamps: TimestampCache, time: bytes) -> int:
    """*time* in µs since the epoch. Raises `Unreadable` if the calendar doesn't have it."""
    try:
        return timestamps.stamp(time)
    except ValueError:
        raise Unreadable(Reason.TIME) from None


def read_duration(seconds: bytes) -> int:
    """*seconds* in ns. Raises `Unreadable` if that is no duration."""
    try:
        return nanoseconds(seconds)
    except ValueError:
        raise Unreadable(Reason.DURATION) from None
