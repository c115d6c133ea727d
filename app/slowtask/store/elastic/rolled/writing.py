"""Write cells so that no reader counts a run twice, and so that writing twice changes nothing.

A data stream takes new documents only. A document that is there is replaced where it is, in the index behind
the stream, if nobody changed it since it was read. Cells only grow: one with as many runs is never replaced.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from slowtask.errors import ElasticsearchError
from slowtask.store.elastic.aggregations import Filter
from slowtask.store.elastic.client import shorten
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.document import make_document, make_id
from slowtask.store.elastic.rolled.fetching import fetch_cells
from slowtask.store.elastic.search import Search

CHUNK: Final = 500  #: documents in one request
CONFLICT: Final = 409  #: HTTP status: another process wrote the same document meanwhile
FAILURE: Final = 300  #: HTTP statuses from here on


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A document that is there already."""

    runs: int
    place: Mapping[str, Any]  #: how to name it in order to replace it


def find_stored(search: Search, filters: list[Filter]) -> dict[str, Stored]:
    """Find the documents of the cells of *filters*, by id."""
    return {hit["_id"]: read_stored(hit) for hit in fetch_cells(search, filters, "rollup.runs")}


def read_stored(hit: Mapping[str, Any]) -> Stored:
    """What is stored, as a search found it."""
    place = {
        "_index": hit["_index"],
        "_id": hit["_id"],
        "if_seq_no": hit["_seq_no"],
        "if_primary_term": hit["_primary_term"],
    }
    return Stored(runs=hit["_source"]["rollup"]["runs"], place=place)


def write_cells(search: Search, cells: Iterable[tuple[Key, Cell]], stored: Mapping[str, Stored]) -> int:
    """Write those *cells* that have more runs than *stored*; return how many. Raises `ElasticsearchError`."""
    operations = (each for each in (make_operation(*cell, search.index, stored) for cell in cells) if each)
    count = 0
    while chunk := list(islice(operations, CHUNK)):
        count += send(search, chunk)
    return count


def make_operation(
    key: Key, cell: Cell, stream: str, stored: Mapping[str, Stored]
) -> list[dict[str, Any]] | None:
    """Create the document of *cell* in *stream*, or replace it; None if it has no more runs than before."""
    name = make_id(key)
    before = stored.get(name)
    if before is None:
        return [{"create": {"_index": stream, "_id": name}}, make_document(key, cell)]
    if cell.runs <= before.runs:
        return None
    return [{"index": before.place}, make_document(key, cell)]


def send(search: Search, chunk: Iterable[list[dict[str, Any]]]) -> int:
    """Send the operations of *chunk*; return how many were done. Raises `ElasticsearchError`."""
    operations = [each for operation in chunk for each in operation]
    parts = "items.*.status,items.*.error.reason"
    answer = search.client.bulk(operations=operations, filter_path=parts)
    results = [result for item in answer["items"] for result in item.values()]
    for result in refused(results):
        raise ElasticsearchError(
            f"{search.index} refused a rolled-up document ({shorten(result['error']['reason'])}): call"
            " slowtask setup, then slowtask rollup again."
        )
    return sum(result["status"] < FAILURE for result in results)


def refused(results: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Those of *results* that failed, other than by another process that wrote the same cell."""
    return (each for each in results if each["status"] >= FAILURE and each["status"] != CONFLICT)
