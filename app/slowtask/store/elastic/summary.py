"""The summary of a task over all its runs, by one aggregation each."""

from collections.abc import Mapping
from typing import Any, Final

from slowtask.record.event import SECOND
from slowtask.store.elastic.aggregations import (
    DURATION,
    MICROSECONDS,
    WAIT,
    Aggregation,
    percentiles,
    read_percentiles,
)
from slowtask.store.elastic.groups import COMPUTED, FAILED
from slowtask.store.profile import Summary, seconds

MAX_NAMES: Final = 5  #: of systems, services and environments
NAMES: Final = {"systems": "queue.system", "services": "service.name", "environments": "service.environment"}
#: The aggregations of the summary, by name.
SUMMARY: Final[dict[str, Aggregation]] = {
    "count": {"filter": {"match_all": {}}},
    "failures": FAILED,
    "killed": {"filter": {"term": {"event.action": "killed"}}},
    "retries": {"filter": {"range": {"task.attempt": {"gt": 1}}}},
    "times": {"extended_stats": {"field": DURATION}},
    "durations": percentiles(DURATION, 50, 95, 99),
    "waits": {"stats": {"field": WAIT}},
    "wait_times": percentiles(WAIT, 50, 95),
    "cpu": COMPUTED,
    "memory": {"stats": {"field": "task.memory"}},
    "memories": percentiles("task.memory", 50, 95),
    "margin": {"max": {"field": "event.margin"}},
    "first": {"min": {"field": "@timestamp"}},
    "last": {"max": {"field": "@timestamp"}},
    **{
        name: {"terms": {"field": field, "size": MAX_NAMES, "order": {"_key": "asc"}}}
        for name, field in NAMES.items()
    },
}


def make_summary(answer: Mapping[str, Any]) -> Summary:
    """Make the summary of the answer to SUMMARY."""
    p50, p95, p99 = map(seconds, read_percentiles(answer["durations"]))
    times, waits, cpu, memory = (answer[name] for name in ("times", "waits", "cpu", "memory"))
    wait_p50, wait_p95 = map(seconds, read_percentiles(answer["wait_times"]))
    memory_p50, memory_p95 = read_percentiles(answer["memories"])
    return Summary(
        count=answer["count"]["doc_count"],
        failures=answer["failures"]["doc_count"],
        killed=answer["killed"]["doc_count"],
        retries=answer["retries"]["doc_count"],
        first=int(answer["first"]["value"]) * MICROSECONDS,
        last=int(answer["last"]["value"]) * MICROSECONDS,
        timed=times["count"],
        total=seconds(times["sum"]) if times["count"] else None,
        mean=seconds(times["avg"]),
        min=seconds(times["min"]),
        max=seconds(times["max"]),
        p50=p50,
        p95=p95,
        p99=p99,
        deviation=seconds(times["std_deviation"]),
        waits=waits["count"],
        waited=seconds(waits["sum"]) if waits["count"] else None,
        wait_p50=wait_p50,
        wait_p95=wait_p95,
        wait_max=seconds(waits["max"]),
        cpu_runs=cpu["doc_count"],
        cpu=seconds(cpu["used"]["value"]) if cpu["doc_count"] else None,
        cpu_time=seconds(cpu["time"]["value"]) if cpu["doc_count"] else None,
        memory_runs=memory["count"],
        memory_p50=memory_p50,
        memory_p95=memory_p95,
        memory_max=int(memory["max"]) if memory["count"] else None,
        margin=(answer["margin"]["value"] or 0) / SECOND,
        **{name: [each["key"] for each in answer[name]["buckets"]] for name in NAMES},
    )
