"""Count runs over time, and what is rolled up of them, for a report."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from slowtask.store import Measurement, Query
from slowtask.store.comparison import find_percentiles
from slowtask.store.elastic.aggregations import MICROSECONDS
from slowtask.store.elastic.history import Counts, count_failures, count_slots, make_failures, plan_slots
from slowtask.store.elastic.rolled.cell import Cell
from slowtask.store.elastic.rolled.hours import DAY, HOUR
from slowtask.store.elastic.rolled.measuring import count_waits
from slowtask.store.elastic.rolled.reading import Rolled, find_rolled
from slowtask.store.elastic.rolled.sketch import count_bins, list_bins
from slowtask.store.elastic.search import Search
from slowtask.store.history import History, QueueSlot, TaskSlot

LEAST: Final = HOUR * MICROSECONDS  #: the width of a slot

Places = Mapping[tuple[int, str | None], Cell]  #: what is rolled up, by slot, and by task or queue


def count_all_history(
    search: Search, measurement: Measurement, query: Query, tasks: Sequence[str]
) -> History:
    """Count the runs and the cells of *query* over time. Raises `SlowtaskError`.

    In the slot where the cells end and the runs begin, percentiles are those of the larger part, unless all
    runs of the slot are in cells.
    """
    plan = plan_slots(search, measurement, query, LEAST)
    width = plan.slots.width // MICROSECONDS
    rolled = find_rolled(search, query, width, widest="hour" if width % DAY else "day")
    if rolled is None:  # the last of it has expired meanwhile
        return count_slots(search, plan, query, tasks)
    runs = rolled.open(search)
    by_task, by_queue, failures = divide(rolled, tasks, plan.slots.begin, count_failures(runs, query))
    waits = sum(count_bins(bins) for bins in count_waits(runs, query).values())
    waits += sum(cell.waits for cell in by_task.values())
    history = count_slots(runs, plan, query, tasks)
    return replace(
        history,
        wait=find_percentiles(list_bins(waits), (0.95,))[0],
        tasks=tuple(add_tasks(history.tasks, by_task)),
        queues=tuple(add_queues(history.queues, by_queue)),
        failures=tuple(make_failures(failures)),
    )


def divide(
    rolled: Rolled, tasks: Sequence[str], begin: Callable[[int], int], failures: Counts
) -> tuple[Places, Places, Counts]:
    """Fetch the cells: by slot and task, by slot and queue, and their *failures* added to those of runs."""
    by_task: defaultdict[tuple[int, str | None], Cell] = defaultdict(Cell)
    by_queue: defaultdict[tuple[int, str | None], Cell] = defaultdict(Cell)
    for key, cell in rolled.fetch():
        at, task = begin(key.start * MICROSECONDS), rolled.group_of(key)
        add_failures(failures, task, cell)
        by_task[at, task if task in tasks else None].add(cell)
        if key.queue is not None:
            by_queue[at, key.queue].add(cell)
    return by_task, by_queue, failures


def add_failures(failures: Counts, task: str, cell: Cell) -> None:
    """Add the failures of *cell* by exception; None is an unknown one."""
    for error, count in cell.errors.items():
        failures[error][task] += count
    if unknown := cell.failures - cell.errors.total():
        failures[None][task] += unknown


def add_tasks(slots: Sequence[TaskSlot], cells: Places) -> list[TaskSlot]:
    """The *slots* of runs and of *cells* together."""
    found = {(each.at, each.task): each for each in slots}
    for (at, task), cell in cells.items():
        [p95] = find_percentiles(list_bins(cell.times), (0.95,))
        other = found.get((at, task))
        found[at, task] = TaskSlot(
            at=at,
            task=task,
            count=cell.runs + (other.count if other else 0),
            total=cell.total + (other.total if other else 0),
            p95=other.p95 if other and other.count > cell.runs else p95,
        )
    return list(found.values())


def add_queues(slots: Sequence[QueueSlot], cells: Places) -> list[QueueSlot]:
    """The *slots* of runs and of *cells* together, in order of time."""
    found = {(each.at, each.queue): each for each in slots}
    for (at, queue), cell in cells.items():
        bins, name = list_bins(cell.waits), queue or ""
        [wait], count = find_percentiles(bins, (0.95,)), sum(bins.values())
        other = found.get((at, name))
        found[at, name] = QueueSlot(
            at=at,
            queue=name,
            count=count + (other.count if other else 0),
            wait=other.wait if other and other.count > count else wait,
            depth=other.depth if other else None,
        )
    return [found[place] for place in sorted(found)]
