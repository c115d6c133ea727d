"""Measure log files: DuckDB reads JSON lines and Parquet in place, the parser reads the rest."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

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
from slowtask.store.profiling import find_task, profile_leading, read_profiles
from slowtask.store.reading import Reading
from slowtask.store.rollup.keeping import Kept, keep

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MACROS: Final = ("macros", "buckets", "slots", "rollup_macros")  #: scripts of `sql/`


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
        with self._open_reading() as reading:
            return self._measure(reading, query, workers=workers)

    def compare(self, before: Query, after: Query) -> Comparison:
        """Compare the runs of *before* with those of *after*, which are others. Raises `SourceError`."""
        with self._open_reading() as reading:
            found = compare(reading, before, after)
            skipped = len(self._sources) - reading.count
            return replace(
                found,
                before=replace(found.before, skipped=skipped),
                after=replace(found.after, skipped=skipped),
            )

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields by which the runs of *query* can be grouped. Raises `SourceError`."""
        with self._open_reading() as reading:
            return find_fields(reading, replace(query, group=None))

    def history(
        self, query: Query, choose: Callable[[Measurement], Sequence[str]], *, profiled: int = 0
    ) -> History:
        """Count the runs of *query* over time, separately for the tasks that *choose* picks.

        The first *profiled* of these also get a profile. Raises `SourceError`, also if there is no run.
        """
        with self._open_reading(full=profiled > 0) as reading:
            measurement = self._measure(reading, query)
            tasks = choose(measurement)
            found = count_history(reading, measurement, query, tasks)
            return replace(found, profiles=profile_leading(reading, measurement, query, tasks[:profiled]))

    def columns(self, query: Query) -> Columns:
        """Read the runs of *query* with a known wait and run time, for a replay. Raises `SourceError`."""
        with self._open_reading() as reading:
            found = pick_columns(reading, query)
            return replace(found, skipped=len(self._sources) - reading.count)

    def profile(self, task: str, query: Query, choose: Choose, slots: int) -> Profile:
        """Read all that is known of *task*, over time in at most *slots* slots.

        *choose* gets the names of tasks that may be meant, or of all. Raises `SlowtaskError`.
        """
        with self._open_reading(full=True) as reading:
            full_name = find_task(reading, task, query, choose)
            [found] = read_profiles(reading, [full_name], query, slots)
            skipped = len(self._sources) - reading.count
            return replace(found, measurement=replace(found.measurement, skipped=skipped))

    def alerts(self, query: Query) -> list[Alert]:
        """Read the newest changes of alerts in the period of *query*; a log that can't be read has none."""
        return read_alerts(self._sources, query)

    def write_cells(self, target: Path) -> Kept:
        """Write the cells of all runs to the file *target*, for `slowtask rollup`. Raises `SourceError`."""
        with self._open_reading(full=True) as reading:
            return keep(reading, target)

    def _measure(self, reading: Reading, query: Query, *, workers: bool = True) -> Measurement:
        """Measure within *reading*."""
        found = measure(reading, query, workers=workers)
        return replace(found, skipped=len(self._sources) - reading.count)

    @contextmanager
    def _open_reading(self, *, full: bool = False) -> Iterator[Reading]:
        """Open all sources, without logs whose packed form is among them; *full*: with all that is parsed."""
        with TemporaryDirectory(prefix="slowtask-") as name:
            once = drop_packed_logs(self._sources, Path(name))
            parsed = ParsedFiles(Path(name), date=self._date, timezone=self._timezone, full=full)
            kinds = {each: find_kind(each) for each in once}
            parsed.parse([each for each, kind in kinds.items() if kind == "parsed"])
            with connect(Path(name), *MACROS, full=full) as connection:
                self._connection = connection
                try:
                    yield Reading(connection, parsed, kinds)
                finally:
                    self._connection = None
