"""The filters and aggregations of a query, and the figures that come back.

Percentiles come from a t-digest: exact (interpolated between neighbours) up to 20 times `COMPRESSION` runs of
a task, within 1 % beyond.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from slowtask.store import Figures, Query
from slowtask.store.slots import Unit

DURATION: Final = "event.duration"
WAIT: Final = "task.wait"
QUEUE: Final = "queue.name"
WORKER: Final = "worker.name"
COMPRESSION: Final = 1000
MANY: Final = 200_000  #: runs, from which on counting exactly in each slot and group takes long
MICROSECONDS: Final = 1000  #: in a millisecond

Aggregation = dict[str, Any]
Filter = dict[str, Any]
Bucket = Mapping[str, Any]
Percentiles = Callable[..., Aggregation]


def percentiles(field: str, *percents: float) -> Aggregation:
    """The aggregation for *percents* of *field*."""
    return {
        "percentiles": {
            "field": field,
            "percents": list(percents),
            "keyed": False,
            "tdigest": {"compression": COMPRESSION},
        }
    }


def rough_percentiles(field: str, *percents: float) -> Aggregation:
    """The aggregation for *percents* of *field* within 1 %, in a fifth of the time.

    It counts in buckets (an HDR histogram), and fails if a value is 10^16 times another: see `refine`.
    """
    hdr = {"number_of_significant_value_digits": 2}
    return {"percentiles": {"field": field, "percents": list(percents), "keyed": False, "hdr": hdr}}


def choose_percentiles(runs: int) -> Percentiles:
    """Choose what counts percentiles in each slot and group, where there are so many *runs* in all."""
    return rough_percentiles if runs > MANY else percentiles


def refine(aggs: Aggregation) -> Aggregation:
    """*aggs* with `percentiles` in place of `rough_percentiles`."""
    return {name: _refine(each) if isinstance(each, dict) else each for name, each in aggs.items()}


def _refine(part: Aggregation) -> Aggregation:
    """A *part* of aggregations, refined."""
    if "hdr" in part:
        return dict(percentiles(part["field"], *part["percents"])["percentiles"])
    return refine(part)


def read_percentiles(found: Bucket) -> list[float | None]:
    """The values of the answer to `percentiles`; None where no run has the field."""
    return [each["value"] for each in found["values"]]


def slots_of(width: int, aggs: Aggregation, unit: Unit | None = None) -> dict[str, Aggregation]:
    """The aggregation `slots`: run *aggs* in each slot of *width* µs, or of a *unit*, that isn't empty."""
    interval = {"calendar_interval": unit} if unit else {"fixed_interval": f"{width // MICROSECONDS}ms"}
    histogram = {"field": "@timestamp", **interval, "min_doc_count": 1}
    return {"slots": {"date_histogram": histogram, "aggs": aggs}}


#: The aggregations for each task, by name, but for percentiles.
PLAIN_METRICS: Final[dict[str, Aggregation]] = {
    "failures": {"filter": {"term": {"event.outcome": "failure"}}},
    "killed": {"filter": {"term": {"event.action": "killed"}}},
    "times": {"extended_stats": {"field": DURATION}},
    "cpu": {
        "filter": {"exists": {"field": "task.cpu"}},
        "aggs": {"used": {"sum": {"field": "task.cpu"}}, "time": {"sum": {"field": DURATION}}},
    },
    "memory": {"max": {"field": "task.memory"}},
    "margin": {"max": {"field": "event.margin"}},
    "first": {"min": {"field": "@timestamp"}},
    "last": {"max": {"field": "@timestamp"}},
}
#: The aggregations for each task of a ranking.
METRICS: Final = PLAIN_METRICS | {
    "durations": percentiles(DURATION, 50, 95, 99),
    "waits": percentiles(WAIT, 95),
}
#: Those of a comparison, which counts the run times by bins and takes their percentiles from these.
COMPARED: Final = PLAIN_METRICS | {"waits": METRICS["waits"]}


def make_filters(query: Query) -> list[Filter]:
    """Make the filters for *query*. Elasticsearch stores times in milliseconds."""
    found: list[Filter] = []
    edges = {"gte": query.since, "lt": query.until}
    if span := {edge: milliseconds(time) for edge, time in edges.items() if time is not None}:
        found.append({"range": {"@timestamp": {**span, "format": "epoch_millis"}}})
    if query.queues:
        found.append({"terms": {QUEUE: list(query.queues)}})
    found.extend({"term": {field: value}} for field, value in query.where)
    return found


def make_group_filter(field: str, value: str) -> Filter:
    """The filter for the runs with *value* of *field*; `""` stands for unknown."""
    return {"term": {field: value}} if value else without(field)


def without(field: str) -> Filter:
    """The filter for the runs of which *field* is unknown, or empty."""
    unknown = {"bool": {"must_not": {"exists": {"field": field}}}}
    return {"bool": {"should": [unknown, {"term": {field: ""}}]}}


def milliseconds(time: datetime) -> int:
    """*time* in ms since the epoch."""
    return int(time.timestamp() * 1000)


def make_figures(task: str, bucket: Bucket) -> Figures:
    """Make the figures of the *bucket* of one task."""
    times, cpu, memory = bucket["times"], bucket["cpu"], bucket["memory"]["value"]
    durations = read_percentiles(bucket["durations"]) if "durations" in bucket else [None] * 3
    p50, p95, p99 = durations
    return Figures(
        task=task,
        count=bucket["doc_count"],
        failures=bucket["failures"]["doc_count"],
        killed=bucket["killed"]["doc_count"],
        timed=times["count"],
        total=times["sum"],
        max=times["max"],
        p50=p50,
        p95=p95,
        p99=p99,
        deviation=times["std_deviation"],
        cpu=cpu["used"]["value"] if cpu["doc_count"] else None,
        cpu_time=cpu["time"]["value"] if cpu["doc_count"] else None,
        memory=None if memory is None else int(memory),
        wait_p95=bucket["waits"]["values"][0]["value"],
        margin=int(bucket["margin"]["value"] or 0),
        first=int(bucket["first"]["value"]) * MICROSECONDS,
        last=int(bucket["last"]["value"]) * MICROSECONDS,
    )
