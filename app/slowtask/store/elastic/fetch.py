"""Fetch runs one by one, by the columns of an index: page after page, in no order.

The values come from the columns that Elasticsearch sorts and aggregates by (`doc_values`), which is quicker
than the stored documents. A field that the templates keep out of these can't be fetched: `event.id`,
`event.start`, `task.id`, `process.pid`, `error.message`.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from elasticsearch import ApiError

from slowtask.store.elastic.aggregations import Filter
from slowtask.store.elastic.search import Search

PAGE: Final = 5000  #: runs in one answer
SLICES: Final = 2  #: parts of the runs that are fetched at once
KEEP_ALIVE: Final = "2m"  #: between two pages
TIME: Final = "@timestamp"
FORMATS: Final = {TIME: {"format": "epoch_millis"}}
#: An answer without what is the same for each run.
PARTS: Final = ("hits.hits.fields", "hits.hits.sort")

#: The values of each field, in the same order; None where a run has none. `@timestamp` is in ms since the
#: epoch.
Page = Mapping[str, Sequence[Any]]


def fetch_pages(search: Search, filters: list[Filter], fields: Sequence[str]) -> Iterator[Page]:
    """Fetch *fields* of the runs of *filters*, as they were at the beginning.

    Only a few pages are in memory: the next ones are fetched while one is used.
    """
    with open_view(search, filters, fields) as view, ThreadPoolExecutor(SLICES) as pool:
        waiting = deque((number, pool.submit(view.fetch, number, None)) for number in range(SLICES))
        while waiting:
            number, answer = waiting.popleft()
            if hits := answer.result():
                waiting.append((number, pool.submit(view.fetch, number, hits[-1]["sort"])))
                yield {field: _values(hits, field) for field in fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The runs of some filters at one point in time, in slices."""

    search: Search
    point: str
    filters: list[Filter]
    fields: Sequence[Mapping[str, str]]

    def fetch(self, number: int, after: Sequence[Any] | None) -> list[dict[str, Any]]:
        """Fetch the page of slice *number* that follows the run *after*, or the first."""
        found = self.search.client.search(
            pit={"id": self.point, "keep_alive": KEEP_ALIVE},
            slice={"id": number, "max": SLICES},
            size=PAGE,
            sort=["_shard_doc"],
            search_after=after,
            query={"bool": {"filter": [*self.search.open, *self.filters]}},
            docvalue_fields=self.fields,
            source=False,
            stored_fields="_none_",
            track_total_hits=False,
            allow_partial_search_results=False,
            filter_path=PARTS,
        )
        hits: list[dict[str, Any]] = found.get("hits", {}).get("hits", [])
        return hits


@contextmanager
def open_view(search: Search, filters: list[Filter], fields: Sequence[str]) -> Iterator[View]:
    """Give a block a view of the runs as they are now."""
    wanted = [{"field": each, **FORMATS.get(each, {})} for each in dict.fromkeys(fields)]
    with open_point_in_time(search) as point:
        yield View(search=search, point=point, filters=filters, fields=wanted)


@contextmanager
def open_point_in_time(search: Search) -> Iterator[str]:
    """Give a block the id of the indices as they are now."""
    client = search.client
    point: str = client.open_point_in_time(
        index=search.index, keep_alive=KEEP_ALIVE, ignore_unavailable=True
    )["id"]
    try:
        yield point
    finally:
        with suppress(ApiError):  # it expires by itself
            client.close_point_in_time(id=point)


def _values(hits: Sequence[Mapping[str, Any]], field: str) -> list[Any]:
    """The values of *field* of all *hits*; the first one where there are several."""
    found = [hit.get("fields", {}).get(field) for hit in hits]
    if field == TIME:
        return [int(values[0]) for values in found]
    return [values[0] if values else None for values in found]
