"""Write the cells of logs to the files of a history: each log once, whatever happens meanwhile."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

from slowtask.errors import SlowtaskError, SourceError
from slowtask.parse.sources import Source
from slowtask.store import Measurement
from slowtask.store.duck import connect, escape_path, explain_writing, fetch, read_sql
from slowtask.store.files import ROLLUP_MACROS, Files
from slowtask.store.rollup.keeping import Kept
from slowtask.store.rollup.marks import Ends, Mark, find_mark, make_growth_message, read_ends
from slowtask.store.rollup.months import SUFFIX, Month, encode_contents, make_month_error, read_months

BATCH: Final = 50  #: logs that are read before the months are written
MEND: Final = (
    "move it away, and name all logs of its month that are left"  #: what to do if a month is damaged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """What became of one log."""

    source: Source
    mark: Mark | None = None  #: None: it has no runs or samples, or there was an error
    known: bool = False  #: it was in the history before
    read: Measurement | None = None  #: what was read now, without figures
    error: SlowtaskError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A log that was read, and the file with its cells."""

    mark: Mark
    missing: tuple[str, ...]  #: the months that don't have it yet
    file: Path


@dataclass(kw_only=True)
class History:
    """The files of a history in one folder."""

    folder: Path
    day: date | None = None  #: the date of the first line that gives only a time
    timezone: tzinfo = UTC  #: of times that don't name one
    _months: dict[str, Month] = field(default_factory=dict)

    def add(self, sources: Sequence[Source]) -> Iterator[Rolled]:
        """Merge those of *sources* that aren't in the history yet, and tell what became of each.

        Nobody else may write to the folder: see `lock_folder`. Raises `SourceError`.
        """
        self._remove_scratch_files()
        self._months = {each.name: each for each in read_months(find_files(self.folder), MEND)}
        for start in range(0, len(sources), BATCH):
            with TemporaryDirectory(prefix="slowtask-") as name:
                yield from self._add_batch(sources[start : start + BATCH], Path(name))

    def _add_batch(self, sources: Sequence[Source], scratch: Path) -> list[Rolled]:
        """Read *sources*, then write the months that they change, one after the other."""
        rolled: list[Rolled] = []
        fresh: list[Fresh] = []
        for number, source in enumerate(sources):
            target, others = scratch / f"{number}.parquet", [each.mark for each in fresh]
            try:
                result, new = self._read(source, target, others)
            except SlowtaskError as error:
                result, new = Rolled(source=source, error=error), None
            rolled.append(result)
            if new is not None:
                fresh.append(new)
        for month in sorted({month for each in fresh for month in each.missing}):
            self._write_month(month, [each for each in fresh if month in each.missing], scratch)
        return rolled

    def _read(self, source: Source, target: Path, others: Sequence[Mark]) -> tuple[Rolled, Fresh | None]:
        """Read one log, unless it is in the history or among the *others*."""
        if source.path is None:
            raise SourceError("stdin can't be rolled up: name log files.")
        ends = read_ends_of(source, target.parent)
        marks = {mark: None for month in self._months.values() for mark in month.marks}
        mark, same = find_mark(ends, [*marks, *others])
        if mark and not same:
            raise SourceError(make_growth_message(source, mark))
        if mark and (mark in others or not self._find_missing(mark)):
            return Rolled(source=source, mark=mark, known=True), None
        return self._keep(source, target, ends, mark)

    def _keep(
        self, source: Source, target: Path, ends: Ends, known: Mark | None
    ) -> tuple[Rolled, Fresh | None]:
        """Write the cells of one log to *target*; *known* is its mark if some months have it."""
        kept = Files([source], date=self.day, timezone=self.timezone).write_cells(target)
        if read_ends_of(source, target.parent) != ends:
            raise SourceError(f"{source.name} changed while it was read: roll it up after its rotation.")
        if not kept.months:
            return Rolled(source=source, read=kept.read), None
        mark = known or make_mark(source, ends, kept)
        fresh = Fresh(mark=mark, missing=self._find_missing(mark), file=target)
        return Rolled(source=source, mark=mark, read=kept.read), fresh

    def _find_missing(self, mark: Mark) -> tuple[str, ...]:
        """The months that should have the log of *mark*, and don't: a rollup was interrupted, or is new."""
        return tuple(
            month
            for month in mark.months
            if month not in self._months or mark not in self._months[month].marks
        )

    def _write_month(self, name: str, fresh: Sequence[Fresh], scratch: Path) -> None:
        """Merge the cells of *fresh* into the file of one month, which is replaced at once."""
        path = self.folder / f"{name}{SUFFIX}"
        former = self._months.get(name)
        marks = (*(former.marks if former else ()), *(each.mark for each in fresh))
        new = path.with_name(f".{path.name}.{os.getpid()}")
        with connect(scratch, *ROLLUP_MACROS) as connection:
            self._merge(connection, name, former, fresh)
            values = {"target": str(new.absolute()), "marks": encode_contents(name, marks)}
            try:
                with explain_writing(self.folder):
                    fetch(connection, read_sql("rollup_write"), values)
                    replace_file(new, path)
            finally:
                new.unlink(missing_ok=True)
        self._months[name] = Month(path=path, name=name, marks=marks)

    @staticmethod
    def _merge(
        connection: duckdb.DuckDBPyConnection, name: str, former: Month | None, fresh: Sequence[Fresh]
    ) -> None:
        """Merge the cells of *fresh* with the *former* ones of the month *name*. Raises `SourceError`."""
        files = {"files": [str(each.file) for each in fresh], "month": name}
        fetch(connection, read_sql("rollup_fresh"), files)
        if former is None:
            fetch(connection, read_sql("rollup_empty"), {})
        else:
            try:
                fetch(connection, read_sql("rollup_former"), {"files": [escape_path(former.path)]})
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error:
                raise make_month_error(former.path, MEND) from None
        connection.execute(read_sql("rollup_month"))

    def _remove_scratch_files(self) -> None:
        """Remove what an interrupted rollup left."""
        for each in self.folder.glob(f".*{SUFFIX}.*"):
            each.unlink()


def read_ends_of(source: Source, folder: Path) -> Ends:
    """How *source* begins and ends now. DuckDB may use *folder*. Raises `SourceError`."""
    with connect(folder) as connection:
        return read_ends(source, connection)


def make_mark(source: Source, ends: Ends, kept: Kept) -> Mark:
    """The mark of a log that was just read."""
    hashed = len(ends.head)
    return Mark(
        name=source.name.encode(errors="backslashreplace").decode(),
        months=kept.months,
        begin=kept.begin,
        end=kept.end,
        runs=kept.runs,
        bad=kept.read.bad.count,
        first=ends.first,
        last=ends.last,
        digest=ends.digest(hashed) if hashed else None,
        hashed=hashed,
        size=ends.size,
        origin=ends.origin,
    )


def find_files(folder: Path) -> list[Path]:
    """The files of the history in *folder*."""
    return sorted(each for each in folder.glob(f"*{SUFFIX}") if not each.name.startswith("."))


def replace_file(new: Path, path: Path) -> None:
    """Put *new* in the place of *path*, so that one of both is there whatever happens."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Make *folder* if needed, and keep others from writing to it. Raises `SourceError`."""
    try:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        reason = "it isn't a folder" if folder.is_file() else error.strerror
        raise SourceError(f"{folder} can't be used ({reason}): choose a folder with --out.") from error
    try:
        if not os.access(folder, os.W_OK):
            raise SourceError(f"This user can't write to the folder {folder}: choose another with --out.")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SourceError(f"Another slowtask rollup writes to {folder}: wait until it is done.") from None
    finally:
        os.close(descriptor)
