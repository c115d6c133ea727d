"""Many logs at once, in several processes, into CSV files for DuckDB to read: what a ranking needs.

A big file is read in pieces that begin at the head of a line. What a piece can't settle (a job that began
in an earlier one) it hands on; replayed in order, that gives the same runs as reading the file in one go.
"""

import gc
import multiprocessing
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from gzip import GzipFile
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from slowtask.parse.format import MAX_LINE_LENGTH
from slowtask.parse.items import End, Item, Own, Reason, Tally, Unparsable, make_nameless
from slowtask.parse.jobs import Jobs, Mark, Start
from slowtask.parse.reader import FORMATS, Reader
from slowtask.parse.rows import Rows
from slowtask.parse.sources import Source
from slowtask.parse.stream import fed, start_of, times
from slowtask.parse.times import Days, clock, first_day

PIECE: Final = 8 << 20  #: bytes; a file of two or more is read in pieces
SMALL: Final = 4 << 20  #: bytes; less is read quicker than a process starts
KEPT: Final = 100  #: lines that can't be read, kept of each source to be shown
#: A piece may begin with a line that has the head of a format …
HEAD: Final = re.compile(rb"\n(?=%s)" % b"|".join(each.head for each in FORMATS))
#: … unless it can't be read without the line before it.
AMENDMENT: Final = re.compile(b"|".join(each.amendment for each in FORMATS if each.amendment))
LOOK_BACK: Final = 4 * PIECE  #: bytes before a piece in which the name of a task is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a source, or the whole of it, to be read by one process."""

    source: Source
    target: Path  #: the CSV file to write
    zone: tzinfo
    day: date | None  #: of the first line without a date
    begin: int = 0
    size: int | None = None  #: None: all of the source, which is then read as `events` does
    last: int = -1  #: seconds of the day of the last clock before


@dataclass(slots=True, kw_only=True)
class Told:
    """What became of a piece."""

    lines: int = 0
    events: int = 0
    unparsable: Counter[Reason] = field(default_factory=Counter)
    bad: list[Unparsable] = field(default_factory=list)
    left: list[Mark] = field(default_factory=list)

    def take(self, items: list[Item], rows: Rows) -> None:
        """Count *items* and write those that are runs."""
        bad = [each for each in items if type(each) is Unparsable]
        runs = [each for each in items if type(each) is not Unparsable] if bad else items
        rows.write(cast("list[End | Own]", runs))
        self.events += len(runs)
        self.unparsable.update(each.reason for each in bad)
        self.bad += bad[: KEPT - len(self.bad)]


class Mapper(Protocol):
    """Calls a function with each of some arguments, in whatever process; results in their order."""

    def __call__(self, function: Callable[[Any], Any], arguments: Iterable[Any], /) -> Iterator[Any]:
        """Work."""


def scan(
    sources: Sequence[Source],
    folder: Path,
    *,
    date: date | None = None,
    timezone: tzinfo = UTC,
    processes: int = 2,
) -> Tally:
    """Write the runs in *sources* (lines, not Parquet) to CSV files in *folder*; `Tally.files` names them.

    Each has a header, `rows.COLUMNS`: µs since the epoch, ns, ns, ns, and four texts; what isn't known
    is empty. The runs are those of `events`.
    """
    tally = Tally()
    with _mapper(sources, processes) as mapper:
        wholes = [
            Piece(source=each, target=folder / f"{number:06}.csv", zone=timezone, day=date)
            for number, each in enumerate(sources)
        ]
        plans = [_pieces(whole, mapper) for whole in wholes]
        read_apart = [each for plan in plans for each in plan if each.source.path is not None]
        told = dict(zip(read_apart, mapper(read, read_apart), strict=True))
    for whole, plan in zip(wholes, plans, strict=True):
        _add(tally, whole, [(each, told.get(each) or read(each)) for each in plan])
    return tally


def read(piece: Piece) -> Told:
    """Write the runs of *piece* to its file."""
    out: list[Item] = []
    told = Told()
    with piece.source.open() as stream, piece.target.open("w", encoding="utf-8", newline="") as csv:
        if piece.size is not None:
            stream.seek(piece.begin)
        rows = Rows(csv)
        reader = Reader(out, _days(piece, stream), piece.zone, rows=rows, before=_before(piece))
        reader.offset = piece.begin
        for _ in fed(reader, stream, piece.size, last=piece.size is None):
            told.take(out, rows)
            out.clear()
    told.events += reader.written
    told.lines, told.left = reader.number, reader.jobs.left()
    return told


def _days(piece: Piece, stream: BinaryIO) -> Callable[[int], Days]:
    """What says the date of the first line of *piece* that has none."""
    if piece.size is None:
        return lambda first: start_of(piece.source, stream, piece.day, datetime.now(piece.zone), first)
    return lambda _: Days(piece.day or date.min, piece.last)


def _before(piece: Piece) -> Callable[[], bytes] | None:
    """What stands before *piece*, up to `LOOK_BACK`, read when wanted and then kept; None for a whole."""
    if piece.size is None:
        return None

    @cache
    def read() -> bytes:
        begin = max(0, piece.begin - LOOK_BACK)
        with piece.source.open() as stream:
            stream.seek(begin)
            return stream.read(piece.begin - begin)

    return read


def _pieces(whole: Piece, mapper: Mapper) -> list[Piece]:
    """*whole* cut up, if it is big and can be; each piece knows the date that it begins with."""
    begins = _cuts(whole.source)
    if len(begins) == 1:
        return [whole]
    ends = [*begins[1:], sys.maxsize]
    pieces = [
        replace(whole, begin=begin, size=end - begin, target=whole.target.with_suffix(f".{number:06}.csv"))
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]
    return _dated(pieces, list(mapper(clocks, pieces)))


def clocks(piece: Piece) -> list[bytes]:
    """The times of day that open RQ's lines in *piece*."""
    with piece.source.open() as stream:
        stream.seek(piece.begin)
        return list(times(stream, piece.size))


def _dated(pieces: list[Piece], found: list[list[bytes]]) -> list[Piece]:
    """*pieces* with the date of each, known from the clocks *found* in them."""
    start = Days(date(2000, 1, 1))  # a leap to begin with; only the difference counts
    before: list[tuple[int, int]] = []
    for each in found:
        before.append((start.midnights, start.last))
        for text in each:
            start.date(clock(text))
    path = pieces[0].source.path
    written = datetime.fromtimestamp(path.stat().st_mtime if path else 0, pieces[0].zone)
    first = pieces[0].day or first_day(written, start.last, start.midnights)
    return [
        replace(piece, day=first + timedelta(days=midnights), last=last)
        for piece, (midnights, last) in zip(pieces, before, strict=True)
    ]


def _cuts(source: Source) -> list[int]:
    """The offsets at which the pieces of *source* begin; the first is 0. What is compressed is read whole."""
    size = _size(source)
    found = [0]
    if size < 2 * PIECE:
        return found
    with source.open() as stream:
        if isinstance(stream, GzipFile):
            return found
        for target in range(PIECE, size, PIECE):
            if target > found[-1] and (at := _head(stream, target)):
                found.append(at)
    return found


def _head(stream: BinaryIO, target: int) -> int | None:
    """The first offset after *target* at which a piece may begin; `None` if there is none near."""
    stream.seek(target)
    window = stream.read(MAX_LINE_LENGTH)
    for found in HEAD.finditer(window):
        end = window.find(b"\n", found.end())
        if end >= 0 and not AMENDMENT.search(window, found.end(), end):
            return target + found.end()
    return None


def _size(source: Source) -> int:
    """Bytes on disk; 0 for what isn't a regular file."""
    return source.path.stat().st_size if source.path is not None and source.path.is_file() else 0


def _add(tally: Tally, whole: Piece, told: list[tuple[Piece, Told]]) -> None:
    """Put together what became of the pieces of one source."""
    out: list[Item] = []
    jobs = Jobs(out.append, lambda end: out.append(make_nameless(end)))
    bad: list[Unparsable] = []
    rest = Told()
    for piece, each in told:
        jobs.replay([_moved(mark, rest.lines) for mark in each.left])
        bad += [replace(one, line=one.line + rest.lines) for one in each.bad]
        rest.lines += each.lines
        tally.events += each.events
        tally.unparsable += each.unparsable
        tally.files.append(piece.target)
    jobs.finish()
    if out:
        tally.files.append(whole.target.with_suffix(".rest.csv"))
        with tally.files[-1].open("w", encoding="utf-8", newline="") as csv:
            rest.take(out, Rows(csv))
    tally.lines += rest.lines
    tally.events += rest.events
    tally.unparsable += rest.unparsable
    kept = sorted(bad + rest.bad, key=lambda one: one.offset)[:KEPT]
    tally.bad += [(whole.source.name, one) for one in kept]


def _moved(mark: Mark, lines: int) -> Mark:
    """*mark* with its line counted from the beginning of the log."""
    if isinstance(mark[2], End | Start):
        mark[2].line += lines
    return mark


@contextmanager
def _mapper(sources: Sequence[Source], processes: int) -> Iterator[Mapper]:
    """Processes to work in; none where there is little to do."""
    if processes < 2 or sum(map(_size, sources)) < SMALL:  # noqa: PLR2004 - one is this one
        yield map
        return
    with ProcessPoolExecutor(processes, mp_context=_context(), initializer=_quiet) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _context() -> BaseContext:
    """Fork where nothing else runs in this process; else, a lock held by a thread could stop the child."""
    threads = Path("/proc/self/task")
    alone = threads.is_dir() and len(list(threads.iterdir())) == 1
    return multiprocessing.get_context("fork" if alone else "spawn")


def _quiet() -> None:
    """Leave Ctrl-C to the parent; and there are no cycles to look for."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
