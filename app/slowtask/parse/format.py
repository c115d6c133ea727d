"""PARSE: what a log format must offer the reader, and what the formats share.

To add a format, write a module with one subclass of `Format` and enter the class in `reader.FORMATS`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import ClassVar, Final

import msgspec

from slowtask.parse.custom import CustomFormat
from slowtask.parse.envelope import Envelope
from slowtask.parse.items import End, Item, Reason, make_nameless
from slowtask.parse.jobs import Jobs
from slowtask.parse.moments import Moment, join_clocks, parse_moment, stamp_moment
from slowtask.parse.times import DateTracker, TimestampCache, nanoseconds
from slowtask.parse.told import Told
from slowtask.record.event import SECOND

MAX_LINE_LENGTH: Final = 64 * 1024  #: bytes; no longer line is matched against a regular expression
MAX_CACHED_NAMES: Final = 100_000
CLOCK_LENGTH: Final = 8  #: of `18:47:58`
STOCK_LENGTH: Final = 23  #: of `2026-11-23 18:48:35,822`
MILLISECOND: Final = 1_000_000  #: ns
COLOUR: Final = re.compile(rb"\x1b\[[0-9;]*m")  #: an escape that changes a terminal's colour

#: A run of a block: when it ended (µs since the epoch), how long it took (ns), its task.
BlockRun = tuple[int, int, str]


class Unreadable(Exception):  # noqa: N818 - a result of reading, not a fault
    """A line that looks like one of the format but can't be used, for *reason*."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True, kw_only=True)
class Context:
    """What a reader hands to each of its formats."""

    emit: Callable[[Item], object]  #: takes a finished item
    jobs: Jobs  #: pairs the starts and ends of runs that are logged in several lines
    told: Told  #: knows what has been told already
    timestamps: TimestampCache  #: reads times that have a date
    dates: Callable[[int], DateTracker]  #: finds the date of the first line that has none
    zone: tzinfo  #: of times that don't name one
    utc: TimestampCache  #: reads times of UTC
    custom: CustomFormat  #: how the log differs from those that are known
    before: Callable[[], bytes] | None  #: gives the log before this piece of it; None: this is the whole log
    envelope: Envelope | None = None  #: what the wrappers of the line that is read say
    minute: bytes | None = None  #: the beginning of its carrier's time, to the minute
    stream: str | None = None  #: which of the log's streams that line stands in
    tracker: DateTracker | None = None  #: the date of lines that give only a time of day
    dated: bytes | None = None  #: the time of the latest line that has a date, until a line without one comes
    guessed: date | None = None  #: the date of the first line whose date had to be guessed
    known: DateTracker | None = None  #: the date of the log, to find the year of lines that have none

    def date_of(self, seconds: int) -> date:
        """The date of the next line without one, whose clock shows *seconds* of the day."""
        if self.dated is not None:
            self._anchor(self.dated)
        if self.tracker is None:
            self.tracker = self.dates(seconds)
            if self.tracker.guessed:
                self.guessed = self.guessed or self.tracker.day
        return self.tracker.date(seconds)

    def _anchor(self, text: bytes) -> None:
        """Take the date from a line of the log that has one: *text* is its time."""
        self.dated = None
        with suppress(ValueError):
            moment = parse_moment(text)
            if moment.day is not None and moment.has_year:
                self.tracker = DateTracker(moment.day, moment.clock // 1_000_000)

    def resolve(self, text: bytes | None) -> tuple[int, int]:
        """When a line was logged (µs since the epoch), and how exact that is (ns).

        *text* is the time of its head, which the time of its wrappers completes. Raises `Unreadable`.
        """
        carried = self.envelope.time if self.envelope is not None else None
        try:
            if text is not None and carried is not None:
                if (moment := self._match(text, carried)) is not None:
                    return moment
                return self._join(parse_moment(text), parse_moment(carried))
            if text is not None or carried is not None:
                return self._stamp(self._complete(parse_moment(text or carried or b"")))
        except (ValueError, OverflowError):
            raise Unreadable(Reason.TIME) from None
        raise Unreadable(Reason.UNTIMED)

    def _match(self, text: bytes, carried: bytes) -> tuple[int, int] | None:
        """The same for the usual case, fast: both clocks show one minute, and the carrier's is in UTC."""
        if carried[-1:] != b"Z" or carried[4:5] != b"-":
            return None
        if len(text) == CLOCK_LENGTH and carried[11:16] == text[:5]:
            return self.utc[carried[:11] + text], SECOND
        if len(text) == STOCK_LENGTH and carried[:10] == text[:10] and carried[11:16] == text[11:16]:
            return self.utc.stamp(text), MILLISECOND
        return None

    def _join(self, inner: Moment, outer: Moment) -> tuple[int, int]:
        """The moment that two clocks show."""
        if inner.day is None or not inner.has_year:
            inner, outer = self._complete(inner), self._complete(outer)
        joined = join_clocks(inner, outer, self.zone)
        return self._stamp(inner) if joined is None else (joined, inner.precision)

    def _stamp(self, moment: Moment) -> tuple[int, int]:
        """The moment that a single clock shows, whose date may have to be guessed."""
        if moment.day is None:
            moment = moment._replace(day=self.date_of(moment.clock // 1_000_000))
        elif moment.has_year:
            self.tracker = DateTracker(moment.day, moment.clock // 1_000_000)
        return stamp_moment(moment, self.zone), moment.precision

    def _complete(self, moment: Moment) -> Moment:
        """*moment* with its year, if it has none: the latest that isn't after the log's own date."""
        if moment.has_year or moment.day is None:
            return moment
        own = self.tracker or self.known
        if own is None:
            own = self.known = self.dates(0)
        last = own.day + timedelta(days=1)
        day = moment.day.replace(year=last.year)
        day = day if day <= last else day.replace(year=last.year - 1)
        if own.guessed:
            self.guessed = self.guessed or day
        return moment._replace(day=day, has_year=True)

    def address(self, end: End) -> End:
        """Note in *end* where its line came from."""
        end.stream = self.stream
        if self.envelope is not None:
            end.host, end.labels = self.envelope.origin[:2]
        return end


class Glued(Unreadable):
    """Two lines in one, since two processes wrote at once: the second begins at *place*."""

    def __init__(self, place: int) -> None:
        super().__init__(Reason.MALFORMED)
        self.place = place


class Line(msgspec.Struct, kw_only=True, gc=False):
    """A line whose sentence has been found behind its wrappers and its head."""

    text: bytes
    at: int  #: where the sentence begins in *text*
    number: int
    offset: int
    time: bytes | None  #: of the head
    process: bytes | None = None  #: the process that logged it, if the head names one
    logger: bytes | None = None


class Format(ABC):
    """The lines of one kind of log. A reader makes one instance for each log, or piece of a log."""

    first_bytes: ClassVar[bytes]  #: each line of this format begins with one of these bytes
    head: ClassVar[bytes]  #: regular expression for how a line begins; a big log may be cut before it
    amendment: ClassVar[bytes | None] = None  #: matches in a line that can't be read without the one before
    max_length: ClassVar[int] = MAX_LINE_LENGTH
    multiline: ClassVar[bool] = False  #: any of its lines may go on in lines of no format
    chatter: ClassVar[tuple[Callable[[bytes], object], ...]] = ()  #: match lines to skip that begin otherwise
    losses: ClassVar[
        tuple[Callable[[bytes], object], ...]
    ] = ()  #: match such lines after which runs are lost

    def __init__(self, context: Context) -> None:
        self.context: Final = context
        self.emit: Final = context.emit

    @abstractmethod
    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Hand on what *line* tells; return a failure, to be completed with the traceback below it.

        Raises `Unreadable` for a line that can't be used, or isn't of this format: only then the reader asks
        `recognizes`.
        """

    def read_sentence(self, _line: Line) -> End | None:
        """Do the same with a line whose head is of another form, or that has wrappers around it.

        Raises `Unreadable`, with the reason `UNKNOWN` if the line has no sentence of this format.
        """
        raise Unreadable(Reason.UNKNOWN)

    @abstractmethod
    def recognizes(self, line: bytes) -> bool:
        """Whether *line*, which begins with one of `first_bytes`, is of this format."""

    def reads_at_once(self, _line: bytes) -> bool:
        """Whether *_line*, which was in a wrapper, is of this format for certain, and is nothing else."""
        return False

    def read_block(self, _lines: Sequence[bytes]) -> list[BlockRun] | None:
        """The runs of many lines at once, one for each; None if the lines must be read one by one."""
        return None

    def amends(self, _line: bytes, _failure: End) -> bool:
        """Whether all that *line* tells is more about *failure*, the one before it, which is then changed."""
        return False

    def withdraws(self, _line: bytes, _failure: End) -> bool:
        """Whether *line* says that *failure*, the one before it, didn't happen."""
        return False

    def adopt(self, _earlier: "Format") -> None:
        """Go on with what *_earlier*, of the same class, knew at the end of the lines before."""
        return

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
