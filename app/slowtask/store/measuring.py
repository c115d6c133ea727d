"""Measure, compare and count the runs of log files, by the statements of `sql/`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb

from slowtask.errors import SourceError
from slowtask.store import Comparison, Figures, Measurement, Query
from slowtask.store.choice import Choice, read_runs, read_sides
from slowtask.store.columns import Columns, read_columns
from slowtask.store.comparison import make_comparison
from slowtask.store.fields import LABELS
from slowtask.store.history import History, choose_slot_width, read_history
from slowtask.store.reading import Reading, Rows, Select


def measure(reading: Reading, query: Query, *, workers: bool = True) -> Measurement:
    """Measure each task, and count the *workers*.

    A file that DuckDB can't read is parsed, and all files are read again.
    """
    choice = Choice(query)
    select = partial(read_runs, choice=choice)
    rows = reading.ask_until_sound(lambda: fetch_figures(reading, select, choice.values, seats=workers))
    [seats] = reading.ask("seats", {}) if rows and workers else [{"workers": None}]
    return replace(describe(reading, rows), workers=seats["workers"])


def compare(reading: Reading, before: Query, after: Query) -> Comparison:
    """Measure each task on both sides, and count its run times by bins."""
    sides = Choice(before, "before_"), Choice(after, "after_")
    select = partial(read_sides, before=sides[0], after=sides[1])
    values = {**sides[0].values, **sides[1].values}
    rows = reading.ask_until_sound(lambda: fetch_figures(reading, select, values, times=True))
    times: tuple[dict[str, dict[int, int]], dict[str, dict[int, int]]] = ({}, {})
    for row in reading.ask("times", {}) if rows else ():
        times[row["side"]][row["task"]] = dict(zip(row["slots"], row["counts"], strict=True))
    first, second = ([row for row in rows if row["side"] is side] for side in (False, True))
    return make_comparison(describe(reading, first), describe(reading, second), times)


def fetch_figures(
    reading: Reading,
    select: Select,
    values: Mapping[str, Any],
    *,
    seats: bool = False,
    times: bool = False,
) -> Rows:
    """Fetch the figures of exact.sql, or those of sketch.sql if memory can't hold all times.

    With *seats*, they come with what seats.sql counts. With *times*, run times are also counted by bins, in
    the table `times`.
    """
    try:
        reading.fill("exact", select, values, choose_columns(seats=seats, times=times))
        method = "exact"
    except duckdb.OutOfMemoryException:
        count_in_buckets(reading, select, values)
        method = "sketch"
    if times:
        reading.ask(f"times_{method}", {})
    return reading.ask("measured", {})


def choose_columns(*, seats: bool, times: bool) -> dict[str, str]:
    """The columns of exact.sql that are left out where they aren't asked for."""
    return {
        "list_of_seats": "list(DISTINCT seat(ended, system, worker, pid))" if seats else "NULL::BIGINT[]",
        "list_of_bins": "list(bin(duration))" if times else "NULL::SMALLINT[]",
    }


def count_in_buckets(reading: Reading, select: Select, values: Mapping[str, Any]) -> None:
    """Make the figures of sketch.sql. Raises `SourceError`."""
    try:
        reading.fill("count", select, values)
        reading.ask("sketch", {})
    except duckdb.OutOfMemoryException:
        raise SourceError(
            "There are too many tasks for the memory: choose runs by --since, --queue or --where."
        ) from None


def describe(reading: Reading, rows: Rows) -> Measurement:
    """The figures of *rows*, and what was read for them."""
    return replace(reading.describe(), figures=tuple(map(make_figures, rows)))


def find_fields(reading: Reading, query: Query) -> tuple[str, ...]:
    """Find the fields that the runs of *query* have, then their labels, by name."""
    measure(reading, query, workers=False)  # finds out which lines are runs
    [row] = reading.read("fields", query, {})
    labels = sorted(row.pop("labels") or ())
    return (*(name for name, known in row.items() if known), *(f"{LABELS}{label}" for label in labels))


def pick_columns(reading: Reading, query: Query) -> Columns:
    """Read the runs that can be replayed, in order of arrival."""

    def pick() -> Rows:
        reading.fill_with("pick", query, {})
        return reading.ask("picked_count", {})

    rows = reading.ask_until_sound(pick)
    known = reading.describe()
    chunks = reading.fetch_chunks("picked") if rows else None
    return replace(read_columns(chunks, rows, known.bad, known.source), guessed=known.guessed)


def count_history(reading: Reading, measurement: Measurement, query: Query, tasks: Sequence[str]) -> History:
    """Count runs over time. Call it after `measure`, which sorts the files. Raises `SourceError`."""
    if not measurement.figures:
        raise SourceError("The logs hold no runs: there is nothing to show.")
    first = min(each.first for each in measurement.figures)
    last = max(each.last for each in measurement.figures)
    runs = sum(each.count for each in measurement.figures)
    width = fill_history(reading, query, tasks, choose_slot_width(first, last, runs))
    [span] = reading.ask("history_span", {})
    needed = choose_slot_width(span["first"] * width, span["last"] * width, runs)
    if needed > width:
        width = fill_history(reading, query, tasks, needed)  # samples go on longer than runs
    return read_history(measurement, tasks, width, lambda name: reading.ask(name, {}))


def fill_history(reading: Reading, query: Query, tasks: Sequence[str], width: int) -> int:
    """Run history.sql with slots of *width* µs; return that width."""
    reading.read("history", query, {"tasks": [*tasks], "width": width}, samples=True)
    return width


def make_figures(row: dict[str, Any]) -> Figures:
    """Make the figures of a row of exact.sql or sketch.sql."""
    p50, p95, p99 = row["percentiles"] or (None, None, None)
    plain = {key: value for key, value in row.items() if key not in ("percentiles", "side", "sound", "total")}
    return Figures(**plain, total=row["total"] or 0.0, p50=p50, p95=p95, p99=p99)
