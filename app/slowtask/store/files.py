"""Log files as a store: DuckDB reads JSON lines and Parquet in place; other lines go through the parser."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, tzinfo
from gzip import GzipFile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from slowtask.errors import SourceError
from slowtask.parse.sources import Source
from slowtask.store import Figures, Measurement, Query
from slowtask.store.columns import Columns, gathered
from slowtask.store.duck import absolute, connect, fetch, literal, nameable, statement
from slowtask.store.foreign import Foreign
from slowtask.store.history import History, history, width
from slowtask.store.origin import unpacked
from slowtask.units import plural

SNIFF: Final = 4096


class Files:
    """The runs in log files."""

    def __init__(
        self, sources: Sequence[Source], *, date: date | None = None, timezone: tzinfo = UTC
    ) -> None:
        """*date* and *timezone* are for text lines that don't tell theirs."""
        self._sources = list(sources)
        self._date = date
        self._timezone = timezone
        self._connection: duckdb.DuckDBPyConnection | None = None

    def progress(self) -> float | None:
        """How much of the query at hand is done, 0 to 1; None while the parser is at work."""
        connection = self._connection
        share = -1.0 if connection is None else connection.query_progress()
        return None if share < 0 else share / 100

    def measure(self, query: Query) -> Measurement:
        """The figures of each task over the runs of *query*. Raises `SourceError`."""
        with self._reading() as reading:
            return self._measured(reading, query)

    def history(self, query: Query, choose: Callable[[Measurement], Sequence[str]]) -> History:
        """How the runs of *query* went over time, by task for those of the measurement that *choose* names.

        Raises `SourceError`, also where there is no run.
        """
        with self._reading() as reading:
            measurement = self._measured(reading, query)
            return reading.history(measurement, query, choose(measurement))

    def columns(self, query: Query) -> Columns:
        """The runs of *query* that tell their wait and duration, to be replayed. Raises `SourceError`."""
        with self._reading() as reading:
            found = reading.columns(query)
            return replace(found, skipped=len(self._sources) - reading.count)

    def _measured(self, reading: "Reading", query: Query) -> Measurement:
        """What `measure` returns."""
        found = reading.measure(query)
        return replace(found, skipped=len(self._sources) - reading.count)

    @contextmanager
    def _reading(self) -> Iterator["Reading"]:
        """A reading of all sources, each run once."""
        with TemporaryDirectory(prefix="slowtask-") as name:
            once = unpacked(self._sources, Path(name))
            foreign = Foreign(Path(name), date=self._date, timezone=self._timezone)
            foreign.parse([each for each in once if not for_duck(each)])
            with connect(Path(name), "macros", "buckets") as connection:
                self._connection = connection
                try:
                    yield Reading(connection, foreign, once)
                finally:
                    self._connection = None


class Reading:
    """One reading of all files."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, foreign: Foreign, sources: Sequence[Source]
    ) -> None:
        self._connection = connection
        self.count = len(sources)
        self._foreign = foreign
        self._lines: dict[str, Source] = {}  #: what DuckDB is told to read, by its name there
        self._mended: dict[str, Source] = {}  #: likewise, the lines that aren't ours being parsed
        self._packed: dict[str, Source] = {}
        self._sampled: list[str] = []  #: likewise, all the runs being parsed: a monitor's samples are left
        for source in sources:
            if source.path is not None and source not in foreign.sources:
                files = self._packed if source.kind == "parquet" else self._lines
                files[literal(source.path)] = source

    def measure(self, query: Query) -> Measurement:
        """The figures of each task. A file that DuckDB can't read well is parsed, and all read again."""
        rows = self._settled(lambda: self._rows(query))
        return Measurement(
            figures=tuple(map(_figures, rows)), bad=self._foreign.bad, source=plural(self.count, "file")
        )

    def columns(self, query: Query) -> Columns:
        """The runs that can be replayed, in order of arrival; files are set right as for `measure`."""
        rows = self._settled(lambda: self._picked(query))
        return gathered(self._connection, rows, self._foreign.bad, plural(self.count, "file"))

    def _settled(self, ask: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """What *ask* returns, once all rows that it counts are runs for certain."""
        rows = ask()
        while doubtful := self._doubtful(rows):
            for name, count in doubtful.items():
                self._set_right(name, count)
            rows = ask()
        return rows

    def _picked(self, query: Query) -> list[dict[str, Any]]:
        """Have the runs of *query* in the table `picked`; how many, by what they lack."""
        try:
            if not self._select("pick", _values(query)):
                return []
        except duckdb.Error as error:
            self._give_up_on(error)
            return self._picked(query)
        return fetch(self._connection, statement("picked_count"), {})

    def history(self, measurement: Measurement, query: Query, tasks: Sequence[str]) -> History:
        """How it went, after `measure`, by which every file is known to be readable. Raises `SourceError`."""
        if not measurement.figures:
            raise SourceError("The logs hold no runs: there is nothing to show.")
        first = min(each.first for each in measurement.figures)
        last = max(each.last for each in measurement.figures)
        runs = sum(each.count for each in measurement.figures)
        wide = self._noted(query, tasks, width(first, last, runs))
        [span] = fetch(self._connection, statement("history_span"), {})
        if (needed := width(span["first"] * wide, span["last"] * wide, runs)) > wide:
            wide = self._noted(query, tasks, needed)  # samples go on longer than runs
        return history(measurement, tasks, wide, lambda name: fetch(self._connection, statement(name), {}))

    def _noted(self, query: Query, tasks: Sequence[str], wide: int) -> int:
        """Run history.sql in slots so *wide* (µs), which it returns."""
        files = {
            "observed": [*self._lines, *self._mended],
            "sampled": self._sampled,
            "packed": [*self._packed],
            "parsed": self._foreign.names(),
        }
        values = {**_values(query), **files, "tasks": [*tasks], "width": wide}
        try:
            fetch(self._connection, _over(statement("history"), files), values)
        except duckdb.Error as error:  # a file changed or went since it was measured
            raise unreadable(error) from error
        return wide

    def _rows(self, query: Query) -> list[dict[str, Any]]:
        """The rows of exact.sql, or of sketch.sql where memory can't hold all times."""
        values = _values(query)
        try:
            return self._select("exact", values)
        except duckdb.OutOfMemoryException:
            return self._select("sketch", values)
        except duckdb.Error as error:
            self._give_up_on(error)
            return self._rows(query)

    def _select(self, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of the statement *name* over all files."""
        files = {
            "lines": [*self._lines],
            "mended": [*self._mended],
            "packed": [*self._packed],
            "parsed": self._foreign.names(),
        }
        sql = _over(statement(name), files)
        return fetch(self._connection, sql, values | files) if any(files.values()) else []

    def _doubtful(self, rows: list[dict[str, Any]]) -> dict[str, int]:
        """The files that gave rows which may be no runs, and how many."""
        count = sum(row["count"] for row in rows if not row["sound"])
        if not count:
            return {}
        if len(self._lines) == 1:
            return dict.fromkeys(self._lines, count)
        found = fetch(self._connection, statement("unsound"), {"lines": [*self._lines]})
        by_path = {absolute(source.path): name for name, source in self._lines.items() if source.path}
        return {by_path[row["filename"]]: row["count"] for row in found}

    def _set_right(self, name: str, count: int) -> None:
        """Have the *count* lines parsed that DuckDB can't read in the file *name*; if need be, all of it."""
        source = self._lines.pop(name)
        if self._foreign.parse_strays(source, count):
            self._mended[name] = source
        else:
            self._sampled.append(name)
            self._foreign.parse([source])

    def _give_up_on(self, error: duckdb.Error) -> None:
        """Hand the files that DuckDB fails on to the parser. Raises `SourceError` if that can't help."""
        for name, source in self._packed.items():
            if not self._readable("packed", name):
                raise SourceError(
                    f"{source.name} can't be read as a Parquet of slowtask pack: leave it out."
                ) from error
        broken = [name for name in self._lines if not self._readable("lines", name)]
        if not broken:
            raise unreadable(error) from error
        self._foreign.parse([self._lines.pop(name) for name in broken])

    def _readable(self, kind: str, name: str) -> bool:
        """Whether DuckDB reads the file *name* to its end."""
        try:
            self._connection.execute(
                f"SELECT count(task), max(wait) FROM {kind}($files)",  # noqa: S608 - one of three names
                {"files": [name]},
            )
        except duckdb.Error:
            return False
        return True


def unreadable(error: duckdb.Error) -> SourceError:
    """What is said where DuckDB fails and no one file is to blame."""
    return SourceError(f"The logs can't be read: {str(error).splitlines()[0]}")


def _values(query: Query) -> dict[str, Any]:
    """*query* as the statements take it."""
    return {"since": query.since, "until": query.until, "queues": list(query.queues) or None}


def _over(sql: str, files: Mapping[str, list[str]]) -> str:
    """*sql* with its `runs` read from *files*, whose kinds are macros of macros.sql."""
    runs = " UNION ALL BY NAME ".join(f"FROM {kind}(${kind})" for kind, names in files.items() if names)
    return sql.replace("FROM runs", f"FROM ({runs}) AS runs")


def for_duck(source: Source) -> bool:
    """Whether DuckDB can read *source* by itself, as far as its beginning tells."""
    if source.path is None or not nameable(source.path):
        return False
    return source.kind == "parquet" or looks_like_json(source, source.path)


def looks_like_json(source: Source, path: Path) -> bool:
    """Whether a file begins as JSON lines do, and is compressed, if it is, as its name says."""
    if not path.is_file():  # a pipe can be read only once
        return False
    try:
        with source.open() as file:
            start = file.read(SNIFF).lstrip()
            return start[:1] in (b"{", b"") and isinstance(file, GzipFile) == (path.suffix == ".gz")
    except (OSError, EOFError, zlib.error):  # damaged: the parser says so
        return False


def _figures(row: dict[str, Any]) -> Figures:
    """A row of exact.sql or sketch.sql as a record."""
    p50, p95, p99 = row["percentiles"] or (None, None, None)
    plain = {key: value for key, value in row.items() if key not in ("percentiles", "sound", "total")}
    return Figures(**plain, total=row["total"] or 0.0, p50=p50, p95=p95, p99=p99)
