"""Find which log a packed file was made from, so that no run counts twice."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from slowtask.parse.sources import Source
from slowtask.store.duck import connect, escape_path, fetch, is_utf8_path, read_sql


def file_identity(path: Path) -> str:
    """Identify the file at *path*, whatever its later name, by device, inode and size."""
    status = path.stat()
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}"


def drop_packed_logs(sources: Sequence[Source], folder: Path) -> list[Source]:
    """Drop the logs from *sources* whose packed form is among them. DuckDB may use *folder*."""
    packed = [
        each.path for each in sources if each.path and each.kind == "parquet" and is_utf8_path(each.path)
    ]
    if not packed or len(packed) == len(sources):
        return list(sources)
    with connect(folder) as connection:
        known = set().union(*(read_origins(connection, path) for path in packed))
    return [
        each
        for each in sources
        if not (each.path and each.path.exists() and file_identity(each.path) in known)
    ]


def read_origins(connection: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    """Read from the packed file at *path* which log it was made from; empty if it doesn't say."""
    try:
        found = fetch(connection, read_sql("packed_from"), {"packed": [escape_path(path)]})
    except duckdb.Error:
        return set()
    return {row["identity"] for row in found}
