"""Fetch cells page by page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from slowtask.store import Query
from slowtask.store.elastic.aggregations import Filter, make_filters
from slowtask.store.elastic.fetch import KEEP_ALIVE, open_point_in_time
from slowtask.store.elastic.rolled.hours import Piece, make_range
from slowtask.store.elastic.search import Search

PAGE: Final = 1000  #: cells in one answer, of about 1.5 KB each


def make_cell_filters(query: Query, pieces: Sequence[Piece]) -> list[Filter]:
    """The filters for the cells of *pieces* that *query* is about; its time is that of the *pieces*."""
    where = make_filters(Query(queues=query.queues, where=query.where))
    return [*where, {"bool": {"should": [make_piece_filter(each) for each in pieces]}}]


def make_piece_filter(piece: Piece) -> Filter:
    """The filter for the cells of one piece."""
    span, limits = piece
    return {"bool": {"filter": [{"term": {"rollup.span": span}}, make_range(limits)]}}


def fetch_cells(search: Search, filters: list[Filter], *parts: str) -> Iterator[Mapping[str, Any]]:
    """Fetch the hits of the cells of *filters*, of their documents only *parts*, or all."""
    after: Sequence[Any] | None = None
    with open_point_in_time(search) as point:
        while True:
            hits = search.client.search(
                pit={"id": point, "keep_alive": KEEP_ALIVE},
                size=PAGE,
                sort=["_shard_doc"],
                search_after=after,
                query={"bool": {"filter": filters}},
                source_includes=parts or None,
                seq_no_primary_term=True,
                track_total_hits=False,
                allow_partial_search_results=False,
            )["hits"]["hits"]
            yield from hits
            if len(hits) < PAGE:
                return
            after = hits[-1]["sort"]
