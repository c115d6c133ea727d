"""Measure the runs in an Elasticsearch, by aggregations.

A composite aggregation is read page by page, so that no task is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import ElasticsearchError, UsageError
from slowtask.record.event import Run
from slowtask.record.sample import Alert
from slowtask.store import BadLines, Comparison, Measurement, Query
from slowtask.store.columns import Columns
from slowtask.store.comparison import Times, make_comparison
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.aggregations import (
    METRICS,
    TASK,
    Aggregation,
    Filter,
    make_figures,
    make_filters,
    without,
)
from slowtask.store.elastic.bins import (
    COUNTS,
    Span,
    make_batches,
    make_bins,
    make_span,
    make_task_filter,
    read_bins,
)
from slowtask.store.elastic.client import check_version, connect, find_indices, root_cause, translate_errors
from slowtask.store.elastic.hits import decode_hit, describe_line
from slowtask.store.elastic.seats import SEATS, read_workers
from slowtask.store.fields import LABELS, SHORT_NAMES
from slowtask.store.history import History
from slowtask.store.profile import Choose, Profile

ONLY_FILES: Final = "This reads only log files so far: name files instead of an Elasticsearch."
RUNS: Final = "logs-slowtask.run-*"
RUNS_TO_UNPARSED: Final = ("logs-slowtask.run-", "logs-slowtask.unparsed-")
MAX_FIELDS: Final = 500  #: to ask for at once
PAGE: Final = 1000  #: tasks in one answer
MAX_EXAMPLES: Final = 100  #: unparsed lines to show
UNINDEXED: Final = ("event.id", "task.id")  #: keywords that the templates keep only in the source


class Elastic:
    """A store in Elasticsearch. The path of its address names the data streams; without one, all of them."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._index = access.path or RUNS
        self._client: Elasticsearch | None = None

    def progress(self) -> float | None:
        """Elasticsearch doesn't tell how far it is."""
        return None

    def measure(self, query: Query, *, workers: bool = True) -> Measurement:
        """Measure each task over the runs of *query*, and count *workers*. Raises `ElasticsearchError`."""
        with self._answer() as client:
            measurement, _ = self._measure(client, query)
            return replace(measurement, workers=self._count_workers(client, query) if workers else None)

    def compare(self, before: Query, after: Query) -> Comparison:
        """Compare the runs of *before* with those of *after*. Raises `ElasticsearchError`."""
        with self._answer() as client:
            with ThreadPoolExecutor(2) as pool:  # one waits for the server while the other reads its answer
                sides = pool.map(partial(self._measure_times, client), (before, after))
            (first, first_times), (second, second_times) = sides
            return make_comparison(first, second, (first_times, second_times))

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields by which the runs of *query* can be grouped. Raises `ElasticsearchError`."""
        with self._answer() as client:
            labels = client.field_caps(index=self._index, fields=f"{LABELS}*", types="keyword")["fields"]
            names = [*SHORT_NAMES.values(), *sorted(each for each in labels if each.startswith(LABELS))]
            exists = {name: {"exists": {"field": name}} for name in names[:MAX_FIELDS]}
            found = self._aggregate(client, make_filters(query), {"known": {"filters": {"filters": exists}}})
            buckets = found["known"]["buckets"] if found else {}
            return tuple(name for name in names if name in buckets and buckets[name]["doc_count"])

    def history(
        self, query: Query, choose: Callable[[Measurement], Sequence[str]], *, profiled: int = 0
    ) -> History:
        """Refuse it: an Elasticsearch has the dashboards in Kibana. Raises `UsageError`."""
        del query, choose, profiled
        raise UsageError(
            "A report can be made only from log files: for an Elasticsearch, use the dashboards in Kibana."
        )

    def profile(self, task: str, query: Query, choose: Choose, slots: int) -> Profile:
        """Refuse it. Raises `UsageError`."""
        del task, query, choose, slots
        raise UsageError(ONLY_FILES)

    def columns(self, query: Query) -> Columns:
        """Refuse it. Raises `UsageError`."""
        del query
        raise UsageError(ONLY_FILES)

    def alerts(self, query: Query) -> Sequence[Alert]:
        """Refuse it. Raises `UsageError`."""
        del query
        raise UsageError(ONLY_FILES)

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
                source_excludes=["error.stack_trace", "error.message"],
            )
        return [run for hit in found["hits"]["hits"] if (run := decode_hit(hit))]

    def _connect(self) -> Elasticsearch:
        """The client. The server's version is checked once."""
        if self._client is None:
            client = connect(self._access)
            check_version(client, self._access)
            self._client = client
        return self._client

    @contextmanager
    def _answer(self) -> Iterator[Elasticsearch]:
        """Give the client to a block that measures; its errors say what to do."""
        with translate_errors(self._access):
            client = self._connect()
            try:
                yield client
            except ApiError as error:
                raise explain_unsuitable(error, self._access, self._index) or error from None

    def _measure(self, client: Elasticsearch, query: Query) -> tuple[Measurement, dict[str, Span]]:
        """Measure each task, and find its shortest and its longest run time."""
        buckets = dict(self._fetch_buckets(client, query))
        if not buckets and not any(find_indices(client, self._index).values()):
            raise make_missing_error(self._access, self._index)
        measurement = Measurement(
            figures=tuple(make_figures(task, bucket) for task, bucket in buckets.items()),
            bad=self._count_bad(client, query),
            source=self._access.host,
        )
        times = {task: bucket["times"] for task, bucket in buckets.items() if bucket["times"]["count"]}
        return measurement, {task: make_span(each) for task, each in times.items()}

    def _measure_times(self, client: Elasticsearch, query: Query) -> tuple[Measurement, Times]:
        """Measure each task, and count its run times by bins."""
        measurement, spans = self._measure(client, query)
        field, found = query.group or TASK, dict[str, dict[int, int]]()
        for batch in make_batches(spans):
            filters = [*make_filters(query), make_task_filter(field, batch.tasks)]
            answer = self._aggregate(client, filters, make_bins(field, batch), *COUNTS)
            found |= read_bins(answer, batch)
        return measurement, found

    def _fetch_buckets(self, client: Elasticsearch, query: Query) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Fetch the bucket of each task, page by page. That of an unknown one has the name `""`."""
        field = query.group or TASK
        composite: Aggregation = {"size": PAGE, "sources": [{"task": {"terms": {"field": field}}}]}
        unknown = {"unknown": {"filter": without(field), "aggs": METRICS}} if query.group else {}
        while True:
            tasks = {"tasks": {"composite": composite, "aggs": METRICS}}
            found = self._aggregate(client, make_filters(query), tasks | unknown)
            if found.get("unknown", {}).get("doc_count"):
                yield "", found["unknown"]
            page = found.get("tasks", {"buckets": ()})
            yield from (
                (each["key"]["task"], each)
                for each in page["buckets"]
                if each["key"]["task"] or not query.group
            )
            if "after_key" not in page:
                return
            composite, unknown = {**composite, "after": page["after_key"]}, {}

    def _count_workers(self, client: Elasticsearch, query: Query) -> int | None:
        """Count how many runs the workers of *query* could do at once; None if that isn't known."""
        try:
            return read_workers(self._aggregate(client, make_filters(query), SEATS))
        except ApiError:  # more hours than it allows in an answer, or workers that aren't mapped
            return None

    def _aggregate(
        self, client: Elasticsearch, filters: list[Filter], aggs: Aggregation, *parts: str
    ) -> Mapping[str, Any]:
        """Run *aggs* over the runs of *filters*; the answer, or only its *parts*, empty without an index."""
        found = client.search(
            index=self._index,
            size=0,
            track_total_hits=False,
            request_cache=False,  # caching serialises all digests: as slow as the rest
            allow_partial_search_results=False,
            query={"bool": {"filter": filters}},
            aggs=aggs,
            filter_path=parts or None,
        )
        answer: Mapping[str, Any] = found.get("aggregations", {})
        return answer

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
    if unindexed := next((field for field in UNINDEXED if f"[{field}]" in reason), None):
        return ElasticsearchError(
            f"{access.host} keeps {unindexed} out of its index, so runs can't be grouped or chosen by it:"
            " map it in the component template slowtask-run@custom, or use another field."
        )
    if kind in ("illegal_argument_exception", "search_phase_execution_exception", "class_cast_exception"):
        return ElasticsearchError(
            f"An index on {access.host} doesn't map its fields as slowtask needs ({reason}). Call slowtask"
            " setup, which starts a new index, and delete the old one once you don't need its runs."
        )
    return None
