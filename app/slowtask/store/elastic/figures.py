"""Measure each task by aggregations. A composite one is read page by page, so that no task is left out."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from elasticsearch import ApiError

from slowtask.store import BadLines, Figures, Measurement, Query
from slowtask.store.comparison import Times, find_percentiles
from slowtask.store.elastic.aggregations import (
    COMPARED,
    DURATION,
    METRICS,
    Aggregation,
    make_figures,
    make_filters,
    without,
)
from slowtask.store.elastic.bins import (
    COUNTS,
    Extent,
    make_batches,
    make_bins,
    make_extent,
    make_task_filter,
    read_bins,
)
from slowtask.store.elastic.hits import describe_line
from slowtask.store.elastic.search import HIDDEN, UNPARSED, Search
from slowtask.store.elastic.seats import SEATS, read_workers
from slowtask.store.fields import TASK

PAGE: Final = 1000  #: tasks in one answer
MAX_EXAMPLES: Final = 100  #: unparsed lines to show


def measure(
    search: Search, query: Query, metrics: Aggregation = METRICS, *, workers: bool
) -> tuple[Measurement, dict[str, Extent]]:
    """Measure each task by *metrics*, and find its shortest and its longest run time; count the *workers*."""
    with ThreadPoolExecutor() as pool:
        bad = pool.submit(count_bad, search, query)
        seats = pool.submit(count_workers, search, query) if workers else None
        buckets = dict(fetch_buckets(search, query, metrics))
        if not buckets:
            search.require()
        measurement = Measurement(
            figures=tuple(make_figures(task, bucket) for task, bucket in buckets.items()),
            bad=bad.result(),
            source=search.host,
            workers=seats.result() if seats else None,
        )
    times = {task: bucket["times"] for task, bucket in buckets.items() if bucket["times"]["count"]}
    return measurement, {task: make_extent(each) for task, each in times.items()}


def measure_times(search: Search, query: Query) -> tuple[Measurement, Times]:
    """Measure each task, and count its run times by bins."""
    measurement, extents = measure(search, query, COMPARED, workers=False)
    times = count_times(search, query, extents)
    figures = (add_percentiles(each, times.get(each.task, {})) for each in measurement.figures)
    return replace(measurement, figures=tuple(figures)), times


def add_percentiles(figures: Figures, times: Mapping[int, int]) -> Figures:
    """*figures* with the percentiles of the run *times*."""
    values = find_percentiles(times, (0.5, 0.95, 0.99))
    p50, p95, p99 = (None if value is None else min(value, figures.max or value) for value in values)
    return replace(figures, p50=p50, p95=p95, p99=p99)


def count_times(
    search: Search, query: Query, extents: Mapping[str, Extent], times: str = DURATION
) -> dict[str, dict[int, int]]:
    """Count the run times of each task of *extents* by bins, or other *times*."""
    field, found = query.group or TASK, dict[str, dict[int, int]]()
    for batch in make_batches(extents):
        filters = [*make_filters(query), make_task_filter(field, batch.tasks)]
        answer = search.aggregate(filters, make_bins(field, batch, times), *COUNTS)
        found |= read_bins(answer, batch)
    return found


def fetch_buckets(
    search: Search, query: Query, metrics: Aggregation
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Fetch the bucket of each task, page by page. That of an unknown one has the name `""`."""
    field = query.group or TASK
    composite: Aggregation = {"size": PAGE, "sources": [{"task": {"terms": {"field": field}}}]}
    unknown = {"unknown": {"filter": without(field), "aggs": metrics}} if query.group else {}
    while True:
        tasks = {"tasks": {"composite": composite, "aggs": metrics}}
        found = search.aggregate(make_filters(query), tasks | unknown)
        if found.get("unknown", {}).get("doc_count"):
            yield "", found["unknown"]
        page = found.get("tasks", {"buckets": ()})
        yield from (
            (each["key"]["task"], each) for each in page["buckets"] if each["key"]["task"] or not query.group
        )
        if "after_key" not in page:
            return
        composite, unknown = {**composite, "after": page["after_key"]}, {}


def count_workers(search: Search, query: Query) -> int | None:
    """Count how many runs the workers of *query* could do at once; None if that isn't known."""
    try:
        return read_workers(search.aggregate(make_filters(query), SEATS))
    except ApiError:  # more hours than it allows in an answer, or workers that aren't mapped
        return None


def count_bad(search: Search, query: Query) -> BadLines:
    """Count the unparsed lines of the same namespaces in the time of *query*."""
    lines = search.beside(UNPARSED)
    if lines is None:
        return BadLines()
    with suppress(*HIDDEN):
        found = lines.client.search(
            index=lines.index,
            size=MAX_EXAMPLES,
            ignore_unavailable=True,
            track_total_hits=True,
            allow_partial_search_results=False,
            query={"bool": {"filter": make_filters(Query(since=query.since, until=query.until))}},
            sort=[{"@timestamp": {"order": "asc", "unmapped_type": "date"}}],
        )
        hits = found["hits"]
        return BadLines(count=hits["total"]["value"], examples=tuple(map(describe_line, hits["hits"])))
    return BadLines()
