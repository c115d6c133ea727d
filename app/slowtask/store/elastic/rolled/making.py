"""Roll up: make the cells of the hours that have new runs, then those of days and months.

Whatever is interrupted is done by the next call: it compares what is in the cells with what is in the runs.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slowtask.store.elastic.aggregations import milliseconds
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.document import read_cell, read_key
from slowtask.store.elastic.rolled.fetching import fetch_cells, make_piece_filter
from slowtask.store.elastic.rolled.hours import (
    DAY,
    Counts,
    Limits,
    count_kept,
    count_runs,
    end_of,
    floor,
    month_of,
)
from slowtask.store.elastic.rolled.writing import find_stored, write_cells
from slowtask.store.elastic.search import Search
from slowtask.store.rollup.spans import Span

DELAY: Final = timedelta(minutes=10)  #: after the end of an hour, in which its last lines arrive
MAX_RUNS: Final = 200_000  #: of several hours that are made together

#: Makes the cells of the hours of the runs within some limits.
MakeCells = Callable[[Search, Limits], Iterable[tuple[Key, Cell]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Some hours, days or months whose cells were written."""

    stream: str
    span: Span
    limits: Limits
    runs: int
    cells: int


def roll_up(runs: Search, cells: Search, now: datetime, make: MakeCells) -> Iterator[Step]:
    """Roll up the *runs* of one data stream into its *cells*; yield each step once it is done.

    The hour that isn't over by `DELAY` stays as it is.
    """
    end = floor(milliseconds(now - DELAY))
    yield from roll_up_hours(runs, cells, (0, end), make)
    yield from merge_spans(cells, (0, end), "day", "hour")
    yield from merge_spans(cells, (0, end), "month", "day")


def roll_up_hours(runs: Search, cells: Search, limits: Limits, make: MakeCells) -> Iterator[Step]:
    """Make the cells of the hours that have more runs than their cells."""
    refresh(cells)
    found, kept = count_runs(runs, limits), count_kept(cells, limits).hour
    todo = {hour: count for hour, count in found.items() if count > kept.get(hour, 0)}
    for hours in divide(todo):
        within = hours[0], end_of("hour", hours[-1])
        stored = find_stored(cells, [make_piece_filter(("hour", within))])
        chosen = ((key, cell) for key, cell in make(runs, within) if key.start in todo)
        count = write_cells(cells, chosen, stored)
        total = sum(todo[hour] for hour in hours)
        yield Step(stream=cells.index, span="hour", limits=within, runs=total, cells=count)
    refresh(cells)


def divide(todo: Counts) -> Iterator[list[int]]:
    """Divide the hours *todo* into groups of consecutive ones with at most MAX_RUNS, of one hour at least."""
    group: list[int] = []
    for hour in sorted(todo):
        if group and (
            hour != end_of("hour", group[-1]) or sum(todo[each] for each in (*group, hour)) > MAX_RUNS
        ):
            yield group
            group = []
        group.append(hour)
    if group:
        yield group


def merge_spans(cells: Search, limits: Limits, span: Span, parts: Span) -> Iterator[Step]:
    """Merge the cells of the *parts* of each *span* that is over and has fewer runs than these."""
    kept = count_kept(cells, limits)
    whole = Counter[int]()
    for start, count in getattr(kept, parts).items():
        whole[floor(start, DAY) if span == "day" else month_of(start)] += count
    for start, count in sorted(whole.items()):
        if count > getattr(kept, span).get(start, 0) and end_of(span, start) <= limits[1]:
            yield merge_span(cells, span, start, parts)
    refresh(cells)


def merge_span(cells: Search, span: Span, start: int, parts: Span) -> Step:
    """Merge the cells of the *parts* of the *span* that begins at *start*."""
    within = start, end_of(span, start)
    merged: defaultdict[Key, Cell] = defaultdict(Cell)
    for hit in fetch_cells(cells, [make_piece_filter((parts, within))]):
        source = hit["_source"]
        merged[read_key(source)._replace(span=span, start=start)].add(read_cell(source))
    stored = find_stored(cells, [make_piece_filter((span, within))])
    count = write_cells(cells, merged.items(), stored)
    return Step(
        stream=cells.index,
        span=span,
        limits=within,
        runs=sum(each.runs for each in merged.values()),
        cells=count,
    )


def refresh(cells: Search) -> None:
    """Let searches find all that was written."""
    cells.client.indices.refresh(index=cells.index, ignore_unavailable=True)
