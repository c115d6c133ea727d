"""Read the profiles of tasks over their runs, and over cells where these are all that is left, as one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from slowtask.store import Measurement, Query
from slowtask.store.elastic.aggregations import (
    COMPARED,
    DURATION,
    MICROSECONDS,
    Aggregation,
    make_filters,
    percentiles,
)
from slowtask.store.elastic.figures import count_bad, count_times, measure
from slowtask.store.elastic.groups import make_slots, read_slots
from slowtask.store.elastic.history import count_failures
from slowtask.store.elastic.rolled.cell import Cell
from slowtask.store.elastic.rolled.fetching import fetch_cells, make_cell_filters
from slowtask.store.elastic.rolled.figures import make_cell, make_figures
from slowtask.store.elastic.rolled.measuring import count_waits
from slowtask.store.elastic.rolled.reading import Rolled, find_rolled
from slowtask.store.elastic.rolled.sketch import list_bins
from slowtask.store.elastic.search import Search
from slowtask.store.fields import TASK
from slowtask.store.profile import Choose, Profile, Slot, match_names
from slowtask.store.rollup.known import KNOWN
from slowtask.store.rollup.profile import FIELDS, Parts, make_profile, make_slot
from slowtask.store.rollup.spans import widest_span
from slowtask.store.slots import Unit, begin_of_slot, choose_width, end_of_slot

LIMITS: Final[Aggregation] = {
    "first": {"min": {"field": "@timestamp"}},
    "last": {"max": {"field": "@timestamp"}},
}
NAMES: Final = {name: field for field, name in KNOWN.items()}  #: of the fields of a cell
Cells = defaultdict[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task, and what was found of it before."""

    name: str
    limits: tuple[int, int]  #: when its first and its last run ended, in µs since the epoch
    whole: float  #: ns, the run time of all tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """The cells of a task: all of them, by slot, and by queue and version; `""` is unknown."""

    whole: Cell = field(default_factory=Cell)
    slots: defaultdict[int, Cell] = field(default_factory=lambda: defaultdict(Cell))
    fields: Mapping[str, Cells] = field(default_factory=lambda: {name: defaultdict(Cell) for name in FIELDS})


def read_rolled_profile(
    search: Search, wanted: str, query: Query, choose: Choose, slots: int
) -> Profile | None:
    """Read the profile of the task that *wanted* names, or ends the name of; None if no run is rolled up.

    Raises `SlowtaskError`.
    """
    rolled = find_rolled(search, query)
    if rolled is None:
        return None
    bad = count_bad(search, query)
    measurement = Measurement(figures=(), bad=bad, source=search.host, history=rolled.note)
    totals = read_totals(search, rolled)
    task = choose(match_names(list(totals), wanted), measurement)
    mine = replace(query, where=(*query.where, (TASK, task)))
    limits = find_limits(search, replace(rolled, query=mine))
    whole = sum(totals.values())
    return profile_rolled_task(search, measurement, mine, Task(name=task, limits=limits, whole=whole), slots)


def profile_rolled_leading(
    search: Search, measurement: Measurement, query: Query, tasks: Sequence[str], slots: int
) -> tuple[Profile, ...]:
    """Read the profiles of *tasks*, of which *measurement* has the figures."""
    found = {each.task: each for each in measurement.figures}
    whole = sum(each.total for each in measurement.figures)
    plain = replace(measurement, figures=())
    chosen = [Task(name=task, limits=(found[task].first, found[task].last), whole=whole) for task in tasks]
    queries = [replace(query, where=(*query.where, (TASK, task))) for task in tasks]
    pairs = zip(queries, chosen, strict=True)
    return tuple(profile_rolled_task(search, plain, mine, task, slots) for mine, task in pairs)


def read_totals(search: Search, rolled: Rolled) -> dict[str, float]:
    """Read the run time in ns of each task of the query of *rolled*."""
    filters = make_filters(rolled.query)
    groups = [*rolled.open(search).list_groups(filters, {"task": TASK}, sum_of(DURATION))]
    if rolled.seam.pieces:
        filters = make_cell_filters(rolled.query, rolled.seam.pieces)
        groups += rolled.search.list_groups(filters, {"task": TASK}, sum_of("rollup.total"))
    totals: defaultdict[str, float] = defaultdict(float)
    for bucket in groups:
        totals[bucket["key"]["task"] or ""] += bucket["total"]["value"]
    return totals


def sum_of(name: str) -> dict[str, Aggregation]:
    """The aggregation that adds up the field *name*."""
    return {"total": {"sum": {"field": name}}}


def find_limits(search: Search, rolled: Rolled) -> tuple[int, int]:
    """Find when the first and the last run of the query of *rolled* ended, in µs."""
    answer = rolled.open(search).aggregate(make_filters(rolled.query), LIMITS)
    values = [answer[name]["value"] for name in LIMITS] if answer else []
    found = [int(each) * MICROSECONDS for each in values if each is not None]
    if rolled.seam.pieces:
        filters = make_cell_filters(rolled.query, rolled.seam.pieces)
        for hit in fetch_cells(rolled.search, filters, *(f"rollup.{name}" for name in LIMITS)):
            found += hit["_source"]["rollup"].values()
    return min(found), max(found)


def profile_rolled_task(
    search: Search, measurement: Measurement, query: Query, task: Task, slots: int
) -> Profile:
    """Read the profile of *task*; *query* chooses its runs alone."""
    width, unit = choose_width(*task.limits, slots)
    rolled = find_rolled(search, query, widest=widest_span(width, unit))
    found = divide_cells(rolled, width, unit)
    runs = rolled.open(search) if rolled else search
    over_time = add_slots(runs, query, found, width, unit)
    add_runs(runs, query, found)
    parts = Parts(
        whole=make_figures(task.name, found.whole),
        slots=over_time,
        fields={
            name: [make_figures(value, cell) for value, cell in cells.items()]
            for name, cells in found.fields.items()
        },
        times=list_bins(found.whole.times),
        waits=list_bins(found.whole.waits),
        errors=found.whole.errors,
    )
    return make_profile(parts, measurement, task.whole, width, unit)


def divide_cells(rolled: Rolled | None, width: int, unit: Unit | None) -> Divided:
    """Fetch the cells of a task; none if they have expired meanwhile."""
    found = Divided()
    for key, cell in rolled.fetch() if rolled else ():
        found.whole.add(cell)
        found.slots[begin_of_slot(key.start * MICROSECONDS, width, unit)].add(cell)
        for name, cells in found.fields.items():
            cells[getattr(key, name) or ""].add(cell)
    return found


def add_runs(runs: Search, query: Query, found: Divided) -> None:
    """Add the *runs* of a task to its cells, but for those by slot."""
    for cell in measure_runs(runs, query).values():
        found.whole.add(cell)
    for error, tasks in count_failures(runs, query).items():
        if error is not None:
            found.whole.errors[error] += tasks.total()
    for name, cells in found.fields.items():
        for value, cell in measure_runs(runs, replace(query, group=NAMES[name])).items():
            cells[value].add(cell)


def add_slots(runs: Search, query: Query, found: Divided, width: int, unit: Unit | None) -> list[Slot]:
    """The slots of the *runs* of a task and of its cells; one that has both is counted anew."""
    answer = runs.aggregate(make_filters(query), make_slots(width, unit, percentiles))
    slots = {each.at: each for each in (read_slots(answer) if answer else ())}
    for at in {*slots} & {*found.slots}:
        limits = at, end_of_slot(at, width, unit)
        for cell in measure_runs(runs, narrow(query, *limits)).values():
            found.slots[at].add(cell)
    slots |= {at: make_slot(at, make_figures("", cell)) for at, cell in found.slots.items()}
    return [slots[at] for at in sorted(slots)]


def narrow(query: Query, begin: int, end: int) -> Query:
    """The part of *query* from *begin* to *end*, in µs."""
    since, until = (datetime.fromtimestamp(each / 1e6, UTC) for each in (begin, end))
    return replace(
        query,
        since=since if query.since is None else max(query.since, since),
        until=until if query.until is None else min(query.until, until),
    )


def measure_runs(runs: Search, query: Query) -> dict[str, Cell]:
    """Measure the *runs* of each task, or of what *query* groups by, as cells."""
    measurement, spans = measure(runs, query, COMPARED, workers=False)
    times, waits = count_times(runs, query, spans), count_waits(runs, query)
    return {
        each.task: make_cell(each, times.get(each.task, {}), waits.get(each.task, {}))
        for each in measurement.figures
    }
