"""Read the samples of a monitor over time: how deep its queues were, and how full its brokers."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from slowtask.store import Query
from slowtask.store.elastic.aggregations import (
    MICROSECONDS,
    QUEUE,
    Aggregation,
    Bucket,
    Filter,
    make_filters,
    slots_of,
)
from slowtask.store.elastic.search import HIDDEN, Search
from slowtask.store.history import BrokerSlot

NAMES_PER_PAGE: Final = 100  #: each with up to 130 slots
MEMORY: Final = "broker.memory.used"
LIMIT: Final = "broker.memory.max"


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, in µs since the epoch."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSlots:
    """What the samples tell of each slot."""

    depths: Mapping[tuple[int, str], int] = field(default_factory=dict)  #: by the slot and the queue
    brokers: tuple[BrokerSlot, ...] = ()


def find_period(search: Search, query: Query) -> Period | None:
    """Find from when to when there are samples; None without any, or if this user may not read them."""
    known = [{"exists": {"field": name}} for name in ("queue.depth", "broker.capacity", MEMORY)]
    filters = [*make_sample_filters(query), {"bool": {"should": known}}]
    edges = {"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}}
    with suppress(*HIDDEN):
        found = search.aggregate(filters, edges)
        if found and found["first"]["value"] is not None:
            return Period(*(int(found[edge]["value"]) * MICROSECONDS for edge in ("first", "last")))
    return None


def read_samples(search: Search, query: Query, width: int) -> SampleSlots:
    """Read the samples of *query* in slots of *width* µs; none if this user may not read them."""
    filters = make_sample_filters(query)
    with suppress(*HIDDEN):
        return SampleSlots(
            depths=dict(_read_depths(search, filters, width)),
            brokers=tuple(
                sorted(_read_brokers(search, filters, width), key=lambda each: (each.at, each.broker))
            ),
        )
    return SampleSlots()


def make_sample_filters(query: Query) -> list[Filter]:
    """Make the filters for the samples of *query*. Those of a broker belong to each queue."""
    filters = make_filters(query)
    if not query.queues:
        return filters
    own, brokers = {"terms": {QUEUE: list(query.queues)}}, {"exists": {"field": "broker.name"}}
    return [each for each in filters if each != own] + [{"bool": {"should": [own, brokers]}}]


def _read_depths(search: Search, filters: list[Filter], width: int) -> Iterator[tuple[tuple[int, str], int]]:
    """The greatest depth of each queue in each slot."""
    slots = slots_of(width, {"depth": {"max": {"field": "queue.depth"}}})
    for bucket, queue in _list_names(search, filters, QUEUE, slots):
        for slot in bucket["slots"]["buckets"]:
            if slot["depth"]["value"] is not None:
                yield (int(slot["key"]) * MICROSECONDS, queue), int(slot["depth"]["value"])


def _read_brokers(search: Search, filters: list[Filter], width: int) -> Iterator[BrokerSlot]:
    """The greatest share in use of each broker in each slot."""
    fields = {"capacity": "broker.capacity", "used": MEMORY, "limit": LIMIT}
    slots = slots_of(width, {name: {"max": {"field": field}} for name, field in fields.items()})
    for bucket, broker in _list_names(search, filters, "broker.name", slots):
        for slot in bucket["slots"]["buckets"]:
            if (capacity := _capacity(slot)) is not None:
                yield BrokerSlot(at=int(slot["key"]) * MICROSECONDS, broker=broker, capacity=capacity)


def _list_names(
    search: Search, filters: list[Filter], name: str, aggs: Aggregation
) -> Iterator[tuple[Bucket, str]]:
    """The bucket of each value of the field *name*, and that value."""
    known = [*filters, {"exists": {"field": name}}]
    for bucket in search.list_groups(known, {"name": name}, aggs, size=NAMES_PER_PAGE):
        yield bucket, bucket["key"]["name"]


def _capacity(slot: Mapping[str, Any]) -> float | None:
    """The share in use; a monitor of an earlier version wrote only the memory."""
    capacity, used, limit = (slot[name]["value"] for name in ("capacity", "used", "limit"))
    if capacity is None and used is not None and limit:
        return float(used / limit)
    return None if capacity is None else float(capacity)
