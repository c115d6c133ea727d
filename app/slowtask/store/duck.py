"""DuckDB as we use it: in memory, bounded, without a network, with the statements of `sql/`."""

import glob
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

import duckdb

MEMORY: Final = "512MB"  #: beyond it DuckDB writes to disk, or raises
CONFIG: Final[dict[str, str]] = {
    "memory_limit": MEMORY,
    "autoinstall_known_extensions": "false",  # JSON, Parquet and time zones are built in: no downloads
    "autoload_known_extensions": "false",
    "preserve_insertion_order": "false",
}
#: A time without a zone is UTC; progress is counted, for `query_progress`, and not printed.
SETTINGS: Final = (
    "SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false"
)


@contextmanager
def connect(folder: Path, *scripts: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that spills to *folder*, after running *scripts*, named as for `statement`."""
    connection = duckdb.connect(config={**CONFIG, "temp_directory": str(folder / "spill")})
    try:
        connection.execute(SETTINGS)
        for script in scripts:
            connection.execute(statement(script))
        yield connection
    finally:
        connection.close()


def statement(name: str) -> str:
    """The SQL in sql/*name*.sql."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of *sql* as dicts by column. *values* may hold more than the statement names.

    Ctrl-C ends it at once: the query runs in a thread, for DuckDB would look at signals too seldom.
    """
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(_rows, connection, sql, values).result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `fetch` returns."""
    used = {name: value for name, value in values.items() if f"${name}" in sql}
    result = connection.execute(sql, used)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def absolute(path: Path) -> str:
    """*path* as DuckDB gives it back."""
    return os.path.abspath(path)  # noqa: PTH100 - a link must stay what it is


def literal(path: Path) -> str:
    """*path* so that DuckDB, which takes every path for a glob, finds that one file."""
    name = absolute(path)
    return glob.escape(name.replace("\\", "\\\\")) if glob.has_magic(name) else name


def nameable(path: Path) -> bool:
    """Whether DuckDB can be told *path*: it takes UTF-8 only."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
