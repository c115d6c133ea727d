"""Logs packed as Parquet: an eighth of the size, and ranked without parsing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec

from slowtask.errors import SourceError
from slowtask.parse.sources import Source
from slowtask.record import event
from slowtask.store.duck import connect, fetch, literal, nameable, statement
from slowtask.store.files import looks_like_json
from slowtask.store.origin import identity, origins

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: DuckDB's type for each of Elasticsearch's.
TYPES: Final = {
    "date": "TIMESTAMPTZ",
    "keyword": "VARCHAR",
    "text": "VARCHAR",
    "long": "BIGINT",
    "short": "SMALLINT",
    "double": "DOUBLE",
    "object": "JSON",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What became of one log."""

    target: Path
    runs: int
    others: int  #: lines that are known and tell of no run: they aren't packed
    bad: int  #: lines that can't be parsed
    before: int  #: bytes
    after: int

    @property
    def complete(self) -> bool:
        """Whether all the log held is packed."""
        return self.runs > 0 and not self.others and not self.bad


def pack(source: Source, path: Path, folder: Path) -> Packed:
    """Write the runs of *source*, which lies at *path*, to a Parquet file in *folder*, atomically.

    A file that was made of this very log is left as it is. Raises `SourceError` if there is another, the log
    changes meanwhile, or there is nothing to pack.
    """
    target = folder / f"{path.name}.parquet"
    before, scratch = identity(path), folder / f".{path.name}.{os.getpid()}.parquet"
    try:
        with TemporaryDirectory(prefix="slowtask-") as name:
            if target.exists():
                return _again(source, path, target, Path(name))
            packed = _written(source, path, scratch, target, Path(name))
        if identity(path) != before:
            raise SourceError(f"{path} changed while it was packed: pack it after its rotation.")
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return packed


def columns() -> str:
    """The columns of a line, as `read_json` wants them."""
    return ", ".join(f"'{name}': '{TYPES[kind]}'" for name, kind in event.types().items())


def _again(source: Source, path: Path, target: Path, folder: Path) -> Packed:
    """What *target* holds of a log that is packed already. Raises `SourceError` if it is another's."""
    with connect(folder, "macros") as connection:
        if identity(path) not in origins(connection, target):
            raise SourceError(f"{target} exists and was made of another log: choose another --out.")
        found, _, bad = _checked(connection, source, path, folder)
        return _counted(connection, found, bad, path, target, target)


def _written(source: Source, path: Path, scratch: Path, target: Path, folder: Path) -> Packed:
    """Write *scratch*; what it holds is counted in the log and again in the file. Raises `SourceError`."""
    with connect(folder, "macros") as connection:
        found, lines, bad = _checked(connection, source, path, folder)
        if not found["runs"]:
            raise SourceError(f"{source.name} holds no runs: there is nothing to pack.")
        _copy(connection, lines, scratch, identity(path), found)
        return _counted(connection, found, bad, path, scratch, target)


def _counted(  # noqa: PLR0913, PLR0917 - both files, and what was found
    connection: "DuckDBPyConnection", found: dict[str, Any], bad: int, path: Path, file: Path, target: Path
) -> Packed:
    """What became of the log at *path*, now packed in *file*. Raises `SourceError` if a run is missing."""
    [kept] = fetch(connection, "SELECT count(*) AS runs FROM packed($files)", {"files": [literal(file)]})
    if kept["runs"] != found["runs"]:
        raise SourceError(f"{path} can't be packed: {kept['runs']:,} of {found['runs']:,} runs arrived.")
    sizes = {"before": path.stat().st_size, "after": file.stat().st_size}
    return Packed(target=target, runs=found["runs"], others=found["others"], bad=bad, **sizes)


def _checked(
    connection: "DuckDBPyConnection", source: Source, path: Path, folder: Path
) -> tuple[dict[str, Any], Path, int]:
    """What the log holds, the file of pure lines to pack, and how many lines can't be parsed."""
    import duckdb  # noqa: PLC0415 - with the connection

    if nameable(path) and looks_like_json(source, path):
        try:
            found = _check(connection, path)
        except duckdb.Error:
            found = {"lines": -1}
        if found["lines"] == found.get("runs", 0) + found.get("others", 0):
            return found, path, 0
    lines = folder / "lines.ndjson"
    others, bad = _normalised(source, lines)
    return _check(connection, lines) | {"others": others}, lines, bad


def _check(connection: "DuckDBPyConnection", lines: Path) -> dict[str, Any]:
    """The row of pack_check.sql for the file *lines*."""
    return fetch(connection, _over(statement("pack_check")), {"files": [literal(lines)]})[0]


def _copy(
    connection: "DuckDBPyConnection", lines: Path, target: Path, mark: str, found: dict[str, Any]
) -> None:
    """Run pack.sql, with ids in 16 bytes where all of them allow it."""
    sql = _over(statement("pack"))
    for place, name, short in (
        ("kept_id", "event.id", "short_ids"),
        ("kept_task_id", "task.id", "short_task_ids"),
    ):
        sql = sql.replace(f"{place} AS", f'"{name}"::{"UUID" if found[short] else "VARCHAR"} AS')
    fetch(connection, sql, {"files": [literal(lines)], "target": str(target.absolute()), "identity": mark})


def _over(sql: str) -> str:
    """*sql* with its `lines_in_full` read from the parameter `$files`."""
    options = "format = 'newline_delimited', ignore_errors = true, hive_partitioning = false"
    return sql.replace("FROM lines_in_full", f"FROM read_json($files, {options}, columns = {{{columns()}}})")


def _normalised(source: Source, target: Path) -> tuple[int, int]:
    """Write the runs of *source* as our own lines; returns how many others tell of no run, and are bad."""
    from slowtask.parse.events import events  # noqa: PLC0415 - slow to import, and seldom needed
    from slowtask.parse.items import Tally  # noqa: PLC0415 - see above

    tally = Tally()
    with target.open("wb") as file:
        for line in _encoded(events(source, tally=tally)):
            file.write(line)
    bad = tally.unparsable.total()
    return max(0, tally.lines - tally.events - bad), bad


def _encoded(items: Iterator[Any]) -> Iterator[bytes]:
    """The lines of those *items* that are runs."""
    encode = msgspec.json.Encoder().encode
    for item in items:
        if isinstance(item, event.Run):
            yield encode(event.fields(item)) + b"\n"
