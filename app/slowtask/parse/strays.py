"""PARSE: read only the strays of slowtask's own log: the few lines that slowtask didn't write so.

DuckDB reads the other lines in place. A torn line so costs one more pass, not a reading line by line.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, Final

from slowtask.parse.dates import find_first_date
from slowtask.parse.format import MAX_LINE_LENGTH
from slowtask.parse.items import Item, OwnRun, Tally
from slowtask.parse.ndjson import OWN_LINE_START
from slowtask.parse.reader import Reader
from slowtask.parse.rows import Rows
from slowtask.parse.scan import PieceResult
from slowtask.parse.sources import Source

BLOCK_SIZE: Final = 1 << 20  #: bytes
MAX_STRAYS: Final = 10_000  #: a log with more is better read line by line
#: How a line of ours begins; it ends with a brace.
match_own_line: Final = re.compile(
    rb'\{"@timestamp":"[-\dT:.]{26}Z","event\.id":"[^"]*","event\.dataset":"slowtask\.(?:run|queue|alert)",'
).match
BRACE: Final = ord("}")
#: Where that nearly always stands, so that it is found faster. A mistake shows in the count.
DATASET: Final = b'","event.dataset":"slowtask.run",'
DATASET_PLACE: Final = len('{"@timestamp":"2026-11-23T18:47:58.145554Z","event.id":"') + 32
DATASET_SLICE: Final = slice(DATASET_PLACE, DATASET_PLACE + len(DATASET))

Stray = tuple[int, int, bytes]  #: line number from 1, offset, the line


def read_strays(  # noqa: PLR0913 - as of a scan
    source: Source,
    count: int,
    target: Path,
    *,
    date: date | None = None,
    timezone: tzinfo = UTC,
    full: bool = False,
) -> Tally | None:
    """Write the runs that the strays of *source* tell of to *target*, as `scan` does.

    DuckDB counted *count* lines that aren't runs. None if there aren't as many strays, or if one of them is
    an event that DuckDB may have counted too: then the whole log must be read line by line.
    """
    with source.open() as stream:
        strays = list(_limit(find_strays(stream)))
        if len(strays) != count:
            return None
        out: list[Item] = []
        reader = Reader(
            out,
            lambda first: find_first_date(source, stream, date, datetime.now(timezone), first),
            timezone,
            custom=source.custom,
        )
        _feed(reader, strays)
    places = {offset for _, offset, _ in strays}
    if any(isinstance(each, OwnRun) and each.offset in places for each in out):
        return None
    tally = _write(out, source, target, full=full)
    tally.lines, tally.skipped = len(strays), reader.skipped
    tally.guessed = [(source.name, reader.guessed)] if reader.guessed else []
    return tally


def _write(items: list[Item], source: Source, target: Path, *, full: bool) -> Tally:
    """Write those of *items* that are runs to *target*, and count all."""
    result = PieceResult()
    with target.open("w", encoding="utf-8", newline="") as csv:
        result.add(items, Rows(csv, source=source if full else None))
    return Tally(
        events=result.events,
        unparsable=result.unparsable,
        bad=[(source.name, each) for each in result.bad],
        files=[target],
    )


def find_strays(stream: BinaryIO) -> Iterator[Stray]:
    """Yield the strays of *stream*, in order."""
    number, offset, rest = 1, 0, b""
    while block := stream.read(BLOCK_SIZE):
        block = rest + block
        end = block.rfind(b"\n") + 1
        if not end and len(block) < MAX_LINE_LENGTH * 32:
            rest = block
            continue
        whole, rest = (block[:end], block[end:]) if end else (block, b"")
        yield from _find_in_block(whole, number, offset)
        number += whole.count(b"\n")
        offset += len(whole)
    yield from _find_in_block(rest, number, offset)


def _find_in_block(block: bytes, number: int, offset: int) -> Iterator[Stray]:
    """Yield the strays of the lines in *block*, the first of which is *number* at *offset*."""
    at_line_starts = block.count(b"\n" + OWN_LINE_START) + block.startswith(OWN_LINE_START)
    glued = block.count(OWN_LINE_START) != at_line_starts
    for line in block.split(b"\n"):
        suspect = line[DATASET_SLICE] != DATASET or line[-1] != BRACE or glued
        if suspect and line and not _is_own(line):
            yield number, offset, line
        number += 1
        offset += len(line) + 1


def _is_own(line: bytes) -> bool:
    """Whether *line* is one whole line of slowtask's."""
    return line[-1] == BRACE and bool(match_own_line(line)) and line.count(OWN_LINE_START) == 1


def _limit(strays: Iterator[Stray]) -> Iterator[Stray]:
    """Yield *strays*, up to one more than `MAX_STRAYS`."""
    for number, each in enumerate(strays):
        yield each
        if number == MAX_STRAYS:
            return


def _feed(reader: Reader, strays: list[Stray]) -> None:
    """Have *reader* read *strays*; lines of slowtask's stand between those that aren't neighbours."""
    following = 0
    for number, offset, line in strays:
        if number != following:
            reader.interrupt()
        reader.number, reader.offset = number - 1, offset
        reader.read([line])
        following = number + 1
    reader.finish()
