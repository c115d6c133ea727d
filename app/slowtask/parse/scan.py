"""PARSE: read many logs in several processes, and write the runs as CSV for DuckDB to rank.

A big file is read in pieces, each of which begins with a line. What a piece can't pair, such as the end of a
job that began in an earlier piece, is replayed in order afterwards: the runs are the same as in one go.
"""

import gc
import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from slowtask.parse.chatter import Kind
from slowtask.parse.cuts import find_cuts
from slowtask.parse.dates import ClockFollower, find_clocks, find_first_date
from slowtask.parse.items import End, Item, OwnRun, Reason, Tally, Unparsable, make_nameless
from slowtask.parse.jobs import Jobs, Leftover, Start
from slowtask.parse.order import feed
from slowtask.parse.reader import Earlier, Reader
from slowtask.parse.rows import Rows
from slowtask.parse.sources import Source
from slowtask.parse.times import DateTracker

PIECE_SIZE: Final = 8 << 20  #: bytes; a file of two pieces or more is cut
MIN_PARALLEL_SIZE: Final = 4 << 20  #: bytes; a process takes longer to start than to read less
MAX_EXAMPLES: Final = 100  #: lines that can't be read, kept of each source to be shown
WARM_UP_SIZE: Final = 64 * 1024  #: bytes before a piece that are read to know what they told
MAX_LOOK_BACK: Final = 4 * PIECE_SIZE  #: bytes before a piece that are searched for the name of a task


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a source, or all of it, that one process reads."""

    source: Source
    target: Path  #: the CSV file to write
    zone: tzinfo
    day: date | None  #: of the first line that gives only a time of day
    begin: int = 0
    size: int | None = None  #: None: all of the source
    last: int = -1  #: the last time of day before the piece, in seconds
    guessed: bool = False  #: `day` was guessed
    full: bool = False  #: all columns are written


@dataclass(slots=True, kw_only=True)
class PieceResult:
    """What was found in a piece."""

    lines: int = 0
    events: int = 0
    unparsable: Counter[Reason] = field(default_factory=Counter)
    skipped: Counter[Kind] = field(default_factory=Counter)
    guessed: date | None = None  #: of the first line whose date had to be guessed
    bad: list[Unparsable] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)

    def add(self, items: list[Item], rows: Rows) -> None:
        """Count *items*, and write those that are runs."""
        bad = [each for each in items if type(each) is Unparsable]
        runs = [each for each in items if type(each) is not Unparsable] if bad else items
        rows.write(cast("list[End | OwnRun]", runs))
        self.events += len(runs)
        self.unparsable.update(each.reason for each in bad)
        self.bad += bad[: MAX_EXAMPLES - len(self.bad)]


class Mapper(Protocol):
    """Calls a function with each of some arguments, in any process; yields the results in order."""

    def __call__(self, function: Callable[[Any], Any], arguments: Iterable[Any], /) -> Iterator[Any]:
        """Call *function* with each of *arguments*."""


def scan(  # noqa: PLR0913 - what a log doesn't tell, and how to read
    sources: Sequence[Source],
    folder: Path,
    *,
    date: date | None = None,
    timezone: tzinfo = UTC,
    processes: int = 2,
    full: bool = False,
) -> Tally:
    """Write the runs in *sources* (none of them Parquet) to CSV files in *folder*; `Tally.files` names them.

    Each file has the header `rows.COLUMNS`, with *full* also `rows.EXTRA_COLUMNS`. What isn't known is empty.
    The runs are the same as those of `events`.
    """
    tally = Tally()
    with _open_mapper(sources, processes) as mapper:
        wholes = [
            Piece(source=each, target=folder / f"{number:06}.csv", zone=timezone, day=date, full=full)
            for number, each in enumerate(sources)
        ]
        plans = [_cut(whole, mapper) for whole in wholes]
        read_apart = [each for plan in plans for each in plan if each.source.path is not None]
        result = dict(zip(read_apart, mapper(read_piece, read_apart), strict=True))
    for whole, plan in zip(wholes, plans, strict=True):
        _merge(tally, whole, [(each, result.get(each) or read_piece(each)) for each in plan])
    return tally


def read_piece(piece: Piece) -> PieceResult:
    """Write the runs of *piece* to its CSV file."""
    out: list[Item] = []
    result = PieceResult()
    with piece.source.open() as stream, piece.target.open("w", encoding="utf-8", newline="") as csv:
        if piece.size is not None:
            stream.seek(piece.begin)
        rows = Rows(csv, source=piece.source if piece.full else None)
        reader = Reader(
            out,
            _date_finder(piece, stream),
            piece.zone,
            custom=piece.source.custom,
            rows=None if piece.full else rows,  # the rows of a block don't say where they stand
            earlier=_find_earlier(piece),
        )
        reader.offset = piece.begin
        for _ in feed(reader, stream, piece.size, last=piece.size is None):
            result.add(out, rows)
            out.clear()
    result.events += reader.written
    result.lines, result.leftovers = reader.number, reader.jobs.leftovers()
    result.skipped, result.guessed = reader.skipped, reader.guessed
    return result


def _read_before(piece: Piece) -> Reader | None:
    """The reader of the last lines before *piece*, which knows what they told; None if there are none."""
    if not piece.begin:
        return None
    begin = max(0, piece.begin - WARM_UP_SIZE)
    with piece.source.open() as stream:
        stream.seek(begin)
        text = stream.read(piece.begin - begin)
    start = text.find(b"\n") + 1 if begin else 0
    reader = Reader(
        [],
        lambda _: DateTracker(piece.day or date.min),
        piece.zone,
        custom=piece.source.custom,
        earlier=Earlier(text=bytes, reader=None),
    )
    reader.offset = begin + start
    reader.read([line.removesuffix(b"\r") for line in text[start:-1].split(b"\n")])
    return reader


def _date_finder(piece: Piece, stream: BinaryIO) -> Callable[[int], DateTracker]:
    """The function that finds the date of the first line of *piece* without one."""
    if piece.size is None:
        return lambda first: find_first_date(piece.source, stream, piece.day, datetime.now(piece.zone), first)
    return lambda _: DateTracker(piece.day or date.min, piece.last, guessed=piece.guessed)


def _find_earlier(piece: Piece) -> Earlier | None:
    """What stands before *piece*; None if that is the whole source."""
    if piece.size is None:
        return None

    @cache
    def read_text() -> bytes:
        begin = max(0, piece.begin - MAX_LOOK_BACK)
        with piece.source.open() as stream:
            stream.seek(begin)
            return stream.read(piece.begin - begin)

    return Earlier(text=read_text, reader=_read_before(piece))


def _cut(whole: Piece, mapper: Mapper) -> list[Piece]:
    """Cut *whole* into pieces with their dates, if it is big and can be cut."""
    begins = _find_cuts(whole.source)
    if len(begins) == 1:
        return [whole]
    ends = [*begins[1:], sys.maxsize]
    pieces = [
        replace(whole, begin=begin, size=end - begin, target=whole.target.with_suffix(f".{number:06}.csv"))
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]
    return _date_pieces(pieces, list(mapper(read_clocks, pieces)))


def read_clocks(piece: Piece) -> list[bytes]:
    """Read the times of day that begin RQ's lines in *piece*, and those with a date beside them."""
    with piece.source.open() as stream:
        stream.seek(piece.begin)
        return list(find_clocks(stream, piece.size))


def _date_pieces(pieces: list[Piece], found: list[list[bytes]]) -> list[Piece]:
    """Set the date of each of *pieces* by the times *found* in them."""
    follower = ClockFollower()
    before: list[tuple[int, int]] = []
    for each in found:
        before.append((follower.days.midnights, follower.days.last))
        for text in each:
            follower.take(text)
    path = pieces[0].source.path
    written = datetime.fromtimestamp(path.stat().st_mtime if path else 0, pieces[0].zone)
    first = follower.first_day(written) if pieces[0].day is None else DateTracker(pieces[0].day)
    return [
        replace(piece, day=first.day + timedelta(days=midnights), last=last, guessed=first.guessed)
        for piece, (midnights, last) in zip(pieces, before, strict=True)
    ]


def _find_cuts(source: Source) -> list[int]:
    """Find the offsets at which the pieces of *source* begin, from 0."""
    size = _file_size(source)
    if size < 2 * PIECE_SIZE:
        return [0]
    with source.open() as stream:
        return find_cuts(stream, size, PIECE_SIZE)


def _file_size(source: Source) -> int:
    """Bytes on disk; 0 for anything but a regular file."""
    return source.path.stat().st_size if source.path is not None and source.path.is_file() else 0


def _merge(tally: Tally, whole: Piece, result: list[tuple[Piece, PieceResult]]) -> None:
    """Merge the results of all pieces of one source into *tally*."""
    out: list[Item] = []
    jobs = Jobs(out.append, lambda end: out.append(make_nameless(end)))
    bad: list[Unparsable] = []
    rest = PieceResult()
    for piece, each in result:
        jobs.replay([_shift_line(leftover, rest.lines) for leftover in each.leftovers])
        bad += [replace(one, line=one.line + rest.lines) for one in each.bad]
        rest.lines += each.lines
        tally.events += each.events
        tally.unparsable += each.unparsable
        tally.skipped += each.skipped
        rest.guessed = rest.guessed or each.guessed
        tally.files.append(piece.target)
    jobs.finish()
    if out:
        tally.files.append(whole.target.with_suffix(".rest.csv"))
        with tally.files[-1].open("w", encoding="utf-8", newline="") as csv:
            rest.add(out, Rows(csv, source=whole.source if whole.full else None))
    tally.lines += rest.lines
    tally.events += rest.events
    tally.unparsable += rest.unparsable
    tally.guessed += [(whole.source.name, rest.guessed)] if rest.guessed else []
    kept = sorted(bad + rest.bad, key=lambda one: one.offset)[:MAX_EXAMPLES]
    tally.bad += [(whole.source.name, one) for one in kept]


def _shift_line(leftover: Leftover, lines: int) -> Leftover:
    """Count the line of *leftover* from the beginning of the log, *lines* before its piece."""
    if isinstance(leftover[2], End | Start):
        leftover[2].line += lines
    return leftover


@contextmanager
def _open_mapper(sources: Sequence[Source], processes: int) -> Iterator[Mapper]:
    """Start the processes to read in; if there is little to read, this one does it."""
    if processes < 2 or sum(map(_file_size, sources)) < MIN_PARALLEL_SIZE:  # noqa: PLR2004 - one is this one
        yield map
        return
    with ProcessPoolExecutor(processes, mp_context=_choose_context(), initializer=_prepare_process) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _choose_context() -> BaseContext:
    """Fork only if this process has no other thread: a lock that one holds would block the child."""
    threads = Path("/proc/self/task")
    alone = threads.is_dir() and len(list(threads.iterdir())) == 1
    return multiprocessing.get_context("fork" if alone else "spawn")


def _prepare_process() -> None:
    """Leave Ctrl-C to the parent, and collect no garbage: there are no cycles."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
