"""Run DuckDB with the statements of `sql/`: in bounded memory, without a network."""

import glob
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

import duckdb

from slowtask.errors import SourceError
from slowtask.store.shapes import make_readers

MEMORY_LIMIT: Final = "512MB"  #: beyond it DuckDB writes to disk, or raises
MAX_REASON: Final = 300  #: characters
CONFIG: Final[dict[str, str]] = {
    "memory_limit": MEMORY_LIMIT,
    "autoinstall_known_extensions": "false",  # JSON, Parquet and time zones are built in: no downloads
    "autoload_known_extensions": "false",
    "preserve_insertion_order": "false",
}
#: A time without a zone is UTC; progress is counted, for `query_progress`, and not printed.
SETTINGS: Final = (
    "SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false"
)


@contextmanager
def connect(folder: Path, *scripts: str, full: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that may spill to *folder*, and run the *scripts* of `sql/`.

    *full*: the CSV files of the parser have all columns.
    """
    connection = duckdb.connect(config={**CONFIG, "temp_directory": str(folder / "spill")})
    try:
        connection.execute(SETTINGS)
        connection.execute(make_readers(full=full))
        for script in scripts:
            connection.execute(read_sql(script))
        yield connection
    finally:
        connection.close()


def read_sql(name: str) -> str:
    """Read sql/*name*.sql."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run *sql* and return its rows as dicts by column. *values* may hold more than it names.

    Ctrl-C ends it at once: the query runs in a thread, since DuckDB checks for signals too seldom.
    """
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(_fetch_rows, connection, sql, values).result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _fetch_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Run *sql* in this thread."""
    used = {name: value for name, value in values.items() if f"${name}" in sql}
    result = connection.execute(sql, used)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def describe_error(error: duckdb.Error) -> str:
    """What DuckDB says of *error*, in one line."""
    return str(error).splitlines()[0][:MAX_REASON]


@contextmanager
def explain_writing(folder: Path) -> Iterator[None]:
    """Raise `SourceError` if *folder* can't be written to within the block."""
    try:
        yield
    except (duckdb.IOException, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else find_cause(describe_error(error))
        raise SourceError(
            f"{folder} can't be written to ({reason}): check its permissions, and the space on its disk."
        ) from error


def find_cause(text: str) -> str:
    """The operating system's words in an error of DuckDB's: `No space left on device`."""
    return text.partition('","errno"')[0].rpartition(": ")[2]


def absolute_path(path: Path) -> str:
    """*path* as DuckDB returns it in the column `filename`."""
    return os.path.abspath(path)  # noqa: PTH100 - a link must stay what it is


def escape_path(path: Path) -> str:
    """*path* escaped for DuckDB, which takes every path for a glob."""
    name = absolute_path(path)
    return glob.escape(name.replace("\\", "\\\\")) if glob.has_magic(name) else name


def is_utf8_path(path: Path) -> bool:
    """Whether *path* is UTF-8, as DuckDB needs it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
