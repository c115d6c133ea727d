"""OTEL: read one log from its place on."""

import os
from collections.abc import Iterator
from datetime import UTC
from typing import BinaryIO, Final

from slowtask.otel.place import HEAD_LENGTH, MIN_HEAD_LENGTH, Place, digest
from slowtask.parse.items import Item, OwnRun, Unparsable, to_run
from slowtask.parse.live import BLOCK_SIZE, find_first_day
from slowtask.parse.reader import Reader
from slowtask.parse.sources import Source
from slowtask.parse.stream import LineSplitter
from slowtask.parse.times import DateTracker
from slowtask.record.append import identity
from slowtask.record.event import Run

#: Bytes before a place that are read again: there begin the runs that end behind it, as RQ logs them.
LOOK_BACK: Final = 1 << 20


class FollowedLog:
    """One log that is open, and how far it was read."""

    def __init__(self, source: Source, file: BinaryIO, place: Place | None) -> None:
        """Go on at *place*; without one, begin at the begin."""
        self._source = source
        self._file = file
        self.missed = 0  #: searches since it was last found
        self.key = identity(os.fstat(file.fileno()))
        #: Bytes whose runs were sent before. The end of a log may have been cut off since.
        self._sent = 0 if place is None else min(place.offset, self.size)
        self._start = self.read_start()
        self._begin(max(0, self._sent - LOOK_BACK))

    def read(self) -> Iterator[Run | Unparsable]:
        """Read the next block, and yield its runs and the lines that couldn't be read."""
        if block := self._file.read(BLOCK_SIZE):
            self._splitter.take(block)
        if len(self._start) < HEAD_LENGTH:
            self._start = self.read_start()
        yield from self._take_items()

    def finish(self) -> Iterator[Run | Unparsable]:
        """Yield the runs that still wait for another line: there won't be one soon."""
        self._reader.interrupt()
        self._reader.jobs.finish()
        yield from self._take_items()

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def unread(self) -> int:
        """How many bytes weren't read yet; negative if the file was truncated."""
        return self.size - self._file.tell()

    @property
    def is_same(self) -> bool:
        """Whether the file still holds what was read: it wasn't truncated or written anew."""
        return self.unread >= 0 and self.read_start()[: len(self._start)] == self._start

    def starts_like(self, start: bytes) -> bool:
        """Whether a log that begins with *start* has so much in common with this one that it is its copy."""
        length = min(len(start), len(self._start))
        return length >= MIN_HEAD_LENGTH and start[:length] == self._start[:length]

    def read_start(self) -> bytes:
        """Its first bytes."""
        return os.pread(self._file.fileno(), HEAD_LENGTH, 0)

    @property
    def place(self) -> Place:
        """How far its runs were yielded."""
        device, inode = self.key
        offset = max(self._sent, self._base + self._reader.settled)
        length = min(len(self._start), offset)
        return Place(
            path=self._source.name,
            device=device,
            inode=inode,
            offset=offset,
            length=length,
            head=digest(self._start[:length]),
        )

    def skip_to_end(self) -> None:
        """Leave out all that is in the log now."""
        self._sent = self.size
        self._begin(max(0, self._sent - LOOK_BACK))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self, base: int) -> None:
        """Begin to read at the first line at or after *base*."""
        self._file.seek(max(0, base - 1))
        if base:
            self._file.readline(LOOK_BACK)
        self._base = self._file.tell()
        self._items: list[Item] = []
        self._reader = Reader(self._items, self._find_date, UTC, custom=self._source.custom)
        self._splitter = LineSplitter(self._reader)

    def _take_items(self) -> Iterator[Run | Unparsable]:
        """Yield what the reader has found and what wasn't sent before."""
        items, self._items[:] = [*self._items], []
        for item in items:
            offset = self._base + item.offset
            if offset < self._sent:
                continue
            if isinstance(item, OwnRun):
                yield item.run
            elif isinstance(item, Unparsable):
                yield item
            else:
                item.offset = offset
                yield to_run(item, *self.key)

    def _find_date(self, _first: int) -> DateTracker:
        """The date of the first line that gives only a time of day."""
        return find_first_day(self._source, self._file, self._base)
