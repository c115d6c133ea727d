"""PARSE: cut a log into lines for the reader, in constant memory, and find the date of its first line."""

import contextlib
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import groupby
from typing import BinaryIO, Final

from slowtask.parse.ndjson import MAX_JSON_LENGTH
from slowtask.parse.reader import Reader
from slowtask.parse.sources import Source
from slowtask.parse.times import DateTracker, first_day, seconds_of_day

#: What a damaged or cut gzip file raises, at its end or before.
DECOMPRESSION_ERRORS: Final = (EOFError, OSError, zlib.error)
BLOCK_SIZE: Final = 1 << 18  #: bytes read at once
CLOCK_LENGTH: Final = 9  #: of `\n18:47:58`
CLOCKS: Final = re.compile(rb"\n((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) ")


class LineSplitter:
    """Cuts blocks into lines for *reader*; of a line too long for any format it keeps only the beginning."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._rest = b""  #: the line that the last block ended in
        self._length = 0  #: of that line, with what isn't kept

    def take(self, block: bytes) -> None:
        """Read the lines that *block* ends."""
        head, *lines = block.split(b"\n")
        self._extend(head)
        if lines:
            last = lines.pop()
            self._end_line()
            self._reader.read(lines)
            self._extend(last)

    def finish(self) -> None:
        """Read the last line, which has no line end."""
        if self._length:
            self._end_line()

    def _extend(self, part: bytes) -> None:
        """Add *part* to the unfinished line."""
        self._length += len(part)
        if len(self._rest) <= MAX_JSON_LENGTH:
            self._rest += part[: MAX_JSON_LENGTH + 1]

    def _end_line(self) -> None:
        """Hand the finished line to the reader."""
        if self._length == len(self._rest):
            self._reader.read([self._rest])
        else:
            self._reader.skip(self._rest, self._length)
        self._rest, self._length = b"", 0


def read_blocks(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of *stream*, up to *size*; those of a pipe as they are written."""
    read = getattr(stream, "read1", stream.read)
    left = size
    while left is None or left > 0:
        block = read(BLOCK_SIZE if left is None else min(BLOCK_SIZE, left))
        if not block:
            return
        left = None if left is None else left - len(block)
        yield block


def find_clocks(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """Yield the times of day that begin RQ's lines in *stream*, without repetitions: `b"18:47:58"`."""
    rest = b"\n"
    with contextlib.suppress(*DECOMPRESSION_ERRORS):
        for block in read_blocks(stream, size):
            text = rest + block
            yield from (each for each, _ in groupby(CLOCKS.findall(text)))
            rest = text[max(text.rfind(b"\n"), len(text) - CLOCK_LENGTH) :]


def find_first_date(
    source: Source, stream: BinaryIO, day: date | None, now: datetime, first: int
) -> DateTracker:
    """Find the date of the first line of *source* that gives only a time of day, *first* (in seconds).

    It is *day* if that is given. Else the last line of a file has the date of the file's last change, and the
    file is read a second time to count its midnights back from there. A pipe can't be read twice: its first
    line is of today, or of yesterday if its time is still to come. *now* is in the zone of the lines.
    """
    if day is not None:
        return DateTracker(day)
    status = os.fstat(stream.fileno())
    if source.path is None or not stat.S_ISREG(status.st_mode):
        return DateTracker(first_day(now, first, 0))
    with source.open() as again:
        return count_back(find_clocks(again), datetime.fromtimestamp(status.st_mtime, now.tzinfo))


def count_back(found: Iterable[bytes], written: datetime) -> DateTracker:
    """The date of the first of the times *found* in a file that was last changed at *written*."""
    days = DateTracker(written.date())
    for each in found:
        days.date(seconds_of_day(each))
    return DateTracker(first_day(written, days.last, days.midnights))
