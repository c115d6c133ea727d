"""PARSE: the entries of a log that isn't one of lines: a JSON document, or a table."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar, Final, NamedTuple

from slowtask.parse.envelope import read_envelope
from slowtask.parse.fields import Record, read_field_names
from slowtask.parse.items import Reason
from slowtask.parse.moments import parse_moment

MAX_ENTRIES: Final = 200_000  #: that are kept to be put in order
MAX_BROKEN: Final = 10_000
BOM: Final = b"\xef\xbb\xbf"


class Entry(NamedTuple):
    """What would be a line of JSON in other logs, and where it begins."""

    content: dict[str, Any]
    line: int
    offset: int


class Collector(ABC):
    """Takes the lines of one such log, and gives its entries in order of time, in bounded memory."""

    reason: ClassVar[Reason]  #: why an entry can't be read

    def __init__(self) -> None:
        self.broken: list[tuple[bytes, int, int]] = []  #: entries that can't be read, with line and offset
        self._entries: list[Entry] = []

    @abstractmethod
    def take(self, line: bytes, number: int, offset: int) -> list[Entry]:
        """Take the next line; returns the entries that can be read now."""

    @abstractmethod
    def finish(self) -> Iterator[Entry]:
        """Yield the entries that are left, the earliest first. What is still open then is broken."""

    def _keep(self, entry: Entry, text: bytes) -> None:
        """Keep *entry*, which was read from *text*, until its place in time is known."""
        if len(self._entries) < MAX_ENTRIES:
            self._entries.append(entry)
        else:
            self._refuse(text, entry.line, entry.offset)

    def _refuse(self, text: bytes, number: int, offset: int) -> None:
        """Note that *text* can't be read."""
        if len(self.broken) < MAX_BROKEN:
            self.broken.append((text, number, offset))


def sort_entries(entries: list[Entry]) -> Iterator[Entry]:
    """Yield *entries* in order of time: as they are, or from their end if the latest comes first."""
    first = next(filter(None, map(find_time, entries)), None)
    last = next(filter(None, map(find_time, reversed(entries))), None)
    yield from reversed(entries) if first and last and last < first else entries


def find_time(entry: Entry) -> tuple[date, int] | None:
    """When *entry* was logged: the day and the time of day, in µs."""
    text = read_envelope(Record(entry.content, read_field_names())).time
    try:
        moment = parse_moment(text or b"")
    except ValueError:
        return None
    return moment.day or date.min, moment.clock
