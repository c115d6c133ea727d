"""Make the figures of a task of its cells, and a cell of its figures."""

from collections.abc import Mapping
from math import ceil, floor, sqrt

from slowtask.store import Figures
from slowtask.store.comparison import WIDTH
from slowtask.store.elastic.rolled.cell import Cell
from slowtask.store.elastic.rolled.sketch import count_bins, list_bins


def make_cell(figures: Figures, times: Mapping[int, int], waits: Mapping[int, int]) -> Cell:
    """The runs of *figures* as a cell."""
    return Cell(
        runs=figures.count,
        failures=figures.failures,
        killed=figures.killed,
        timed=figures.timed,
        total=figures.total,
        spread=(figures.deviation or 0) ** 2 * figures.timed,
        max=None if figures.max is None else int(figures.max),
        cpu=figures.cpu,
        cpu_time=figures.cpu_time,
        memory=figures.memory,
        margin=figures.margin,
        first=figures.first,
        last=figures.last,
        times=count_bins(times),
        waits=count_bins(waits),
    )


def make_figures(task: str, cell: Cell) -> Figures:
    """The figures of the runs of *cell*; the percentiles are within 0.3 %."""
    top, times = cell.max, list_bins(cell.times)
    p50, p95, p99 = (percentile(times, each, top) for each in (0.5, 0.95, 0.99))
    return Figures(
        task=task,
        count=cell.runs,
        failures=cell.failures,
        killed=cell.killed,
        timed=cell.timed,
        total=cell.total,
        max=top,
        p50=p50,
        p95=p95,
        p99=p99,
        deviation=sqrt(cell.spread / cell.timed) if cell.timed else None,
        wait_p95=percentile(list_bins(cell.waits), 0.95, None),
        cpu=cell.cpu,
        cpu_time=cell.cpu_time,
        memory=cell.memory,
        margin=cell.margin or 0,
        first=cell.first or 0,
        last=cell.last or 0,
    )


def percentile(bins: Mapping[int, int], share: float, top: float | None) -> float | None:
    """The value at *share* of the values in *bins*, which are in order; at most *top*."""
    if not bins:
        return None
    rank = share * (sum(bins.values()) - 1)
    low, high = value_at(bins, floor(rank)), value_at(bins, ceil(rank))
    found = low + (high - low) * (rank - floor(rank))
    return found if top is None else min(found, top)


def value_at(bins: Mapping[int, int], rank: int) -> float:
    """The middle of the bin that has the value at *rank*, from 0."""
    for place in bins:
        rank -= bins[place]
        if rank < 0:
            return middle(place)
    raise ValueError("fewer values than that")


def middle(place: int) -> float:
    """The middle of a bin, in ns: no time in it is further away than 0.25 %."""
    return WIDTH ** (place + 0.5) if place >= 0 else 0.0
