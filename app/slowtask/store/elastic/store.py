"""Measure the runs in an Elasticsearch, by aggregations.

A composite aggregation is read page by page, so that no task is left out. Percentiles come from a t-digest:
exact (interpolated between neighbours) up to 20 times `COMPRESSION` runs of a task, within 1 % beyond.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import ElasticsearchError
from slowtask.record.event import Run
from slowtask.store import BadLines, Figures, Measurement, Query
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import check_version, connect, find_indices, root_cause, translate_errors
from slowtask.units import printable

RUNS: Final = "logs-slowtask.run-*"
RUNS_TO_UNPARSED: Final = ("logs-slowtask.run-", "logs-slowtask.unparsed-")
PAGE: Final = 1000  #: tasks in one answer
COMPRESSION: Final = 1000
MAX_EXAMPLES: Final = 100  #: unparsed lines to show
MICROSECONDS: Final = 1000  #: in a millisecond

Aggregation = dict[str, Any]


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


#: The aggregations for each task, by name.
METRICS: Final[dict[str, Aggregation]] = {
    "failures": {"filter": {"term": {"event.outcome": "failure"}}},
    "killed": {"filter": {"term": {"event.action": "killed"}}},
    "times": {"extended_stats": {"field": "event.duration"}},
    "cpu": {
        "filter": {"exists": {"field": "task.cpu"}},
        "aggs": {"used": {"sum": {"field": "task.cpu"}}, "time": {"sum": {"field": "event.duration"}}},
    },
    "memory": {"max": {"field": "task.memory"}},
    "margin": {"max": {"field": "event.margin"}},
    "first": {"min": {"field": "@timestamp"}},
    "last": {"max": {"field": "@timestamp"}},
    "durations": percentiles("event.duration", 50, 95, 99),
    "waits": percentiles("task.wait", 95),
}


class Elastic:
    """A store in Elasticsearch. The path of its address names the data streams; without one, all of them."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._index = access.path or RUNS
        self._client: Elasticsearch | None = None

    def progress(self) -> float | None:
        """Elasticsearch doesn't tell how far it is."""
        return None

    def measure(self, query: Query) -> Measurement:
        """Measure each task over the runs of *query*. Raises `ElasticsearchError`."""
        with translate_errors(self._access):
            client = self._connect()
            try:
                figures = tuple(map(make_figures, self._fetch_buckets(client, query)))
            except ApiError as error:
                raise explain_unsuitable(error, self._access, self._index) or error from None
            if not figures and not any(find_indices(client, self._index).values()):
                raise make_missing_error(self._access, self._index)
            return Measurement(figures=figures, bad=self._count_bad(client, query), source=self._access.host)

    def recent(self, since: datetime | None, limit: int) -> list[Run]:
        """Fetch the last *limit* runs that ended at or after *since*. Raises `ElasticsearchError`."""
        with translate_errors(self._access):
            found = self._connect().search(
                index=self._index,
                size=limit,
                track_total_hits=False,
                ignore_unavailable=True,
                query={"bool": {"filter": make_filters(Query(since=since))}},
                sort=[{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
                source_excludes=["error.stack_trace", "error.message", "labels"],
            )
        return [run for hit in found["hits"]["hits"] if (run := decode_hit(hit))]

    def _connect(self) -> Elasticsearch:
        """The client. The server's version is checked once."""
        if self._client is None:
            client = connect(self._access)
            check_version(client, self._access)
            self._client = client
        return self._client

    def _fetch_buckets(self, client: Elasticsearch, query: Query) -> Iterator[dict[str, Any]]:
        """Fetch the bucket of each task, page by page."""
        source = [{"task": {"terms": {"field": "task.name"}}}]
        composite: Aggregation = {"size": PAGE, "sources": source}
        while True:
            tasks = {"composite": composite, "aggs": METRICS}
            found = client.search(
                index=self._index,
                size=0,
                track_total_hits=False,
                request_cache=False,  # caching serialises all digests: as slow as the rest
                allow_partial_search_results=False,
                query={"bool": {"filter": make_filters(query)}},
                aggs={"tasks": tasks},
            )
            if "aggregations" not in found:  # no index at all
                return
            page = found["aggregations"]["tasks"]
            yield from page["buckets"]
            if "after_key" not in page:
                return
            composite = {**composite, "after": page["after_key"]}

    def _count_bad(self, client: Elasticsearch, query: Query) -> BadLines:
        """Count the unparsed lines of the same namespaces in the time of *query*."""
        if not self._index.startswith(RUNS_TO_UNPARSED[0]):
            return BadLines()
        index = self._index.replace(*RUNS_TO_UNPARSED)
        with suppress(ApiError):  # a user may not be allowed to read them
            found = client.search(
                index=index,
                size=MAX_EXAMPLES,
                ignore_unavailable=True,
                track_total_hits=True,
                query={"bool": {"filter": make_filters(Query(since=query.since, until=query.until))}},
                sort=["@timestamp"],
            )
            hits = found["hits"]
            return BadLines(count=hits["total"]["value"], examples=tuple(map(describe_line, hits["hits"])))
        return BadLines()


def make_filters(query: Query) -> list[dict[str, Any]]:
    """Make the filters for *query*. Elasticsearch stores times in milliseconds."""
    found: list[dict[str, Any]] = []
    edges = {"gte": query.since, "lt": query.until}
    if span := {edge: milliseconds(time) for edge, time in edges.items() if time is not None}:
        found.append({"range": {"@timestamp": {**span, "format": "epoch_millis"}}})
    if query.queues:
        found.append({"terms": {"queue.name": list(query.queues)}})
    return found


def milliseconds(time: datetime) -> int:
    """*time* in ms since the epoch."""
    return int(time.timestamp() * 1000)


def make_figures(bucket: dict[str, Any]) -> Figures:
    """Make the figures of one bucket."""
    times, cpu, memory = bucket["times"], bucket["cpu"], bucket["memory"]["value"]
    p50, p95, p99 = (each["value"] for each in bucket["durations"]["values"])
    return Figures(
        task=bucket["key"]["task"],
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


def decode_hit(hit: dict[str, Any]) -> Run | None:
    """Decode a run that Elasticsearch returns; None if it isn't one."""
    from slowtask.parse.format import Unreadable  # noqa: PLC0415 - the parser, which rankings don't need
    from slowtask.parse.ndjson import decode_lenient  # noqa: PLC0415

    with suppress(Unreadable):
        return decode_lenient(msgspec.json.encode(hit))
    return None


def describe_line(hit: dict[str, Any]) -> str:
    """Describe an unparsed line as `file@offset: reason`."""
    from slowtask.parse.items import SENTENCES  # noqa: PLC0415 - the parser, which nothing else here needs

    source = hit["_source"]
    log, event = source.get("log", {}), source.get("event", {})
    reason = str(event.get("reason", ""))
    sentence = next((text for known, text in SENTENCES.items() if known == reason), reason)
    place = f"{log.get('file', {}).get('path', '?')}@{log.get('offset', '?')}"
    detail = source.get("error", {}).get("message")
    return printable(f"{place}: {sentence}" + (f" ({detail})" if detail else ""))


def make_missing_error(access: Access, index: str) -> ElasticsearchError:
    """The error for streams that don't exist."""
    return ElasticsearchError(
        f"{access.host} has no {index}: call slowtask setup, then ship the workers' logs there."
    )


def explain_unsuitable(error: ApiError, access: Access, index: str) -> ElasticsearchError | None:
    """The error for streams that don't exist or whose mapping isn't that of the templates; else None."""
    kind, reason = root_cause(error)
    if kind == "index_not_found_exception":
        return make_missing_error(access, index)
    if kind in ("illegal_argument_exception", "search_phase_execution_exception", "class_cast_exception"):
        return ElasticsearchError(
            f"An index on {access.host} doesn't map its fields as slowtask needs ({reason}). Call slowtask"
            " setup, which starts a new index, and delete the old one once you don't need its runs."
        )
    return None
