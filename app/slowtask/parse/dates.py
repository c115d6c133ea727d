"""PARSE: find the date of the first line that gives only a time of day, as RQ's lines do.

Another line of the log may give a date, with a time of day that is near that of its neighbour. Else the date
is guessed: the last line is of the day on which the file was changed. From there midnights are counted back.
"""

import contextlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import BinaryIO, Final

from slowtask.parse.sources import Source
from slowtask.parse.stream import DECOMPRESSION_ERRORS, read_blocks
from slowtask.parse.times import DateTracker, first_day, seconds_of_day

CLOCK_LENGTH: Final = 8  #: of `18:47:58`
DATE_LENGTH: Final = 10  #: of `2026-11-23`
MAX_HEAD_LENGTH: Final = 64  #: bytes of a line in which its date ends
DAY: Final = 86400  #: seconds
NEAR: Final = 3600  #: seconds; clocks of neighbours that are farther apart are of other zones, or other times
MAX_DATES: Final = 1000  #: that are counted; a log has one, or a few
CLOCK: Final = rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
DATE: Final = rb"(\d{4}-\d\d-\d\d)[T ](%s)" % CLOCK
#: What may stand before the date of a line, which isn't among a job's arguments, as in
#: `18:47:58 default: jobs.import_day('2026-11-23 00:00:00')`.
HEAD: Final = rb"(?!\d\d:\d\d:\d\d )[^\n]{0,45}?(?<!['(])"
CLOCKS: Final = re.compile(rb"\n(%s) " % CLOCK)
DATED_LINE: Final = re.compile(rb"\n%s%s" % (HEAD, DATE))
CLOCKS_AND_DATES: Final = re.compile(rb"\n(?:(%s) |%s%s)" % (CLOCK, HEAD, DATE))


@dataclass(slots=True)
class ClockFollower:
    """Follows the times of day of a log, and works out the date of the first of them."""

    days: DateTracker = field(default_factory=lambda: DateTracker(date(2000, 1, 1)))  #: from any date
    found: Counter[date] = field(default_factory=Counter)  #: dates of the first, as other lines show them
    waiting: bytes | None = None  #: a date and time that isn't near the clock before it

    def take(self, text: bytes) -> None:
        """Take the next time of day, or the next time with a date, as `find_clocks` yields them."""
        if len(text) > CLOCK_LENGTH:
            self.waiting = None if self._compare(text) else text
            return
        self.days.date(seconds_of_day(text))
        if self.waiting is not None:
            self._compare(self.waiting)
            self.waiting = None

    def first_day(self, written: datetime) -> DateTracker:
        """The date of the first. It is guessed by the last change of the file, if no other line shows it."""
        if self.found:
            return DateTracker(self.found.most_common(1)[0][0])
        return DateTracker(first_day(written, self.days.last, self.days.midnights), guessed=True)

    def _compare(self, text: bytes) -> bool:
        """Whether the time *text*, which has a date, is near the latest clock. Then that has its date."""
        seconds = seconds_of_day(text[DATE_LENGTH + 1 :])
        ahead = (seconds - self.days.last + DAY // 2) % DAY - DAY // 2
        if self.days.last < 0 or abs(ahead) > NEAR:
            return False
        with contextlib.suppress(ValueError, OverflowError):  # no such day
            moment = datetime.fromisoformat(text.decode()) - timedelta(seconds=ahead)
            first = moment.date() - timedelta(days=self.days.midnights)
            if first in self.found or len(self.found) < MAX_DATES:
                self.found[first] += 1
        return True


def find_clocks(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """Yield the times of day that begin RQ's lines in *stream*, without repetitions: `b"18:47:58"`.

    Between them, yield the first and last time of the lines there that have a date: `b"2026-11-23 18:47:58"`.
    """
    rest = b"\n"
    with contextlib.suppress(*DECOMPRESSION_ERRORS):
        for block in read_blocks(stream, size):
            text = rest + block
            clocks = CLOCKS.findall(text)
            if clocks and DATED_LINE.search(text):
                yield from _find_with_dates(text)
            else:
                yield from (each for each, _ in groupby(clocks))
            rest = text[max(text.rfind(b"\n"), len(text) - MAX_HEAD_LENGTH - 1) :]


def _find_with_dates(text: bytes) -> Iterator[bytes]:
    """Yield the times of day in *text*, and those with a date that are next to them."""
    every = (clock or day + b" " + time for clock, day, time in CLOCKS_AND_DATES.findall(text))
    for length, group in groupby(every, len):
        times = [each for each, _ in groupby(group)]
        yield from times if length == CLOCK_LENGTH else (times[0], times[-1])


def find_first_date(
    source: Source, stream: BinaryIO, day: date | None, now: datetime, first: int
) -> DateTracker:
    """Find the date of the first line of *source* that gives only a time of day, *first* (in seconds).

    It is *day* if that is given. Else the file is read a second time, to find a line with a date, or to count
    the midnights back from the file's last change. A pipe can't be read twice: its first line is of today, or
    of yesterday if its time is still to come. *now* is in the zone of the lines.
    """
    if day is not None:
        return DateTracker(day)
    status = os.fstat(stream.fileno())
    if source.path is None or not stat.S_ISREG(status.st_mode):
        return DateTracker(first_day(now, first, 0), guessed=True)
    with source.open() as again:
        return follow_clocks(find_clocks(again)).first_day(
            datetime.fromtimestamp(status.st_mtime, now.tzinfo)
        )


def follow_clocks(found: Iterable[bytes]) -> ClockFollower:
    """Follow the times that `find_clocks` *found*."""
    follower = ClockFollower()
    for each in found:
        follower.take(each)
    return follower
