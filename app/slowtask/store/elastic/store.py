"""Elasticsearch as a store: it counts and sums by task, and gives percentiles as the files' store does.

A composite aggregation is read page by page, so no task is left out however many there are. Percentiles are
a t-digest's: exact (between the two runs next to it, in proportion) up to 20 times `COMPRESSION` runs of a
task, and within 1 % beyond.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import ElasticsearchError
from slowtask.store import Bad, Figures, Measurement, Query
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import cause, check, connect, resolved, said
from slowtask.units import printable

RUNS: Final = "logs-slowtask.run-*"
UNPARSED: Final = ("logs-slowtask.run-", "logs-slowtask.unparsed-")
PAGE: Final = 1000  #: tasks asked for at once
COMPRESSION: Final = 1000
EXAMPLES: Final = 100  #: lines that can't be parsed and are shown
MICROSECONDS: Final = 1000  #: in a millisecond

Aggregation = dict[str, Any]


def percentiles(field: str, *percents: float) -> Aggregation:
    """A t-digest of *field*."""
    return {
        "percentiles": {
            "field": field,
            "percents": list(percents),
            "keyed": False,
            "tdigest": {"compression": COMPRESSION},
        }
    }


#: What is asked of each task, by the name that `figures` knows it by.
ASKED: Final[dict[str, Aggregation]] = {
    "failures": {"filter": {"term": {"event.outcome": "failure"}}},
    "timed": {"value_count": {"field": "event.duration"}},
    "total": {"sum": {"field": "event.duration"}},
    "max": {"max": {"field": "event.duration"}},
    "margin": {"max": {"field": "event.margin"}},
    "first": {"min": {"field": "@timestamp"}},
    "last": {"max": {"field": "@timestamp"}},
    "durations": percentiles("event.duration", 50, 95, 99),
    "waits": percentiles("task.wait", 95),
}


class Elastic:
    """The runs in an Elasticsearch; the path of its address names the data streams, all runs' by default."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._index = access.path or RUNS
        self._client: Elasticsearch | None = None

    def progress(self) -> float | None:
        """Nobody knows."""
        return None

    def measure(self, query: Query) -> Measurement:
        """The figures of each task over the runs of *query*. Raises `ElasticsearchError`."""
        with said(self._access):
            client = self._connected()
            try:
                figures = tuple(map(figures_of, self._buckets(client, query)))
            except ApiError as error:
                raise unsuited(error, self._access, self._index) or error from None
            if not figures and not any(resolved(client, self._index).values()):
                raise missing(self._access, self._index)
            return Measurement(figures=figures, bad=self._bad(client, query), source=self._access.host)

    def _connected(self) -> Elasticsearch:
        """The client, which has been asked once whether its server is one that we know."""
        if self._client is None:
            client = connect(self._access)
            check(client, self._access)
            self._client = client
        return self._client

    def _buckets(self, client: Elasticsearch, query: Query) -> Iterator[dict[str, Any]]:
        """What is known of each task, page by page."""
        source = [{"task": {"terms": {"field": "task.name"}}}]
        composite: Aggregation = {"size": PAGE, "sources": source}
        while True:
            tasks = {"composite": composite, "aggs": ASKED}
            found = client.search(
                index=self._index,
                size=0,
                track_total_hits=False,
                request_cache=False,  # to be kept, all digests are serialised: as long as the rest takes
                allow_partial_search_results=False,
                query={"bool": {"filter": filters(query)}},
                aggs={"tasks": tasks},
            )
            if "aggregations" not in found:  # no index at all
                return
            page = found["aggregations"]["tasks"]
            yield from page["buckets"]
            if "after_key" not in page:
                return
            composite = {**composite, "after": page["after_key"]}

    def _bad(self, client: Elasticsearch, query: Query) -> Bad:
        """The lines of the same streams that could not be parsed in the time of *query*."""
        if not self._index.startswith(UNPARSED[0]):
            return Bad()
        index = self._index.replace(*UNPARSED)
        with suppress(ApiError):  # a user may not be allowed to read them
            found = client.search(
                index=index,
                size=EXAMPLES,
                ignore_unavailable=True,
                track_total_hits=True,
                query={"bool": {"filter": filters(Query(since=query.since, until=query.until))}},
                sort=["@timestamp"],
            )
            hits = found["hits"]
            return Bad(count=hits["total"]["value"], examples=tuple(map(example, hits["hits"])))
        return Bad()


def filters(query: Query) -> list[dict[str, Any]]:
    """*query* for Elasticsearch, which knows times to the millisecond."""
    found: list[dict[str, Any]] = []
    edges = {"gte": query.since, "lt": query.until}
    if span := {edge: milliseconds(time) for edge, time in edges.items() if time is not None}:
        found.append({"range": {"@timestamp": {**span, "format": "epoch_millis"}}})
    if query.queues:
        found.append({"terms": {"queue.name": list(query.queues)}})
    return found


def milliseconds(time: datetime) -> int:
    """*time* since the epoch."""
    return int(time.timestamp() * 1000)


def figures_of(bucket: dict[str, Any]) -> Figures:
    """The figures of one bucket."""
    timed = bucket["timed"]["value"]
    p50, p95, p99 = (each["value"] for each in bucket["durations"]["values"])
    return Figures(
        task=bucket["key"]["task"],
        count=bucket["doc_count"],
        failures=bucket["failures"]["doc_count"],
        timed=timed,
        total=bucket["total"]["value"],
        max=bucket["max"]["value"],
        p50=p50,
        p95=p95,
        p99=p99,
        wait_p95=bucket["waits"]["values"][0]["value"],
        margin=int(bucket["margin"]["value"] or 0),
        first=int(bucket["first"]["value"]) * MICROSECONDS,
        last=int(bucket["last"]["value"]) * MICROSECONDS,
    )


def example(hit: dict[str, Any]) -> str:
    """A line that can't be parsed, as `file:offset: reason`."""
    from slowtask.parse.items import SENTENCES  # noqa: PLC0415 - the parser, which nothing else here needs

    source = hit["_source"]
    log, event = source.get("log", {}), source.get("event", {})
    reason = str(event.get("reason", ""))
    sentence = next((text for known, text in SENTENCES.items() if known == reason), reason)
    place = f"{log.get('file', {}).get('path', '?')}@{log.get('offset', '?')}"
    detail = source.get("error", {}).get("message")
    return printable(f"{place}: {sentence}" + (f" ({detail})" if detail else ""))


def missing(access: Access, index: str) -> ElasticsearchError:
    """The error of streams that aren't there."""
    return ElasticsearchError(
        f"{access.host} has no {index}: call slowtask setup, then ship the workers' logs there."
    )


def unsuited(error: ApiError, access: Access, index: str) -> ElasticsearchError | None:
    """The error of streams that aren't there, or whose fields aren't mapped as the templates do."""
    kind, reason = cause(error)
    if kind == "index_not_found_exception":
        return missing(access, index)
    if kind in ("illegal_argument_exception", "search_phase_execution_exception", "class_cast_exception"):
        return ElasticsearchError(
            f"An index on {access.host} doesn't map its fields as slowtask needs ({reason}): slowtask setup"
            " starts a new one; delete the old when its runs aren't needed."
        )
    return None
