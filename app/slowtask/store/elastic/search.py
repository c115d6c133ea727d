"""Ask one set of indices by aggregations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from elasticsearch import ApiError, AuthorizationException, Elasticsearch, NotFoundError

from slowtask.store.elastic.aggregations import Aggregation, Filter, refine
from slowtask.store.elastic.client import find_indices, root_cause
from slowtask.store.elastic.unsuitable import make_missing_error

#: What the names of the streams begin with, before the namespace.
RUNS: Final = "logs-slowtask.run-"
ALL_RUNS: Final = f"{RUNS}*"
UNPARSED: Final = "logs-slowtask.unparsed-"
ALERTS: Final = "logs-slowtask.alert-"
SAMPLES: Final = "metrics-slowtask.queue-"
CELLS: Final = "metrics-slowtask.hour-"
OUT_OF_BOUNDS: Final = "out of bounds for histogram"  #: the error where one value is far greater than another
#: What Elasticsearch answers where a user may not read a stream, or where there is no such stream.
HIDDEN: Final = (AuthorizationException, NotFoundError)
PAGE: Final = 1000  #: combinations of values in one answer


@dataclass(frozen=True, slots=True)
class Search:
    """The indices that are asked, and the client to ask them with."""

    client: Elasticsearch
    index: str
    host: str
    open: tuple[Filter, ...] = ()  #: for the runs that are read, where the others are rolled up

    def require(self) -> None:
        """Raise `ElasticsearchError` if there are no such indices at all, and nothing is rolled up."""
        if not self.open and not any(find_indices(self.client, self.index).values()):
            raise make_missing_error(self.host, self.index)

    def beside(self, stream: str) -> "Search | None":
        """The *stream* of the same namespaces; None if the runs are in an index of another name."""
        if not self.index.startswith(RUNS):
            return None
        return replace(self, index=self.index.replace(RUNS, stream), open=())

    def aggregate(self, filters: list[Filter], aggs: Aggregation, *parts: str) -> Mapping[str, Any]:
        """Run *aggs* over the runs of *filters*; the answer, or only its *parts*, empty without an index."""
        try:
            return self._aggregate(filters, aggs, parts)
        except ApiError as error:
            if OUT_OF_BOUNDS not in root_cause(error)[1]:
                raise
            return self._aggregate(filters, refine(aggs), parts)

    def _aggregate(
        self, filters: list[Filter], aggs: Aggregation, parts: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """Run *aggs* as they are."""
        found = self.client.search(
            index=self.index,
            size=0,
            track_total_hits=False,
            request_cache=False,  # caching serialises all digests: as slow as the rest
            allow_partial_search_results=False,
            query={"bool": {"filter": [*self.open, *filters]}},
            aggs=aggs,
            filter_path=parts or None,
        )
        answer: Mapping[str, Any] = found.get("aggregations", {})
        return answer

    def count(self, filters: list[Filter]) -> int:
        """Count the runs of *filters*."""
        found = self.client.search(  # its own call would count the rest if a shard is missing
            index=self.index,
            size=0,
            track_total_hits=True,
            request_cache=False,
            allow_partial_search_results=False,
            query={"bool": {"filter": [*self.open, *filters]}},
        )
        return int(found["hits"]["total"]["value"])

    def fetch_newest(self, filters: list[Filter], most: int) -> list[dict[str, Any]]:
        """Fetch the newest documents of *filters*, at most *most*, newest first; none without an index."""
        found = self.client.search(
            index=self.index,
            size=most,
            ignore_unavailable=True,
            track_total_hits=False,
            allow_partial_search_results=False,
            query={"bool": {"filter": filters}},
            sort=[{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
        )
        hits: list[dict[str, Any]] = found["hits"]["hits"]
        return hits

    def list_groups(
        self, filters: list[Filter], fields: Mapping[str, str], aggs: Aggregation, *, size: int = 0
    ) -> Iterator[Mapping[str, Any]]:
        """Run *aggs* over the runs of each combination of values of *fields*, which have names of their own.

        Pages of *size*, or of PAGE, are read until the last. In the `key` of a bucket, an unknown value is
        None.
        """
        sources = [
            {name: {"terms": {"field": field, "missing_bucket": True}}} for name, field in fields.items()
        ]
        composite: Aggregation = {"size": size or PAGE, "sources": sources}
        while True:
            page = self.aggregate(filters, {"page": {"composite": composite, "aggs": aggs}}).get("page", {})
            yield from page.get("buckets", ())
            if "after_key" not in page:
                return
            composite = {**composite, "after": page["after_key"]}
