"""Make the figures of a task of its cells, and a cell of its figures."""

from collections.abc import Mapping
from math import sqrt

from slowtask.store import Figures
from slowtask.store.comparison import find_percentiles
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
    top = cell.max
    [wait_p95] = find_percentiles(list_bins(cell.waits), (0.95,))
    p50, p95, p99 = (
        each if each is None or top is None else min(each, top)
        for each in find_percentiles(list_bins(cell.times), (0.5, 0.95, 0.99))
    )
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
        wait_p95=wait_p95,
        cpu=cell.cpu,
        cpu_time=cell.cpu_time,
        memory=cell.memory,
        margin=cell.margin or 0,
        first=cell.first or 0,
        last=cell.last or 0,
    )
