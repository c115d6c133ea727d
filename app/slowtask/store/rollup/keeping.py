"""Make cells of the runs of one log."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from slowtask.store import BadLines, Measurement, Query
from slowtask.store.choice import Choice, read_runs
from slowtask.store.reading import Reading, Rows, Select

#: The cell of a run is its hour. One that ended before 1970 or after 9998 has none: its time is wrong.
HOUR: Final = (
    "CASE WHEN ended >= TIMESTAMPTZ '1970-01-01' AND ended < TIMESTAMPTZ '9999-01-01'"
    " THEN make_timestamptz(epoch_us(ended) // 3600000000 * 3600000000) END"
)
CELL: Final = "side, start, task, queue, version"
#: What rollup_bins.sql counts, by kind.
SETS: Final[Mapping[str, str]] = {
    "time": f"({CELL}, time_bin)",
    "wait": f"({CELL}, wait_bin)",
    "error": f"({CELL}, failed, error)",
    "seat": "(side, start, queue, version, seat)",
}

#: The columns that only some kinds need, each with its kind, and what it is without and with that.
COLUMNS: Final[Mapping[str, tuple[str, str, str]]] = {
    "when_failed": ("error", "", "WHEN grouping(failed) = 0 THEN 'error'"),
    "when_seated": ("seat", "", "WHEN grouping(seat) = 0 THEN 'seat'"),
    "column_failed": ("error", "NULL::BOOLEAN AS failed", "failed"),
    "column_error": ("error", "NULL::VARCHAR AS error", "error"),
    "column_seat": ("seat", "NULL::BIGINT AS seat", "seat"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the cells of one log hold."""

    months: tuple[str, ...]
    begin: int  #: µs since the epoch
    end: int
    runs: int
    read: Measurement  #: what was read, without figures


def keep(reading: Reading, target: Path) -> Kept:
    """Write the cells of all runs of *reading* to the file *target*, hours alone. Raises `SourceError`."""
    choice = Choice(Query())
    total = count_cells(reading, partial(read_runs, choice=choice), choice.values, HOUR, *SETS)
    reading.read("rollup_samples", Query(), {}, samples=True)
    reading.ask("rollup_rows", {})
    reading.ask("rollup_write", {"target": str(target), "marks": ""})
    [row] = reading.ask("rollup_found", {})
    read, lost = reading.describe(), BadLines(count=total - row["runs"])
    return Kept(
        months=tuple(row["months"] or ()),
        begin=row["first"] or 0,
        end=row["last"] or 0,
        runs=row["runs"],
        read=replace(read, bad=read.bad + lost),
    )


def count_cells(reading: Reading, select: Select, values: Mapping[str, Any], start: str, *kinds: str) -> int:
    """Make the table `cells` of the runs that *select* chooses; return how many there are.

    *start* is the SQL that says where the cell of a run begins, *kinds* are those of `SETS` to count.
    Raises `SourceError`.
    """
    columns = {
        "start_of_cell": start,
        "sets_of_kinds": ", ".join(SETS[kind] for kind in kinds),
        **{name: names[kind in kinds] for name, (kind, *names) in COLUMNS.items()},
    }

    def count() -> Rows:
        reading.fill("rollup_count", select, values, columns)
        return reading.ask("rollup_checked", {})

    rows = reading.ask_until_sound(count)
    reading.fill("rollup_bins", select, values, columns)
    reading.ask("rollup_cells", {})
    return sum(row["count"] for row in rows if row["sound"])
