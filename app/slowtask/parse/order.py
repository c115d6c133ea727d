"""PARSE: feed a log to a reader in the order of time.

That is the order of its lines, unless its latest line comes first: so do log viewers export. Such a log is
read backwards, record by record: a line with a date, and the lines without one below it.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import BinaryIO, Final

from slowtask.errors import SourceError
from slowtask.parse.dates import DATE, HEAD
from slowtask.parse.document import Document, begins_document
from slowtask.parse.entries import Collector
from slowtask.parse.reader import Reader
from slowtask.parse.sources import is_plain
from slowtask.parse.stream import DECOMPRESSION_ERRORS, LineSplitter, read_blocks
from slowtask.parse.table import Table, find_header

SNIFFED_BYTES: Final = 1 << 16  #: of a log's beginning
MIN_FALLS: Final = 3  #: times that a date is earlier than that of the line above
SECTION_SIZE: Final = 1 << 18  #: bytes that are read at once from a log that is read backwards
MAX_SECTION_SIZE: Final = 1 << 22  #: bytes; if so many have no date between them, they are read forwards
#: What may stand before the time of a line of JSON.
JSON_HEAD: Final = rb'\{[^\n]{0,4000}?"(?:@?time|ts|asctime|@?\w{0,40}[tT]imestamp)" ?: ?"'
DATED: Final = rb"(?:%s|%s)%s" % (JSON_HEAD, HEAD, DATE)
DATED_LINES: Final = re.compile(rb"^" + DATED, re.MULTILINE)
RECORD: Final = re.compile(rb"\n(?=%s)" % DATED)

Place = tuple[int, int]  #: a place in a log: its offset, and how many line ends are before it


class Blocks:
    """The blocks of a stream, up to *size* bytes, or up to where it is damaged."""

    def __init__(self, stream: BinaryIO, size: int | None) -> None:
        self._blocks = read_blocks(stream, size)
        self.damaged = False

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the blocks that are left."""
        return self

    def __next__(self) -> bytes:
        """The next block."""
        try:
            return next(self._blocks)
        except DECOMPRESSION_ERRORS:
            self.damaged = True
            raise StopIteration from None


def feed(reader: Reader, stream: BinaryIO, size: int | None = None, *, last: bool = True) -> Iterator[None]:
    """Feed *stream*, up to *size* bytes, to *reader*; yield now and then. *last*: the log ends there."""
    blocks = Blocks(stream, size)
    start = next(blocks, b"")
    every = chain((start,), blocks)
    document = find_document(start) if size is None else None
    if document:
        reader.begin_document(document)
    if size is None and not document and is_newest_first(start):
        yield from _feed_backwards(reader, stream, every, len(start))
    else:
        yield from _feed_forwards(reader, every)
    if blocks.damaged:
        reader.mark_damaged()
    reader.finish(last=last)
    yield


def find_document(start: bytes) -> Collector | None:
    """What a log is that begins with *start*, if it isn't one of lines."""
    if begins_document(start):
        return Document()
    header = find_header(start)
    return Table(header) if header else None


def is_newest_first(start: bytes) -> bool:
    """Whether the dates of a log that begins with *start* only fall."""
    times = [day + time for day, time in DATED_LINES.findall(start[:SNIFFED_BYTES])]
    falls = sum(upper > lower for upper, lower in pairwise(times))
    return falls >= MIN_FALLS and not any(upper < lower for upper, lower in pairwise(times))


def _feed_forwards(reader: Reader, blocks: Iterable[bytes]) -> Iterator[None]:
    """Feed *blocks* to *reader* as they come."""
    splitter = LineSplitter(reader)
    for block in blocks:
        splitter.take(block)
        yield
    splitter.finish()


def _feed_backwards(reader: Reader, stream: BinaryIO, blocks: Iterable[bytes], read: int) -> Iterator[None]:
    """Feed the records in *blocks* to *reader*, last first. *stream* has *read* the first of them."""
    if is_plain(stream) and stream.seekable() and stream.tell() == read:
        yield from _feed_sections(reader, stream, _find_sections(blocks))
        return
    with tempfile.TemporaryFile(prefix="slowtask-") as copy:
        yield from _feed_sections(reader, copy, _find_sections(_copy(blocks, copy)))


def _copy(blocks: Iterable[bytes], target: BinaryIO) -> Iterator[bytes]:
    """Yield *blocks*, and write them to *target*. Raises `SourceError`."""
    try:
        for block in blocks:
            target.write(block)
            yield block
        target.flush()
    except OSError as error:
        raise SourceError(
            f"The latest line of this log comes first. To read it backwards, it is copied to "
            f"{tempfile.gettempdir()}, which failed ({error.strerror}): set TMPDIR to another folder."
        ) from error


def _find_sections(blocks: Iterable[bytes]) -> list[Place]:
    """Find places where records begin, about `SECTION_SIZE` apart; the last one is the log's end."""
    places = [(0, 0)]
    offset = count = 0
    for block in blocks:
        far = offset - places[-1][0] >= SECTION_SIZE
        if far and (found := RECORD.search(block)):
            places.append((offset + found.end(), count + block.count(b"\n", 0, found.end())))
        offset += len(block)
        count += block.count(b"\n")
    return [*places, (offset, count)]


def _feed_sections(reader: Reader, file: BinaryIO, places: list[Place]) -> Iterator[None]:
    """Feed the records of *file* to *reader*, last first, by sections that begin at *places*."""
    for begin, end in zip(places[-2::-1], places[:0:-1], strict=True):
        file.seek(begin[0])
        size = end[0] - begin[0]
        if size > MAX_SECTION_SIZE:
            reader.offset, reader.number = begin
            yield from _feed_forwards(reader, read_blocks(file, size))
        else:
            _read_backwards(reader, file.read(size), end)
            yield
    size, count = places[-1]
    file.seek(size - 1)
    reader.offset, reader.number = size, count + (file.read(1) != b"\n")


def _read_backwards(reader: Reader, text: bytes, end: Place) -> None:
    """Have *reader* read the records in *text*, which ends at *end*, last first."""
    offset, number = end
    for record in _split_backwards(text):
        offset -= len(record)
        number -= record.count(b"\n")
        reader.offset, reader.number = offset, number
        reader.read(record.removesuffix(b"\n").split(b"\n"))


def _split_backwards(text: bytes) -> Iterator[bytes]:
    """Yield the records in *text*, last first."""
    end = len(text)
    for found in reversed(list(RECORD.finditer(text))):
        yield text[found.end() : end]
        end = found.end()
    yield text[:end]
