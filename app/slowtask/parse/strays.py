"""The few lines of a log of ours that aren't ours, found by how lines begin and end.

DuckDB reads the others in place. So a torn line costs the log one more look, not a reading line by line.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, Final

from slowtask.parse.format import MAX_LINE_LENGTH
from slowtask.parse.items import Item, Tally
from slowtask.parse.ndjson import OWN_LINE_START
from slowtask.parse.reader import Reader
from slowtask.parse.rows import Rows
from slowtask.parse.scan import Told
from slowtask.parse.sources import Source
from slowtask.parse.stream import start_of

BLOCK: Final = 1 << 20  #: bytes
MOST: Final = 10_000  #: strays; a log with more is better read line by line
#: How a line of ours begins; it ends with a brace.
HEAD: Final = re.compile(
    rb'\{"@timestamp":"[-\dT:.]{26}Z","event\.id":"[^"]*","event\.dataset":"slowtask\.(?:run|queue|alert)",'
).match
BRACE: Final = ord("}")
#: Where that nearly always stands: quicker to look at. A mistake shows in the count.
DATASET: Final = b'","event.dataset":"slowtask.run",'
AT: Final = len('{"@timestamp":"2026-11-23T18:47:58.145554Z","event.id":"') + 32
PLACE: Final = slice(AT, AT + len(DATASET))

Stray = tuple[int, int, bytes]  #: line number from 1, offset, the line


def strays(
    source: Source, count: int, target: Path, *, date: date | None = None, timezone: tzinfo = UTC
) -> Tally | None:
    """Write the runs that the strays of *source* tell to *target*, as `scan` does.

    `None` unless the strays are *count* lines: what DuckDB took for none of ours, then, isn't what is found
    here, and all has to be read line by line.
    """
    with source.open() as stream:
        found = list(_few(stray_lines(stream)))
        if len(found) != count:
            return None
        out: list[Item] = []
        reader = Reader(
            out, lambda first: start_of(source, stream, date, datetime.now(timezone), first), timezone
        )
        _feed(reader, found)
    told = Told()
    with target.open("w", encoding="utf-8", newline="") as csv:
        told.take(out, Rows(csv))
    return Tally(
        lines=len(found),
        events=told.events,
        unparsable=told.unparsable,
        bad=[(source.name, each) for each in told.bad],
        files=[target],
    )


def stray_lines(stream: BinaryIO) -> Iterator[Stray]:
    """The strays of *stream*, in order."""
    number, offset, rest = 1, 0, b""
    while block := stream.read(BLOCK):
        block = rest + block
        end = block.rfind(b"\n") + 1
        if not end and len(block) < MAX_LINE_LENGTH * 32:
            rest = block
            continue
        whole, rest = (block[:end], block[end:]) if end else (block, b"")
        yield from _in(whole, number, offset)
        number += whole.count(b"\n")
        offset += len(whole)
    yield from _in(rest, number, offset)


def _in(block: bytes, number: int, offset: int) -> Iterator[Stray]:
    """The strays of whole lines, the first of which is *number* at *offset*."""
    glued = block.count(OWN_LINE_START) != block.count(b"\n" + OWN_LINE_START) + block.startswith(
        OWN_LINE_START
    )
    for line in block.split(b"\n"):
        odd = line[PLACE] != DATASET or line[-1] != BRACE or glued
        if odd and line and (line[-1] != BRACE or not HEAD(line) or line.count(OWN_LINE_START) > 1):
            yield number, offset, line
        number += 1
        offset += len(line) + 1


def _few(found: Iterator[Stray]) -> Iterator[Stray]:
    """*found*, up to one more than are wanted."""
    for number, each in enumerate(found):
        yield each
        if number == MOST:
            return


def _feed(reader: Reader, found: list[Stray]) -> None:
    """Have *reader* read the strays; lines of ours lay between those that don't adjoin."""
    following = 0
    for number, offset, line in found:
        if number != following:
            reader.interrupt()
        reader.number, reader.offset = number - 1, offset
        reader.read([line])
        following = number + 1
    reader.finish()
