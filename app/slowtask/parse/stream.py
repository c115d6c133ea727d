"""A source's bytes as lines, in constant memory; and the date of its first line."""

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
from slowtask.parse.times import Days, clock, first_day

#: What a damaged or cut gzip file raises, at its end or before.
DAMAGE: Final = (EOFError, OSError, zlib.error)
BLOCK: Final = 1 << 18  #: bytes read at once
CLOCK_LENGTH: Final = 9  #: of `\n18:47:58`
TIMES: Final = re.compile(rb"\n((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) ")


class Feed:
    """Cuts blocks into lines for *reader*. Of a line too long for any format it keeps the beginning."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._rest = b""  #: the line that the last block ended in
        self._length = 0  #: how long that line is, with what was not kept

    def take(self, block: bytes) -> None:
        """Read the lines that *block* ends."""
        head, *lines = block.split(b"\n")
        self._grow(head)
        if lines:
            last = lines.pop()
            self._flush()
            self._reader.read(lines)
            self._grow(last)

    def finish(self) -> None:
        """Read the last line, which nothing ends."""
        if self._length:
            self._flush()

    def _grow(self, part: bytes) -> None:
        """The line goes on."""
        self._length += len(part)
        if len(self._rest) <= MAX_JSON_LENGTH:
            self._rest += part[: MAX_JSON_LENGTH + 1]

    def _flush(self) -> None:
        """The line has ended."""
        if self._length == len(self._rest):
            self._reader.read([self._rest])
        else:
            self._reader.skip(self._rest, self._length)
        self._rest, self._length = b"", 0


def blocks(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """The bytes of *stream*, up to *size*. A pipe's come as they are written."""
    read = getattr(stream, "read1", stream.read)
    left = size
    while left is None or left > 0:
        block = read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            return
        left = None if left is None else left - len(block)
        yield block


def times(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """The clocks that open RQ's lines in *stream*, in order, but for repetitions: `b"18:47:58"`."""
    rest = b"\n"
    with contextlib.suppress(*DAMAGE):
        for block in blocks(stream, size):
            text = rest + block
            yield from (each for each, _ in groupby(TIMES.findall(text)))
            rest = text[max(text.rfind(b"\n"), len(text) - CLOCK_LENGTH) :]


def start_of(source: Source, stream: BinaryIO, day: date | None, now: datetime, first: int) -> Days:
    """The date before the first of *source*'s lines that tells only the time of day: *first*, in seconds.

    It is *day* if that is given. Else a file's last line is of the time the file was last changed, and the
    date goes back from there by each midnight in the file, for which it is read once more. A pipe can't be
    read twice: its first line is of today, or of yesterday where its clock says a time that is still to come.
    *now* is in the zone of the lines.
    """
    if day is not None:
        return Days(day)
    status = os.fstat(stream.fileno())
    if source.path is None or not stat.S_ISREG(status.st_mode):
        return Days(first_day(now, first, 0))
    with source.open() as again:
        return counted(times(again), datetime.fromtimestamp(status.st_mtime, now.tzinfo))


def counted(found: Iterable[bytes], written: datetime) -> Days:
    """The date before the first of the clocks *found* in a file that was last *written* then."""
    days = Days(written.date())
    for each in found:
        days.date(clock(each))
    return Days(first_day(written, days.last, days.midnights))


def fed(reader: Reader, stream: BinaryIO, size: int | None = None, *, last: bool = True) -> Iterator[None]:
    """Have *reader* read *stream*, up to *size* bytes; yields after each block. *last*: it all ends there."""
    feed = Feed(reader)
    try:
        for block in blocks(stream, size):
            feed.take(block)
            yield
    except DAMAGE:
        feed.finish()
        reader.mark_damaged()
    feed.finish()
    reader.finish(last=last)
    yield
