"""Measure each task over its runs, and over its cells where these are all that is left, as one."""

from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from slowtask.store import Figures, Measurement, Query
from slowtask.store.comparison import Times
from slowtask.store.elastic.aggregations import WAIT, Aggregation, make_filters
from slowtask.store.elastic.bins import Extent, make_extent
from slowtask.store.elastic.figures import count_bad, count_times, measure, measure_times
from slowtask.store.elastic.rolled.cell import Cell
from slowtask.store.elastic.rolled.figures import make_cell, make_figures
from slowtask.store.elastic.rolled.reading import Rolled, find_rolled
from slowtask.store.elastic.rolled.sketch import list_bins
from slowtask.store.elastic.search import Search
from slowtask.store.fields import TASK

STATS: Final[dict[str, Aggregation]] = {"times": {"stats": {"field": WAIT}}}


def measure_all(
    search: Search, query: Query, *, workers: bool = False, times: bool = False
) -> tuple[Measurement, Times]:
    """Measure each task, count the *workers*, and count the run *times* by bins."""
    rolled = find_rolled(search, query)
    if rolled is None:
        return measure_times(search, query) if times else (measure(search, query, workers=workers)[0], {})
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(rolled.fetch_groups)
        measurement, extents = measure_open(search, rolled, workers=workers)
        cells = fetched.result()
    if not times:
        extents = {task: extent for task, extent in extents.items() if task in cells}
    bins, waits = count_open(rolled.open(search), query, extents, cells)
    figures = tuple(merge_figures(measurement.figures, cells, bins, waits))
    return replace(measurement, figures=figures, history=rolled.note), merge_times(bins, cells)


def measure_open(
    search: Search, rolled: Rolled, *, workers: bool
) -> tuple[Measurement, Mapping[str, Extent]]:
    """Measure the runs of the time that isn't read from cells."""
    if rolled.whole:
        bad = count_bad(search, rolled.query)
        return Measurement(figures=(), bad=bad, source=search.host), {}
    return measure(rolled.open(search), rolled.query, workers=workers)


def count_open(
    runs: Search, query: Query, extents: Mapping[str, Extent], cells: Mapping[str, Cell]
) -> tuple[Times, Times]:
    """Count the run times of the tasks of *extents*, and the waits of those that have *cells*, by bins."""
    if not extents:
        return {}, {}
    return count_times(runs, query, extents), count_waits(runs, query, cells)


def count_waits(runs: Search, query: Query, tasks: Container[str] | None = None) -> Times:
    """Count the waits of *tasks*, or of all, by bins."""
    extents: dict[str, Extent] = {}
    for bucket in runs.list_groups(make_filters(query), {"task": query.group or TASK}, STATS):
        task = bucket["key"]["task"] or ""
        if bucket["times"]["count"] and (tasks is None or task in tasks):
            extent = make_extent(bucket["times"])
            extents[task] = extents[task] | extent if task in extents else extent
    return count_times(runs, query, extents, WAIT)


def merge_figures(
    figures: Iterable[Figures], cells: Mapping[str, Cell], times: Times, waits: Times
) -> Iterable[Figures]:
    """Merge the *figures* of runs with *cells*; *times* and *waits* are those of the runs, by bins."""
    merged = {each.task: each for each in figures}
    for task, cell in cells.items():
        if task in merged:
            cell.add(make_cell(merged[task], times.get(task, {}), waits.get(task, {})))
        merged[task] = make_figures(task, cell)
    return merged.values()


def merge_times(times: Times, cells: Mapping[str, Cell]) -> Times:
    """The *times* of runs, and those of *cells*, in which these are already."""
    return {**times, **{task: list_bins(cell.times) for task, cell in cells.items()}}
