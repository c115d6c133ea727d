"""Roll up each data stream of runs of an Elasticsearch into one of its own."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from elasticsearch import Elasticsearch

from slowtask.errors import ElasticsearchError, UsageError
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import check_version, connect, find_indices, translate_errors
from slowtask.store.elastic.rolled.making import Step, roll_up
from slowtask.store.elastic.rolled.raw import make_cells
from slowtask.store.elastic.search import ALL_RUNS, CELLS, RUNS, Search
from slowtask.store.elastic.unsuitable import make_missing_error

TEMPLATE: Final = CELLS.removesuffix("-")


def roll_up_streams(access: Access, now: datetime) -> Iterator[Step]:
    """Roll up the data streams that the path of *access* names, or all; yield each step once it is done.

    Raises `ElasticsearchError`, and `UsageError` for a path that names none of slowtask's.
    """
    index = access.path or ALL_RUNS
    if not all(name.startswith(RUNS) for name in index.split(",")):
        raise UsageError(f"{index} can't be rolled up: name data streams of runs, such as {RUNS}default.")
    client = connect(access)
    check_version(client, access)
    with translate_errors(access):
        streams = [each["name"] for each in find_indices(client, index)["data_streams"]]
        require_ready(client, access, index, streams)
        for stream in streams:
            runs = Search(client, stream, access.host)
            if cells := runs.beside(CELLS):
                yield from roll_up(runs, cells, now, make_cells)


def require_ready(client: Elasticsearch, access: Access, index: str, streams: list[str]) -> None:
    """Raise `ElasticsearchError` if there is no template for what would be written, or what the path names.

    A cluster that is set up and has no runs yet is ready.
    """
    if access.path and not streams:
        raise make_missing_error(access.host, index)
    if not client.indices.exists_index_template(name=TEMPLATE):
        raise ElasticsearchError(
            f"{access.host} has no template {TEMPLATE}: call slowtask setup of this version first."
        )
