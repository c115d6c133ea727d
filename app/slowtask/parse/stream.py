"""PARSE: cut a log into lines for the reader, in constant memory."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from slowtask.parse.reader import Reader

#: What a damaged or cut gzip file raises, at its end or before.
DECOMPRESSION_ERRORS: Final = (EOFError, OSError, zlib.error)
BLOCK_SIZE: Final = 1 << 18  #: bytes read at once


class LineSplitter:
    """Cuts blocks into lines for *reader*; of a line too long for any format it keeps only the beginning."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._max_length = reader.max_length
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
        if len(self._rest) <= self._max_length:
            self._rest += part[: self._max_length + 1]

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
