"""Make the cells of an Elasticsearch's runs by the statements that make those of log files."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

import msgspec

from slowtask.parse.sources import resolve
from slowtask.record.event import DATASET
from slowtask.store.duck import connect, escape_path, read_sql
from slowtask.store.elastic.fetch import TIME, Page, fetch_pages
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.document import FIGURES
from slowtask.store.elastic.rolled.hours import Limits, make_range
from slowtask.store.elastic.rolled.sketch import count_bins
from slowtask.store.elastic.search import Search
from slowtask.store.files import Files

#: What cells are made of.
FIELDS: Final = (
    TIME,
    "event.outcome",
    "event.action",
    "event.duration",
    "event.margin",
    "task.name",
    "task.wait",
    "task.cpu",
    "task.memory",
    "queue.name",
    "service.version",
    "error.type",
)
CHUNK: Final = 200  #: cells that are Python objects at a time


def make_cells(runs: Search, within: Limits) -> Iterator[tuple[Key, Cell]]:
    """Make the cells of the hours of *runs* within some limits. The runs are in a file meanwhile."""
    with TemporaryDirectory(prefix="slowtask-") as name:
        lines, cells = Path(name, "runs.ndjson"), Path(name, "cells.parquet")
        with lines.open("wb") as file:
            for page in fetch_pages(runs, [make_range(within)], FIELDS):
                write_lines(file, page)
        if lines.stat().st_size:
            Files(resolve([str(lines)])).write_cells(cells)
            lines.unlink()
            yield from read_file(cells)


def write_lines(file: BinaryIO, page: Page) -> None:
    """Write the runs of *page* as slowtask writes lines."""
    encode = msgspec.json.Encoder().encode
    times = [datetime.fromtimestamp(time / 1000, UTC) for time in page[TIME]]
    columns = {**page, TIME: times, "event.dataset": [DATASET] * len(times)}
    names = tuple(columns)
    for row in zip(*columns.values(), strict=True):
        known = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        file.write(encode(known) + b"\n")


def read_file(path: Path) -> Iterator[tuple[Key, Cell]]:
    """Read the cells of hours in the file at *path*."""
    with connect(path.parent) as connection:
        rows = connection.execute(read_sql("rollup_hours"), {"file": escape_path(path)})
        columns = [name for name, *_ in rows.description or ()]
        while chunk := rows.fetchmany(CHUNK):
            for row in chunk:
                yield read_row(dict(zip(columns, row, strict=True)))


def read_row(row: Mapping[str, Any]) -> tuple[Key, Cell]:
    """The cell of a row of rollup_hours.sql, by its columns."""
    errors = count(row["errors"], row["error_counts"])
    errors.pop(None, None)
    cell = Cell(
        **{name: row[name] for name in FIGURES},
        times=count_bins(count(row["time_bins"], row["time_counts"])),
        waits=count_bins(count(row["wait_bins"], row["wait_counts"])),
        errors=Counter(errors),
    )
    return Key(span="hour", **{name: row[name] for name in ("start", "task", "queue", "version")}), cell


def count(keys: list[Any] | None, counts: list[int] | None) -> dict[Any, int]:
    """The *counts* of *keys*; none where there is no list."""
    return dict(zip(keys or (), counts or (), strict=True))
