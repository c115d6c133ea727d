"""The data streams that exist already: what blocks them, and a new index where the mapping has changed."""

from collections.abc import Iterator
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import ElasticsearchError
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.changes import Change
from slowtask.store.elastic.client import WATERMARK, cause, resolved
from slowtask.store.elastic.templates import leaves, patterns

NOT_THERE: Final = (400, 404, 405)  #: an API that this server doesn't have


def writable(client: Elasticsearch, access: Access) -> dict[str, list[str]]:
    """Our data streams and their indices, oldest first. Raises `ElasticsearchError` if one is blocked."""
    found = resolved(client, *patterns())
    plain = [each["name"] for each in found["indices"] if "data_stream" not in each]
    if plain:
        raise ElasticsearchError(
            f"{plain[0]} on {access.host} is an index where slowtask needs a data stream: reindex it under"
            " another name, or delete it, and call slowtask setup again."
        )
    streams = {each["name"]: each["backing_indices"] for each in found["data_streams"]}
    if streams and (full := read_only(client, list(streams))):
        raise ElasticsearchError(f"{full} on {access.host} is read-only: {WATERMARK}")
    return streams


def read_only(client: Elasticsearch, streams: list[str]) -> str | None:
    """The first index of *streams* that Elasticsearch itself has made read-only."""
    name = "index.blocks.read_only_allow_delete"
    found = client.indices.get_settings(index=streams, name=name, flat_settings=True)
    return next((index for index, each in found.body.items() if each["settings"].get(name) == "true"), None)


def renewed(
    client: Elasticsearch, stream: str, indices: list[str], retention: str | None
) -> Iterator[Change]:
    """Give *stream* the retention, and a new index where its last doesn't have the mapping of today."""
    if retention and not kept_for(client, stream, retention):
        what = f"{stream} keeps its retention: this Elasticsearch has no API to change it"
        yield Change(what=what, verb="note")
    if not differing(client, stream, indices[-1]):
        return
    client.indices.rollover(alias=stream)
    yield Change(what=f"data stream {stream}: a new index, with the mapping of now", verb="changed")
    for old in indices:
        if wrong := conflicts(client, stream, old):
            what = f"{old} keeps {', '.join(wrong)} in another type: rankings over its time may fail"
            yield Change(what=what, verb="note")


def kept_for(client: Elasticsearch, stream: str, retention: str) -> bool:
    """Set the retention of *stream*; False where the server can't."""
    try:
        client.indices.put_data_lifecycle(name=stream, data_retention=retention)
    except ApiError as error:
        if error.status_code in NOT_THERE and cause(error)[0] != "illegal_argument_exception":
            return False
        raise
    return True


def conflicts(client: Elasticsearch, stream: str, index: str) -> list[str]:
    """The fields that *index* has in another type than the templates give them."""
    has, wanted = mapped(client, index), composed(client, stream)
    return [name for name, kind in wanted.items() if name in has and has[name]["type"] != kind["type"]]


def differing(client: Elasticsearch, stream: str, index: str) -> bool:
    """Whether *index* maps any field otherwise than the templates do, or doesn't have it."""
    has, wanted = mapped(client, index), composed(client, stream)
    return any(has.get(name) != kind for name, kind in wanted.items())


def composed(client: Elasticsearch, stream: str) -> dict[str, dict[str, Any]]:
    """The mapping of each field that a new index of *stream* would have, with the user's own `@custom`."""
    template = client.indices.simulate_index_template(name=stream)["template"]
    return leaves(template.get("mappings", {}))


def mapped(client: Elasticsearch, index: str) -> dict[str, dict[str, Any]]:
    """The mapping of each field of *index*, by its dotted name."""
    return leaves(client.indices.get_mapping(index=index)[index]["mappings"])
