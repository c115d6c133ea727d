"""Measure the runs of one task by queue, host, version and worker, and over time."""

from collections.abc import Mapping
from typing import Any, Final

from slowtask.store.elastic.aggregations import (
    DURATION,
    MICROSECONDS,
    QUEUE,
    WAIT,
    WORKER,
    Aggregation,
    Bucket,
    Percentiles,
    read_percentiles,
    slots_of,
)
from slowtask.store.profile import Group, Groups, Slot, nulls_last, seconds
from slowtask.store.slots import Unit

MAX_GROUPS: Final = 10  #: values of a field that are shown
MAX_VALUES: Final = 10_000  #: of a field, among which the ones with most worker time are found for certain
MAX_EXACT: Final = 3000  #: values that are counted exactly
GROUPED: Final = {"queue": QUEUE, "host": "host.name", "version": "service.version", "worker": WORKER}
FAILED: Final[Aggregation] = {"filter": {"term": {"event.outcome": "failure"}}}
#: The runs with a known CPU time and run time.
COMPUTED: Final[Aggregation] = {
    "filter": {"bool": {"filter": [{"exists": {"field": "task.cpu"}}, {"exists": {"field": DURATION}}]}},
    "aggs": {"used": {"sum": {"field": "task.cpu"}}, "time": {"sum": {"field": DURATION}}},
}


def make_groups(percentiles: Percentiles) -> dict[str, Aggregation]:
    """The aggregations that measure the values of each field of GROUPED that used most worker time."""
    found: dict[str, Aggregation] = {}
    metrics = make_group_metrics(percentiles)
    for name, field in GROUPED.items():
        terms = {
            "field": field,
            "size": MAX_GROUPS,
            "shard_size": MAX_VALUES,
            "order": [{"total": "desc"}, {"_count": "desc"}, {"_key": "asc"}],
            "collect_mode": "breadth_first",
        }
        found |= {
            f"by_{name}": {"terms": terms, "aggs": metrics},
            f"count_{name}": {"cardinality": {"field": field, "precision_threshold": MAX_EXACT}},
            f"no_{name}": {
                "filter": {"bool": {"must_not": {"exists": {"field": field}}}},
                "aggs": metrics,
            },
        }
    return found


def make_group_metrics(percentiles: Percentiles) -> dict[str, Aggregation]:
    """The aggregations for each value of a field."""
    return {
        "failures": FAILED,
        "total": {"sum": {"field": DURATION}},
        "timed": {"value_count": {"field": DURATION}},
        "times": percentiles(DURATION, 50, 95),
        "waits": percentiles(WAIT, 95),
        "cpu": COMPUTED,
    }


def read_groups(answer: Mapping[str, Any]) -> dict[str, Groups]:
    """The groups of each field that any run has, of the answer to `make_groups`."""
    found = {}
    for name in GROUPED:
        groups = [make_group(each["key"], each) for each in answer[f"by_{name}"]["buckets"]]
        nothing = answer[f"no_{name}"]
        values = max(answer[f"count_{name}"]["value"], len(groups)) + bool(nothing["doc_count"])
        if nothing["doc_count"]:
            groups.append(make_group(None, nothing))
        groups.sort(
            key=lambda each: (each.total is None, -(each.total or 0), -each.count, *nulls_last(each.value))
        )
        if any(each.value is not None for each in groups):
            found[name] = Groups(groups=groups[:MAX_GROUPS], values=values)
    return found


def make_group(value: str | None, bucket: Bucket) -> Group:
    """Make the group of the runs with *value*."""
    p50, p95 = map(seconds, read_percentiles(bucket["times"]))
    cpu = bucket["cpu"]
    return Group(
        value=value,
        count=bucket["doc_count"],
        failures=bucket["failures"]["doc_count"],
        total=seconds(bucket["total"]["value"]) if bucket["timed"]["value"] else None,
        p50=p50,
        p95=p95,
        wait_p95=seconds(read_percentiles(bucket["waits"])[0]),
        cpu=seconds(cpu["used"]["value"]) if cpu["doc_count"] else None,
        cpu_time=seconds(cpu["time"]["value"]) if cpu["doc_count"] else None,
    )


def make_slots(width: int, unit: Unit | None, percentiles: Percentiles) -> dict[str, Aggregation]:
    """The aggregation that measures the runs in each slot of *width* µs, or of a *unit*."""
    metrics: dict[str, Aggregation] = {
        "failures": FAILED,
        "times": percentiles(DURATION, 50, 95, 99),
        "max": {"max": {"field": DURATION}},
        "waits": percentiles(WAIT, 95),
    }
    return slots_of(width, metrics, unit)


def read_slots(answer: Mapping[str, Any]) -> list[Slot]:
    """The slots of the answer to `make_slots`."""
    return [make_slot(each) for each in answer["slots"]["buckets"]]


def make_slot(bucket: Bucket) -> Slot:
    """Make the slot of a bucket."""
    p50, p95, p99 = map(seconds, read_percentiles(bucket["times"]))
    return Slot(
        at=int(bucket["key"]) * MICROSECONDS,
        count=bucket["doc_count"],
        failures=bucket["failures"]["doc_count"],
        p50=p50,
        p95=p95,
        p99=p99,
        max=seconds(bucket["max"]["value"]),
        wait_p95=seconds(read_percentiles(bucket["waits"])[0]),
    )
