"""Measure log files: DuckDB reads JSON lines and Parquet in place, the parser reads the rest."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, tzinfo
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from slowtask.errors import SourceError
from slowtask.parse.sources import Source
from slowtask.store import Comparison, Figures, Measurement, Query
from slowtask.store.choice import Choice, read_runs, read_sides
from slowtask.store.columns import Columns, read_columns
from slowtask.store.comparison import make_comparison
from slowtask.store.duck import absolute_path, connect, escape_path, fetch, read_sql
from slowtask.store.fields import LABELS
from slowtask.store.history import History, choose_slot_width, read_history
from slowtask.store.kinds import JSON_KINDS, Kind, find_kind
from slowtask.store.origin import drop_packed_logs
from slowtask.store.parsed import ParsedFiles
from slowtask.store.place import Places
from slowtask.store.profile import Profile
from slowtask.store.profiling import Choose, copy_tasks, find_task, read_profiles
from slowtask.units import plural

#: Makes the SQL that selects runs from files, which are given by their kinds.
Read = Callable[[Mapping[str, list[str]]], str]


MANY_RUNS: Final = 2_000_000  #: of lines of JSON; with more, profiles in a report are brief
PROFILE_SLOTS: Final = 40  #: of time, in the profiles of a report


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
        self._connection: duckdb.DuckDBPyConnection | None = None

    def progress(self) -> float | None:
        """How much of the query is done, 0 to 1; None while the parser works."""
        connection = self._connection
        share = -1.0 if connection is None else connection.query_progress()
        return None if share < 0 else share / 100

    def measure(self, query: Query) -> Measurement:
        """Measure each task over the runs of *query*. Raises `SourceError`."""
        with self._open_reading() as reading:
            return self._measure(reading, query)

    def compare(self, before: Query, after: Query) -> Comparison:
        """Compare the runs of *before* with those of *after*, which are others. Raises `SourceError`."""
        with self._open_reading() as reading:
            found = reading.compare(before, after)
            skipped = len(self._sources) - reading.count
            return replace(
                found,
                before=replace(found.before, skipped=skipped),
                after=replace(found.after, skipped=skipped),
            )

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields by which the runs of *query* can be grouped. Raises `SourceError`."""
        with self._open_reading() as reading:
            return reading.fields(replace(query, group=None))

    def history(
        self, query: Query, choose: Callable[[Measurement], Sequence[str]], *, profiled: int = 0
    ) -> History:
        """Count the runs of *query* over time, separately for the tasks that *choose* picks.

        The first *profiled* of these also get a profile. Raises `SourceError`, also if there is no run.
        """
        with self._open_reading(full=profiled > 0) as reading:
            measurement = self._measure(reading, query)
            tasks = choose(measurement)
            found = reading.history(measurement, query, tasks)
            return replace(found, profiles=reading.profiles(measurement, query, tasks[:profiled]))

    def columns(self, query: Query) -> Columns:
        """Read the runs of *query* with a known wait and run time, for a replay. Raises `SourceError`."""
        with self._open_reading() as reading:
            found = reading.columns(query)
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

    def _measure(self, reading: "Reading", query: Query) -> Measurement:
        """Measure within *reading*."""
        found = reading.measure(query)
        return replace(found, skipped=len(self._sources) - reading.count)

    @contextmanager
    def _open_reading(self, *, full: bool = False) -> Iterator["Reading"]:
        """Open all sources, without logs whose packed form is among them; *full*: with all that is parsed."""
        with TemporaryDirectory(prefix="slowtask-") as name:
            once = drop_packed_logs(self._sources, Path(name))
            parsed = ParsedFiles(Path(name), date=self._date, timezone=self._timezone, full=full)
            kinds = {each: find_kind(each) for each in once}
            parsed.parse([each for each, kind in kinds.items() if kind == "parsed"])
            with connect(Path(name), "macros", "buckets", "slots", full=full) as connection:
                self._connection = connection
                try:
                    yield Reading(connection, parsed, kinds)
                finally:
                    self._connection = None


class Reading:
    """Reads all files once, by DuckDB or the parser, as each file needs it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, parsed: ParsedFiles, kinds: Mapping[Source, Kind]
    ) -> None:
        self._connection = connection
        self.count = len(kinds)
        self._sources = [*kinds]
        self._parsed = parsed
        self._packed = _name_files(kinds, "packed")
        #: Files of JSON by their kind and their name in DuckDB. Which of their lines are runs shows later.
        self._json = {kind: _name_files(kinds, kind) for kind in JSON_KINDS}
        self._mended: dict[str, Source] = {}  #: files of lines of which the strays are parsed
        self._method = "exact"  #: how the figures were made: `exact` or `sketch`
        self._sampled: list[str] = []  #: files of lines whose runs are all parsed: only samples are left

    def measure(self, query: Query) -> Measurement:
        """Measure each task. A file that DuckDB can't read is parsed, and all files are read again."""
        rows = self._ask_until_sound(lambda: self._fetch_figures(query))
        [seats] = fetch(self._connection, read_sql("seats"), {}) if rows else [{"workers": None}]
        return replace(self._describe(rows), workers=seats["workers"])

    def compare(self, before: Query, after: Query) -> Comparison:
        """Measure each task on both sides, and count its run times by bins."""
        sides = Choice(before, "before_"), Choice(after, "after_")
        rows = self._ask_until_sound(lambda: self._fetch_sides(*sides))
        times: tuple[dict[str, dict[int, int]], dict[str, dict[int, int]]] = ({}, {})
        for row in fetch(self._connection, read_sql(f"times_{self._method}"), {}) if rows else ():
            times[row["side"]][row["task"]] = dict(zip(row["slots"], row["counts"], strict=True))
        first, second = ([row for row in rows if row["side"] is side] for side in (False, True))
        return make_comparison(self._describe(first), self._describe(second), times)

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields that the runs of *query* have, then their labels, by name."""
        self.measure(query)  # finds out which lines are runs
        files, choice = self._all_files(), Choice(query)
        runs = read_runs(files, choice, doubtful=False)
        sql = read_sql("fields").replace("FROM runs", f"FROM {runs}")
        [row] = fetch(self._connection, sql, {**choice.values, **files})
        labels = sorted(row.pop("labels") or ())
        return (*(name for name, known in row.items() if known), *(f"{LABELS}{label}" for label in labels))

    def _describe(self, rows: list[dict[str, Any]]) -> Measurement:
        """The figures of *rows*, and what was read for them."""
        parsed = self._parsed
        return Measurement(
            figures=tuple(map(_make_figures, rows)),
            bad=parsed.bad,
            source=plural(self.count, "file"),
            others=parsed.others,
            guessed=tuple(parsed.guessed),
            stock=parsed.lines > 0,
        )

    def columns(self, query: Query) -> Columns:
        """Read the runs that can be replayed, in order of arrival, as `measure` reads them."""
        rows = self._ask_until_sound(lambda: self._pick(query))
        found = read_columns(self._connection, rows, self._parsed.bad, plural(self.count, "file"))
        return replace(found, guessed=tuple(self._parsed.guessed))

    def _ask_until_sound(self, ask: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Repeat *ask* and parse doubtful files until all rows that it counts are runs for certain."""
        rows = ask()
        while doubtful := self._find_doubtful(rows):
            for name, count in doubtful.items():
                self._parse_doubtful(name, count)
            rows = ask()
        return rows

    def _pick(self, query: Query) -> list[dict[str, Any]]:
        """Fill the table `picked` with the runs of *query*; return how many there are."""
        choice = Choice(query)
        self._run_readable("pick", partial(read_runs, choice=choice), choice.values)
        return fetch(self._connection, read_sql("picked_count"), {})

    def history(self, measurement: Measurement, query: Query, tasks: Sequence[str]) -> History:
        """Count runs over time. Call it after `measure`, which sorts the files. Raises `SourceError`."""
        if not measurement.figures:
            raise SourceError("The logs hold no runs: there is nothing to show.")
        first = min(each.first for each in measurement.figures)
        last = max(each.last for each in measurement.figures)
        runs = sum(each.count for each in measurement.figures)
        slot_width = self._fill_history(query, tasks, choose_slot_width(first, last, runs))
        [span] = fetch(self._connection, read_sql("history_span"), {})
        if (
            needed := choose_slot_width(span["first"] * slot_width, span["last"] * slot_width, runs)
        ) > slot_width:
            slot_width = self._fill_history(query, tasks, needed)  # samples go on longer than runs
        return read_history(
            measurement, tasks, slot_width, lambda name: fetch(self._connection, read_sql(name), {})
        )

    def _fill_history(self, query: Query, tasks: Sequence[str], slot_width: int) -> int:
        """Run history.sql with slots of *slot_width* µs; return that width."""
        files = self._json_files()
        files |= {
            "observed": [*files.pop("lines"), *self._mended],
            "sampled": self._sampled,
            "packed": [*self._packed],
            "parsed": self._parsed.csv_paths(),
        }
        choice = Choice(query)
        values = {**choice.values, **files, "tasks": [*tasks], "width": slot_width}
        sql = read_sql("history").replace("FROM runs", f"FROM {read_runs(files, choice, doubtful=False)}")
        try:
            fetch(self._connection, sql, values)
        except duckdb.Error as error:  # a file changed or went since it was measured
            raise make_read_error(error) from error
        return slot_width

    def copy(self, query: Query, values: Mapping[str, Any]) -> None:
        """Fill the table `copied` with the runs of *query*."""
        self._ask_until_sound(lambda: self._copy(query, values))

    def _copy(self, query: Query, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Fill it once; return how many runs it has, and how many rows that may be none."""
        choice = Choice(query)
        self._run_readable("profile", partial(read_runs, choice=choice), {**choice.values, **values})
        return self.ask("profile_tasks", {})

    def read(self, statement: str, query: Query, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run *statement* over the runs of *query*, after the files were sorted. Raises `SourceError`."""
        files, choice = self._all_files(), Choice(query)
        sql = read_sql(statement).replace("FROM runs", f"FROM {read_runs(files, choice, doubtful=False)}")
        try:
            return fetch(self._connection, sql, {**choice.values, **values, **files})
        except duckdb.Error as error:  # a file changed or went meanwhile
            raise make_read_error(error) from error

    def ask(self, statement: str, values: Mapping[str, Any], *, field: str = "field") -> list[dict[str, Any]]:
        """Run *statement* over tables, with the column *field* for `field`."""
        return fetch(self._connection, re.sub(r"\bfield\b", field, read_sql(statement)), values)

    def profiles(self, measurement: Measurement, query: Query, tasks: Sequence[str]) -> tuple[Profile, ...]:
        """The profiles of *tasks*; brief ones if there is so much to read that it would take long."""
        if not tasks:
            return ()
        copy_tasks(self, tasks, query)
        brief = bool(sum(map(len, self._json.values()))) and count_runs(measurement) > MANY_RUNS
        found = read_profiles(self, tasks, query, PROFILE_SLOTS, brief=brief)
        whole = sum(each.total for each in measurement.figures)
        totals = {each.task: each.total for each in measurement.figures if each.timed}
        return tuple(
            replace(each, share=totals[each.task] / whole if whole and each.task in totals else None)
            for each in found
        )

    def place(
        self, filename: str | None, row: Mapping[str, Any], places: Places
    ) -> tuple[str | None, int | None]:
        """The name of the file of a run, and the offset of its line."""
        sources = {absolute_path(each.path): each for each in self._sources if each.path}
        source = next((each for each in self._sources if each.name == filename), None) or sources.get(
            filename or ""
        )
        if source is None:
            return filename, row["place"]
        return source.name, places.find(source, row)

    def describe(self) -> Measurement:
        """What was read, without figures."""
        return self._describe([])

    def _fetch_figures(self, query: Query) -> list[dict[str, Any]]:
        """Fetch the figures of the runs of *query*."""
        choice = Choice(query)
        return self._measure_runs(partial(read_runs, choice=choice), {**choice.values, "durations": False})

    def _fetch_sides(self, before: Choice, after: Choice) -> list[dict[str, Any]]:
        """Fetch the figures of the runs of both sides."""
        values = {**before.values, **after.values, "durations": True}
        return self._measure_runs(partial(read_sides, before=before, after=after), values)

    def _measure_runs(self, read: Read, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Fetch the figures of exact.sql, or those of sketch.sql if memory can't hold all times."""
        try:
            self._run_readable("exact", read, values)
            self._method = "exact"
        except duckdb.OutOfMemoryException:
            self._run_readable("count", read, values)
            fetch(self._connection, read_sql("sketch"), {})
            self._method = "sketch"
        return fetch(self._connection, read_sql("measured"), {})

    def _run_readable(self, name: str, read: Read, values: Mapping[str, Any]) -> None:
        """Run the statement *name* over the runs that *read* selects; parse files that DuckDB can't read.

        DuckDB's out-of-memory error is raised. Raises `SourceError`.
        """
        files = self._all_files()
        sql = read_sql(name).replace("FROM runs", f"FROM {read(files)}")
        try:
            fetch(self._connection, sql, {**values, **files})
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            self._parse_unreadable(error)
            self._run_readable(name, read, values)

    def _all_files(self) -> dict[str, list[str]]:
        """The names of all files, by the kind that reads their runs."""
        return self._json_files() | {
            "mended": [*self._mended],
            "packed": [*self._packed],
            "parsed": self._parsed.csv_paths(),
        }

    def _find_doubtful(self, rows: list[dict[str, Any]]) -> dict[str, int]:
        """Find the files with rows that may not be runs, and count these rows."""
        count = sum(row["count"] for row in rows if not row["sound"])
        if not count:
            return {}
        doubtful = {name: source for files in self._json.values() for name, source in files.items()}
        if len(doubtful) == 1:
            return dict.fromkeys(doubtful, count)
        files = self._json_files()
        sql = read_sql("unsound").replace("FROM runs", f"FROM {read_runs(files, Choice(Query()))}")
        found = fetch(self._connection, sql, files)
        by_path = {absolute_path(source.path): name for name, source in doubtful.items() if source.path}
        return {by_path[row["filename"]]: row["count"] for row in found}

    def _json_files(self) -> dict[str, list[str]]:
        """The names of the files of JSON, by their kind."""
        return {kind: [*files] for kind, files in self._json.items()}

    def _parse_doubtful(self, name: str, count: int) -> None:
        """Parse the *count* doubtful lines of the file *name*, or all of it if they can't be found."""
        flat = name in self._json["lines"]
        [source] = [files.pop(name) for files in self._json.values() if name in files]
        if flat and self._parsed.parse_strays(source, count):
            self._mended[name] = source
            return
        self._parsed.parse([source])
        if flat:
            self._sampled.append(name)

    def _parse_unreadable(self, error: duckdb.Error) -> None:
        """Parse the files that DuckDB can't read at all. Raises `SourceError` if none can be blamed."""
        for name, source in self._packed.items():
            if not self._is_readable("packed", name):
                raise SourceError(
                    f"{source.name} isn't a Parquet file of slowtask pack, or is damaged: leave it out."
                ) from error
        broken = [
            files.pop(name)
            for kind, files in self._json.items()
            for name in [*files]
            if not self._is_readable(kind, name)
        ]
        if not broken:
            raise make_read_error(error) from error
        self._parsed.parse(broken)

    def _is_readable(self, kind: str, name: str) -> bool:
        """Whether DuckDB reads the file *name* to its end."""
        try:
            self._connection.execute(
                f"SELECT count(task), max(wait) FROM {kind}($files)",  # noqa: S608 - a kind's name
                {"files": [name]},
            )
        except duckdb.Error:
            return False
        return True


def count_runs(measurement: Measurement) -> int:
    """How many runs were measured."""
    return sum(each.count for each in measurement.figures)


def make_read_error(error: duckdb.Error) -> SourceError:
    """The error for a failure of DuckDB's that no single file explains."""
    return SourceError(f"The logs can't be read: {str(error).splitlines()[0]}")


def _name_files(kinds: Mapping[Source, Kind], kind: Kind) -> dict[str, Source]:
    """The files of one *kind* by their name in DuckDB."""
    return {escape_path(each.path): each for each, found in kinds.items() if found == kind and each.path}


def _make_figures(row: dict[str, Any]) -> Figures:
    """Make the figures of a row of exact.sql or sketch.sql."""
    p50, p95, p99 = row["percentiles"] or (None, None, None)
    plain = {key: value for key, value in row.items() if key not in ("percentiles", "side", "sound", "total")}
    return Figures(**plain, total=row["total"] or 0.0, p50=p50, p95=p95, p99=p99)
