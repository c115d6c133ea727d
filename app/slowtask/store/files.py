"""Measure log files: DuckDB reads JSON lines and Parquet in place, the parser reads the rest."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, tzinfo
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from slowtask.errors import SourceError
from slowtask.parse.sources import Source
from slowtask.record.sample import Alert
from slowtask.store import Comparison, Measurement, Query
from slowtask.store.alerts import read_alerts
from slowtask.store.columns import Columns
from slowtask.store.duck import connect
from slowtask.store.history import History
from slowtask.store.kinds import find_kind
from slowtask.store.measuring import compare, count_history, find_fields, measure, pick_columns
from slowtask.store.origin import drop_packed_logs
from slowtask.store.parsed import ParsedFiles
from slowtask.store.profile import Choose, Profile
from slowtask.store.profiling import LEADING_SLOTS, find_task, profile_leading, read_profiles
from slowtask.store.reading import Reading
from slowtask.store.rollup.keeping import Kept, keep
from slowtask.store.rollup.months import is_month_file
from slowtask.store.rollup.profiling import Profiling
from slowtask.store.rollup.reading import RolledReading
from slowtask.store.rollup.seam import Seam, find_seam

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NO_SINGLE_RUNS: Final = (
    "A history of slowtask rollup holds no single runs: name logs, or ask slowtask top, task, diff or report."
)
MACROS: Final = ("macros", "buckets", "slots")  #: scripts of `sql/`
#: Those for cells: they take longer to define than all others, and few queries need them.
ROLLUP_MACROS: Final = ("rollup_macros",)


class Files:
    """A store of log files: JSON lines, stock logs and Parquet, in any mixture.

    Example:
        ```python
        store = Files(resolve(["worker.log", "logs/"]), timezone=ZoneInfo("Europe/Berlin"))
        measurement = store.measure(Query())
        ```
    """

    def __init__(
        self, sources: Sequence[Source], *, date: date | None = None, timezone: tzinfo = UTC
    ) -> None:
        """Prepare to read log files; nothing is read yet.

        Args:
            sources: The logs, as `slowtask.parse.sources.resolve` finds them.
            date: The date of the first line that gives only a time of day.
            timezone: The zone of times that don't name one.
        """
        self._sources = list(sources)
        self._date = date
        self._timezone = timezone
        self._connection: DuckDBPyConnection | None = None

    def progress(self) -> float | None:
        """How much of the query is done, 0 to 1; None while the parser works."""
        connection = self._connection
        share = -1.0 if connection is None else connection.query_progress()
        return None if share < 0 else share / 100

    def measure(self, query: Query, *, workers: bool = True) -> Measurement:
        """Measure each task over the runs of *query*, and count *workers*. Raises `SourceError`."""
        with self._open_reading(query) as (reading, rolled):
            return self._measure(reading, rolled, query, workers=workers)

    def compare(self, before: Query, after: Query) -> Comparison:
        """Compare the runs of *before* with those of *after*, which are others. Raises `SourceError`."""
        with self._open_reading(before, after) as (reading, rolled):
            found = rolled.compare(before, after) if rolled else compare(reading, before, after)
            skipped = self._count_skipped(reading)
            return replace(
                found,
                before=replace(found.before, skipped=skipped),
                after=replace(found.after, skipped=skipped),
            )

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields by which the runs of *query* can be grouped. Raises `SourceError`."""
        with self._open_reading(query) as (reading, rolled):
            return rolled.fields() if rolled else find_fields(reading, replace(query, group=None))

    def history(
        self, query: Query, choose: Callable[[Measurement], Sequence[str]], *, profiled: int = 0
    ) -> History:
        """Count the runs of *query* over time, separately for the tasks that *choose* picks.

        The first *profiled* of these also get a profile. Raises `SourceError`, also if there is no run.
        """
        with self._open_reading(query, full=profiled > 0) as (reading, rolled):
            measurement = self._measure(reading, rolled, query)
            tasks = choose(measurement)
            if rolled:
                profiles = Profiling(rolled, query, LEADING_SLOTS).read_leading(measurement, tasks[:profiled])
                return replace(rolled.history(measurement, query, tasks), profiles=profiles)
            found = count_history(reading, measurement, query, tasks)
            return replace(found, profiles=profile_leading(reading, measurement, query, tasks[:profiled]))

    def columns(self, query: Query) -> Columns:
        """Read the runs of *query* with a known wait and run time, for a replay. Raises `SourceError`."""
        with self._open_reading() as (reading, _):
            found = pick_columns(reading, query)
            return replace(found, skipped=self._count_skipped(reading))

    def profile(self, task: str, query: Query, choose: Choose, slots: int) -> Profile:
        """Read all that is known of *task*, over time in at most *slots* slots.

        *choose* gets the names of tasks that may be meant, or of all. Raises `SlowtaskError`.
        """
        with self._open_reading(query, full=True) as (reading, rolled):
            if rolled:
                found = Profiling(rolled, query, slots).read_named(task, choose)
            else:
                full_name = find_task(reading, task, query, choose)
                [found] = read_profiles(reading, [full_name], query, slots)
            return replace(
                found, measurement=replace(found.measurement, skipped=self._count_skipped(reading))
            )

    def alerts(self, query: Query) -> list[Alert]:
        """Read the newest changes of alerts in the period of *query*; a log that can't be read has none."""
        return read_alerts(self._sources, query)

    def write_cells(self, target: Path) -> Kept:
        """Write the cells of all runs to the file *target*, for `slowtask rollup`. Raises `SourceError`."""
        with self._open_reading(full=True, cells=True) as (reading, _):
            return keep(reading, target)

    @cached_property
    def month_files(self) -> list[Source]:
        """The sources that are files of a history, which `slowtask rollup` keeps."""
        return [
            each
            for each in self._sources
            if each.kind == "parquet" and each.path is not None and is_month_file(each.path)
        ]

    def _measure(
        self, reading: Reading, rolled: RolledReading | None, query: Query, *, workers: bool = True
    ) -> Measurement:
        """Measure within *reading*, or *rolled* if there is one."""
        found = rolled.measure(query, workers=workers) if rolled else measure(reading, query, workers=workers)
        return replace(found, skipped=self._count_skipped(reading))

    def _count_skipped(self, reading: Reading) -> int:
        """How many logs were left out, since their packed form is read."""
        return len(self._sources) - len(self.month_files) - reading.count

    @contextmanager
    def _open_reading(
        self, *queries: Query, full: bool = False, cells: bool = False
    ) -> Iterator[tuple[Reading, RolledReading | None]]:
        """Open all logs, without those whose packed form is among them.

        *full*: with all columns of what is parsed; *cells*: to make cells.

        The second is what also reads the history, if one of *queries* needs it.
        """
        with TemporaryDirectory(prefix="slowtask-") as name:
            folder = Path(name)
            logs = [each for each in self._sources if each not in self.month_files]
            once = drop_packed_logs(logs, folder)
            seam = self._find_seam(once, queries, folder)
            full, cells = full or seam is not None, cells or seam is not None
            macros = (*MACROS, *ROLLUP_MACROS) if cells else MACROS
            parsed = ParsedFiles(folder, date=self._date, timezone=self._timezone, full=full)
            kinds = {each: find_kind(each) for each in once}
            parsed.parse([each for each, kind in kinds.items() if kind == "parsed"])
            with connect(folder, *macros, full=full) as connection:
                self._connection = connection
                try:
                    reading = Reading(connection, parsed, kinds)
                    yield reading, RolledReading(reading, seam) if seam else None
                finally:
                    self._connection = None

    def _find_seam(self, logs: Sequence[Source], queries: Sequence[Query], folder: Path) -> Seam | None:
        """Where the history ends, if one of *queries* needs it. Raises `SourceError` if nothing answers."""
        if not self.month_files:
            return None
        seam = find_seam(self.month_files, logs, folder) if queries else None
        if seam and (not logs or any(map(seam.applies_to, queries))):
            return seam
        if not logs:
            raise SourceError(NO_SINGLE_RUNS)
        return None
