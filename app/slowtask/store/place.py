"""Find the line of a run in its log, by its id: nearly always near where the time of its end belongs."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec

from slowtask.errors import SourceError
from slowtask.parse.sources import Source, is_plain
from slowtask.record.event import iso, moment

SEARCH_TIME: Final = 1.0  #: seconds for all runs of a page
NEAR: Final = 4 << 20  #: bytes before and after the place where the time belongs
CHUNK: Final = 32 << 20  #: bytes that are searched before the time is checked again
MAX_HITS: Final = 100  #: lines with the id in them that are read; a job may have the same id
MAX_LINE: Final = 1 << 20  #: bytes
START: Final = b'{"@timestamp":"'
TIME_LENGTH: Final = 27  #: of `2026-11-23T18:47:58.145554Z`


class Places:
    """Finds the lines of some runs, and gives up when it took too long."""

    def __init__(self, seconds: float = SEARCH_TIME) -> None:
        self._until = monotonic() + seconds

    def find(self, source: Source, row: Mapping[str, Any]) -> int | None:
        """The offset of a run's line in *source*; None if it isn't found in time."""
        if source.path is None or not source.path.is_file() or not _has_offsets(source):
            return None
        if row["place"] is not None or row["id"] is None:
            known: int | None = row["place"]
            return known
        return self._search(source.path, row["id"], moment(row["ended"]))

    def _search(self, path: Path, run_id: str, ended: datetime) -> int | None:
        """The offset of the line of *run_id* in the file at *path*."""
        try:
            with path.open("rb") as file, closing(mmap(file.fileno(), 0, access=ACCESS_READ)) as text:
                return self._find_line(text, run_id, iso(ended).encode())
        except (OSError, ValueError):  # the file went, or is empty now
            return None

    def _find_line(self, text: mmap, run_id: str, time: bytes) -> int | None:
        """The offset of the line of *run_id*: near the time first, then anywhere."""
        needle = msgspec.json.encode(run_id)
        for number, (begin, end) in enumerate(_ranges(_bisect(text, time), len(text))):
            if number and monotonic() > self._until:
                return None
            for start, line in _lines_with(text, needle, begin, end):
                if _id_of(line) == run_id:
                    return start
        return None


def _has_offsets(source: Source) -> bool:
    """Whether an offset in *source* is one of the file itself."""
    if source.kind != "lines":
        return False
    try:
        with source.open() as stream:
            return is_plain(stream)
    except (SourceError, OSError):
        return False


def _ranges(middle: int, size: int) -> Iterator[tuple[int, int]]:
    """Where to search: around *middle*, then everything in chunks that overlap by a line."""
    yield max(0, middle - NEAR), min(size, middle + NEAR)
    for begin in range(0, size, CHUNK):
        yield begin, min(size, begin + CHUNK + MAX_LINE)


def _bisect(text: mmap, time: bytes) -> int:
    """Where a line with *time* belongs, if the lines of slowtask's are in order of time."""
    low, high = 0, len(text)
    while high - low > MAX_LINE:
        middle = (low + high) // 2
        start = text.find(b"\n" + START, middle, middle + MAX_LINE)
        if start < 0:
            return middle
        start += 1 + len(START)
        low, high = (middle, high) if text[start : start + TIME_LENGTH] < time else (low, middle)
    return low


def _lines_with(text: mmap, needle: bytes, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines between *begin* and *end* that contain *needle*, with their offsets."""
    for _ in range(MAX_HITS):
        hit = text.find(needle, begin, end)
        if hit < 0:
            return
        start = text.rfind(b"\n", max(0, hit - MAX_LINE), hit) + 1
        stop = text.find(b"\n", hit, hit + MAX_LINE)
        begin = len(text) if stop < 0 else stop
        yield start, text[start:begin]


def _id_of(line: bytes) -> Any:
    """The id of the event in *line*, flat, nested or a search hit; None if there is none."""
    try:
        content = msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    content = content.get("_source", content) if isinstance(content, dict) else {}
    event = content.get("event") if isinstance(content, dict) else None
    nested = event.get("id") if isinstance(event, dict) else None
    return content.get("event.id", nested) if isinstance(content, dict) else None
