"""Which log a packed file was made from, so that no run is counted twice."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from slowtask.parse.sources import Source
from slowtask.store.duck import connect, fetch, literal, nameable, statement


def identity(path: Path) -> str:
    """What tells the file at *path* from others, whatever its name is later: device, inode, size."""
    status = path.stat()
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}"


def unpacked(sources: Sequence[Source], folder: Path) -> list[Source]:
    """*sources* without the logs whose packed form is also among them. DuckDB may use *folder*."""
    packed = [each.path for each in sources if each.path and each.kind == "parquet" and nameable(each.path)]
    if not packed or len(packed) == len(sources):
        return list(sources)
    with connect(folder) as connection:
        known = set().union(*(origins(connection, path) for path in packed))
    return [
        each for each in sources if not (each.path and each.path.exists() and identity(each.path) in known)
    ]


def origins(connection: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    """The identity that the file at *path* holds; none where it isn't ours, or can't be read."""
    try:
        found = fetch(connection, statement("packed_from"), {"packed": [literal(path)]})
    except duckdb.Error:
        return set()
    return {row["identity"] for row in found}
