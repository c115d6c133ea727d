"""PARSE: a log that is a table, as stores of logs export it: names of columns, and a row for each entry.

Fields are told apart by commas, tabs or semicolons. A field in quotes may hold line ends, and a quote within
it is doubled.
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from io import StringIO
from typing import ClassVar, Final, NamedTuple

from slowtask.parse.entries import BOM, Collector, Entry, sort_entries
from slowtask.parse.fields import read_field_names
from slowtask.parse.items import Reason
from slowtask.parse.ndjson import MAX_JSON_LENGTH

MAX_HEADER: Final = 4000  #: bytes
MAX_AHEAD: Final = 1000  #: rows that are read to find out whether the latest comes first
MIN_TIME_DIGITS: Final = 10  #: of a time since 1970
DIGITS: Final = re.compile(r"\d+")
LETTERS: Final = re.compile(r"[A-Za-z]+")
ZONE_SUFFIX: Final = " [UTC]"  #: behind the name of a time, as Azure's portal writes it


class Header(NamedTuple):
    """The names of a table's columns."""

    names: tuple[str, ...]  #: those that `fields.json` has, as it has them
    time: int  #: the position of the first with a time
    separator: str


def find_header(start: bytes) -> Header | None:
    """The header that a log begins with, if *start* is that of a table with texts and times."""
    line = start[:MAX_HEADER].removeprefix(BOM).partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
    known = read_field_names()
    for separator in ",\t;":
        names = tuple(_find_name(cell) for cell in next(csv.reader([line], delimiter=separator), ()))
        times = [place for place, name in enumerate(names) if name in known["time"]]
        if times and len(set(names)) == len(names) and any(name in known["text"] for name in names):
            return Header(names, times[0], separator)
    return None


def _find_name(cell: str) -> str:
    """The name of a field that *cell* of a header means; itself, if it is another."""
    name = cell.strip().removesuffix(ZONE_SUFFIX)
    return list_names().get(name.lower(), name)


@cache
def list_names() -> dict[str, str]:
    """The names of texts and times in `fields.json`, by themselves in small letters."""
    return {name.lower(): name for kind in ("text", "time") for name in reversed(read_field_names()[kind])}


@cache
def row_pattern(separator: str) -> re.Pattern[str]:
    """What a whole row of a table matches; one with an open quote goes on in the next line."""
    field = rf'(?:"(?:[^"]|"")*+"|[^"{separator}\n][^{separator}\n]*+|)'
    return re.compile(rf"{field}(?:{separator}{field})*+")


class Table(Collector):
    """Reads the rows of one table; hands them on as they come, unless the latest comes first."""

    reason: ClassVar[Reason] = Reason.MALFORMED

    def __init__(self, header: Header) -> None:
        super().__init__()
        self._header = header
        self._row = row_pattern(header.separator)
        self._in_order = False  #: rows are handed on as they come
        self._lines: list[bytes] = []  #: of the row that is open
        self._size = 0  #: of these
        self._begin = (0, 0)
        self._time = ""  #: of the last row

    def take(self, line: bytes, number: int, offset: int) -> list[Entry]:
        """Take the next line; returns the entries that can be read now: none before the order is known."""
        if number == 1 or not (line or self._lines):
            return []
        if self._lines and not self._begins_row(line):
            return self._go_on(line)
        if self._lines:
            self._break()  # its quote is never closed
        self._begin = (number, offset)
        cells = self._split(line)
        if cells is None:
            self._lines, self._size = [line], len(line)
            return []
        return self._add(cells, line)

    def finish(self) -> Iterator[Entry]:
        """Yield the entries that are left, the earliest first."""
        if self._lines:
            self._break()
        yield from sort_entries(self._entries)

    def _begins_row(self, line: bytes) -> bool:
        """Whether *line* is a whole row with a time like that of the last one."""
        cells = self._split(line) if self._time else None
        if cells is None or len(cells) != len(self._header.names):
            return False
        return find_shape(cells[self._header.time]) == find_shape(self._time)

    def _go_on(self, line: bytes) -> list[Entry]:
        """Add *line* to the row that is open."""
        self._lines.append(line)
        self._size += len(line)
        if self._size > MAX_JSON_LENGTH:
            self._break()
        elif line.count(b'"') % 2 and (cells := self._split(text := b"\n".join(self._lines))) is not None:
            self._lines = []
            return self._add(cells, text)
        return []

    def _split(self, text: bytes) -> list[str] | None:
        """The cells of *text*; None unless it is a whole row."""
        row = text.rstrip(b"\r").decode("utf-8", "replace")
        if not self._row.fullmatch(row):
            return None
        try:
            return next(csv.reader(StringIO(row, newline=""), delimiter=self._header.separator), [])
        except csv.Error:  # a carriage return outside quotes, or a field that is too long
            return None

    def _add(self, cells: list[str], text: bytes) -> list[Entry]:
        """Keep the row of *cells*, which *text* has, or hand it on if rows come in the order of time."""
        content = {
            name: int(cell) if cell.isdecimal() and len(cell) >= MIN_TIME_DIGITS else cell
            for name, cell in zip(self._header.names, cells, strict=False)
            if cell
        }
        entry = Entry(content, *self._begin)
        self._time = cells[self._header.time] if len(cells) == len(self._header.names) else ""
        if self._in_order:
            return [entry]
        self._keep(entry, text)
        if len(self._entries) != MAX_AHEAD:
            return []
        found = list(sort_entries(self._entries))
        if found[0] is not self._entries[0]:
            return []
        self._in_order, self._entries = True, []
        return found

    def _break(self) -> None:
        """Note that the row that is open can't be read."""
        self._refuse(b"\n".join(self._lines), *self._begin)
        self._lines = []


def find_shape(time: str) -> str:
    """What *time* looks like, whatever its digits and letters."""
    return LETTERS.sub("a", DIGITS.sub("0", time))
