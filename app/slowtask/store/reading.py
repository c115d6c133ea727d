"""Read all files of a log by the statements of `sql/`: by DuckDB or the parser, as each file needs it."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import duckdb

from slowtask.errors import SourceError
from slowtask.parse.sources import Source
from slowtask.store import Measurement, Query
from slowtask.store.choice import Choice, read_runs
from slowtask.store.duck import absolute_path, describe_error, escape_path, fetch, read_sql
from slowtask.store.kinds import JSON_KINDS, Kind
from slowtask.store.parsed import ParsedFiles
from slowtask.store.place import Places
from slowtask.units import plural

#: Makes the SQL that selects runs from files, which are given by their kinds.
Select = Callable[[Mapping[str, list[str]]], str]
Rows = list[dict[str, Any]]
NO_COLUMNS: Final[Mapping[str, str]] = {}


class Reading:
    """Reads all files once, and finds out meanwhile which of them DuckDB can't read, or not for certain."""

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
        self._sampled: list[str] = []  #: files of lines whose runs are all parsed: only samples are left

    @property
    def has_json(self) -> bool:
        """Whether lines of JSON are read, which takes longest."""
        return any(self._json.values())

    def describe(self) -> Measurement:
        """What was read, without figures."""
        parsed = self._parsed
        return Measurement(
            figures=(),
            bad=parsed.bad,
            source=plural(self.count, "file"),
            others=parsed.others,
            guessed=tuple(parsed.guessed),
            stock=parsed.lines > 0,
        )

    def ask_until_sound(self, ask: Callable[[], Rows]) -> Rows:
        """Repeat *ask* and parse doubtful files until all rows that it counts are runs for certain."""
        rows = ask()
        while doubtful := self._find_doubtful(rows):
            for name, count in doubtful.items():
                self._parse_doubtful(name, count)
            rows = ask()
        return rows

    def fill(
        self,
        statement: str,
        select: Select,
        values: Mapping[str, Any],
        columns: Mapping[str, str] = NO_COLUMNS,
    ) -> None:
        """Run *statement* over the runs that *select* chooses; parse files that DuckDB can't read.

        *columns* are put into the statement, each for its name.

        DuckDB's out-of-memory error is raised. Raises `SourceError`.
        """
        files = self._all_files()
        sql = read_sql(statement).replace("FROM runs", f"FROM {select(files)}")
        for name, column in columns.items():
            sql = sql.replace(name, column)
        try:
            fetch(self._connection, sql, {**values, **files})
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            self._parse_unreadable(error)
            self.fill(statement, select, values, columns)

    def fill_with(self, statement: str, query: Query, values: Mapping[str, Any]) -> None:
        """Run *statement* over the runs of *query*, and over rows that may be runs. Raises `SourceError`."""
        choice = Choice(query)
        self.fill(statement, partial(read_runs, choice=choice), {**choice.values, **values})

    def read(self, statement: str, query: Query, values: Mapping[str, Any], *, samples: bool = False) -> Rows:
        """Run *statement* over the runs of *query*, after the files were sorted. Raises `SourceError`.

        With *samples*, over those of a monitor's too.
        """
        return self.read_chosen(statement, Choice(query), values, samples=samples)

    def read_chosen(
        self, statement: str, choice: Choice, values: Mapping[str, Any], *, samples: bool = False
    ) -> Rows:
        """Do the same over the runs of *choice*. Raises `SourceError`."""
        files = self._sampled_files() if samples else self._all_files()
        runs = read_runs(files, choice, doubtful=False)
        sql = read_sql(statement).replace("FROM runs", f"FROM {runs}")
        try:
            return fetch(self._connection, sql, {**choice.values, **values, **files})
        except duckdb.Error as error:  # a file changed or went meanwhile
            raise make_read_error(error) from error

    def ask(self, statement: str, values: Mapping[str, Any], *, field: str = "field") -> Rows:
        """Run *statement* over tables, with the column *field* for `field`. Raises `SourceError`."""
        return self.ask_sql(re.sub(r"\bfield\b", field, read_sql(statement)), values)

    def ask_sql(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run *sql* over tables. Raises `SourceError`."""
        try:
            return fetch(self._connection, sql, values)
        except duckdb.OutOfMemoryException as error:
            raise SourceError("There are too many runs for the memory: choose fewer with --since.") from error
        except duckdb.DataError as error:  # figures that a stranger wrote to a history
            raise make_read_error(error) from error
        except duckdb.Error as error:
            raise SourceError(
                f"The figures can't be read ({describe_error(error)}): a file of the history is damaged, or"
                " the disk for temporary files is full."
            ) from error

    def fetch_chunks(self, statement: str) -> duckdb.DuckDBPyConnection:
        """Run *statement* over tables, to fetch its rows in chunks."""
        return self._connection.execute(read_sql(statement))

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

    def _all_files(self) -> dict[str, list[str]]:
        """The names of all files, by the kind that reads their runs."""
        return self._json_files() | {
            "mended": [*self._mended],
            "packed": [*self._packed],
            "parsed": self._parsed.csv_paths(),
        }

    def _sampled_files(self) -> dict[str, list[str]]:
        """The same, by the kind that reads their runs and samples."""
        files = self._all_files()
        files["observed"] = files.pop("lines") + files.pop("mended")
        return {**files, "sampled": self._sampled}

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
                raise make_damage_error(source) from error
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


def make_damage_error(source: Source) -> SourceError:
    """The error for a Parquet file of others, or one that can't be read."""
    return SourceError(f"{source.name} isn't a Parquet file of slowtask pack, or is damaged: leave it out.")


def make_read_error(error: duckdb.Error) -> SourceError:
    """The error for a failure of DuckDB's that no single file explains."""
    return SourceError(f"The logs can't be read: {describe_error(error)}")


def _name_files(kinds: Mapping[Source, Kind], kind: Kind) -> dict[str, Source]:
    """The files of one *kind* by their name in DuckDB."""
    return {escape_path(each.path): each for each, found in kinds.items() if found == kind and each.path}
