"""Count runs and a monitor's samples over time, by aggregations: what a report shows beside the ranking.

Percentiles of a slot are within 2 %, as those of files are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from slowtask.errors import SourceError
from slowtask.store import Measurement, Query
from slowtask.store.elastic.aggregations import (
    DURATION,
    MICROSECONDS,
    QUEUE,
    WAIT,
    Aggregation,
    Bucket,
    Percentiles,
    choose_percentiles,
    make_filters,
    make_group_filter,
    read_percentiles,
    slots_of,
)
from slowtask.store.elastic.samples import Period, SampleSlots, find_period, read_samples
from slowtask.store.elastic.search import SAMPLES, Search
from slowtask.store.fields import TASK
from slowtask.store.history import Failures, History, QueueSlot, TaskSlot, choose_slot_width
from slowtask.store.profile import nulls_last

QUEUES_PER_PAGE: Final = 50  #: each with up to 130 slots
SUM: Final = {"sum": {"field": DURATION}}
ERROR: Final = "error.type"
Counts = defaultdict[str | None, Counter[str]]  #: failures, by exception and task

OTHERS: Final = "others"  #: the name of the bucket of all tasks that aren't shown separately


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How time is divided, and how percentiles are found in each slot."""

    width: int  #: µs
    percentiles: Percentiles

    def aggregate(self, aggs: Aggregation) -> dict[str, Aggregation]:
        """The aggregation that runs *aggs* in each slot."""
        return slots_of(self.width, aggs)

    def begin(self, time: int) -> int:
        """Where the slot of a *time* in µs begins."""
        return time // self.width * self.width


def count_history(search: Search, measurement: Measurement, query: Query, tasks: Sequence[str]) -> History:
    """Count the runs of *query* over time, those of *tasks* separately. Raises `SourceError`."""
    return count_slots(search, plan_slots(search, measurement, query), query, tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is counted over time, in which slots."""

    measurement: Measurement
    periods: Sequence[Period]  #: of the runs, and of the samples if there are any
    slots: Slots


def plan_slots(search: Search, measurement: Measurement, query: Query, least: int = 0) -> Plan:
    """Choose slots, of *least* µs, for the runs of *measurement*. Raises `SourceError` without runs."""
    if not measurement.figures:
        raise SourceError("There are no runs: there is nothing to show.")
    samples = search.beside(SAMPLES)
    periods = [
        Period(
            min(each.first for each in measurement.figures), max(each.last for each in measurement.figures)
        ),
        *([period] if samples and (period := find_period(samples, query)) else []),
    ]
    runs = sum(each.count for each in measurement.figures)
    width = max(least, choose_width(periods, runs))
    slots = Slots(width=width, percentiles=choose_percentiles(runs))
    return Plan(measurement=measurement, periods=periods, slots=slots)


def count_slots(search: Search, plan: Plan, query: Query, tasks: Sequence[str]) -> History:
    """Count the runs of *query* in the slots of *plan*, those of *tasks* separately."""
    samples, slots = search.beside(SAMPLES), plan.slots
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(read_samples, samples, query, slots.width) if samples else None
        queues = pool.submit(read_queues, search, query, slots)
        failures = pool.submit(read_failures, search, query)
        task_slots, wait = read_tasks(search, query, tasks, slots)
        waits, broken = queues.result(), failures.result()
        found = seen.result() if seen else SampleSlots()
    return History(
        measurement=plan.measurement,
        leading=tuple(tasks),
        width=slots.width,
        first=slots.begin(min(each.first for each in plan.periods)),
        last=slots.begin(max(each.last for each in plan.periods)),
        wait=wait,
        tasks=tuple(task_slots),
        queues=tuple(merge_queues(waits, found.depths)),
        brokers=found.brokers,
        failures=tuple(broken),
    )


def choose_width(periods: Sequence[Period], runs: int) -> int:
    """How wide the slots of *runs* are: the first of *periods* is theirs, the others are of samples."""
    width = choose_slot_width(periods[0].first, periods[0].last, runs)
    first = min(each.first for each in periods) // width * width
    last = max(each.last for each in periods) // width * width
    return max(width, choose_slot_width(first, last, runs))


def read_tasks(
    search: Search, query: Query, tasks: Sequence[str], slots: Slots
) -> tuple[Iterator[TaskSlot], float | None]:
    """Count the runs of *tasks* and of all others in each slot, and find the 95th percentile of all waits."""
    field = query.group or TASK
    filters = {str(place): make_group_filter(field, task) for place, task in enumerate(tasks)}
    aggs: Aggregation = {
        "tasks": {
            "filters": {"filters": filters, "other_bucket_key": OTHERS},
            "aggs": slots.aggregate({"total": SUM, "p95": slots.percentiles(DURATION, 95)}),
        },
        "wait": slots.percentiles(WAIT, 95),
    }
    found = search.aggregate(make_filters(query), aggs)
    names = {str(place): task for place, task in enumerate(tasks)}
    made = (
        make_task_slot(names.get(place), slot)
        for place, bucket in found["tasks"]["buckets"].items()
        for slot in bucket["slots"]["buckets"]
    )
    return made, read_percentiles(found["wait"])[0]


def make_task_slot(task: str | None, slot: Bucket) -> TaskSlot:
    """Make the slot of a bucket."""
    return TaskSlot(
        at=moment_of(slot),
        task=task,
        count=slot["doc_count"],
        total=slot["total"]["value"],
        p95=read_percentiles(slot["p95"])[0],
    )


def read_queues(search: Search, query: Query, slots: Slots) -> dict[tuple[int, str], QueueSlot]:
    """Read how long jobs waited in each queue and slot."""
    aggs = slots.aggregate({"known": {"value_count": {"field": WAIT}}, "wait": slots.percentiles(WAIT, 95)})
    filters = [*make_filters(query), {"exists": {"field": QUEUE}}]
    return {
        (moment_of(slot), bucket["key"]["queue"]): QueueSlot(
            at=moment_of(slot),
            queue=bucket["key"]["queue"],
            count=slot["known"]["value"],
            wait=read_percentiles(slot["wait"])[0],
            depth=None,
        )
        for bucket in search.list_groups(filters, {"queue": QUEUE}, aggs, size=QUEUES_PER_PAGE)
        for slot in bucket["slots"]["buckets"]
    }


def merge_queues(
    waits: Mapping[tuple[int, str], QueueSlot], depths: Mapping[tuple[int, str], int]
) -> list[QueueSlot]:
    """Bring together what runs and samples tell of each queue and slot."""
    places = sorted({*waits, *depths})
    empty = (QueueSlot(at=at, queue=queue, count=0, wait=None, depth=None) for at, queue in places)
    return [
        replace(waits.get(place, nothing), depth=depths.get(place))
        for place, nothing in zip(places, empty, strict=True)
    ]


def read_failures(search: Search, query: Query) -> list[Failures]:
    """Count the failed runs of each exception, the most frequent first."""
    return make_failures(count_failures(search, query))


def count_failures(search: Search, query: Query) -> Counts:
    """Count the failed runs of each exception, by task."""
    filters = [*make_filters(query), {"term": {"event.outcome": "failure"}}]
    counts: Counts = defaultdict(Counter)
    for bucket in search.list_groups(filters, {"error": ERROR, "task": query.group or TASK}, {}):
        counts[bucket["key"]["error"]][bucket["key"]["task"] or ""] += bucket["doc_count"]
    return counts


def make_failures(counts: Counts) -> list[Failures]:
    """The exceptions of *counts*, the most frequent first."""
    found = [
        Failures(
            error=error,
            count=tasks.total(),
            task=min(tasks, key=lambda each: (-tasks[each], each)),
            tasks=len(tasks),
        )
        for error, tasks in counts.items()
    ]
    return sorted(found, key=lambda each: (-each.count, *nulls_last(each.error)))


def moment_of(slot: Bucket) -> int:
    """Where *slot* begins, in µs since the epoch."""
    return int(slot["key"]) * MICROSECONDS
