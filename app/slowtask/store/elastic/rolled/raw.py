"""Make the cells of an Elasticsearch's runs by the statements that make those of log files."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

import msgspec

from slowtask.parse.sources import resolve
from slowtask.record.event import DATASET
from slowtask.store.duck import connect, escape_path, read_sql
from slowtask.store.elastic.fetch import Page, fetch_pages
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.hours import Limits, make_range
from slowtask.store.elastic.rolled.sketch import count_bins
from slowtask.store.elastic.search import Search
from slowtask.store.files import Files

TIME: Final = "@timestamp"
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
#: The columns of rollup_hours.sql that have a cell's figures.
FIGURES: Final = (
    "runs", "failures", "killed", "timed", "total", "spread", "max", "cpu", "cpu_time", "memory", "margin"
)  # fmt: skip
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
        while chunk := rows.fetchmany(CHUNK):
            yield from map(read_row, chunk)


def read_row(row: tuple[Any, ...]) -> tuple[Key, Cell]:
    """The cell of a row of rollup_hours.sql."""
    start, task, queue, version, first, last, *others = row
    figures, lists = others[: len(FIGURES)], others[len(FIGURES) :]
    times, waits, errors = (count(*lists[place : place + 2]) for place in (0, 2, 4))
    errors.pop(None, None)
    cell = Cell(
        **dict(zip(FIGURES, figures, strict=True)),
        first=first,
        last=last,
        times=count_bins(times),
        waits=count_bins(waits),
        errors=Counter(errors),
    )
    return Key(span="hour", start=start, task=task, queue=queue, version=version), cell


def count(keys: list[Any] | None, counts: list[int] | None) -> dict[Any, int]:
    """The *counts* of *keys*; none where there is no list."""
    return dict(zip(keys or (), counts or (), strict=True))
