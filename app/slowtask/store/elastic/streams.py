"""Renew the data streams that exist already: retention, and a new index if the mapping has changed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import ElasticsearchError
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.changes import SetupStep
from slowtask.store.elastic.client import WATERMARK, find_indices, root_cause
from slowtask.store.elastic.templates import leaf_fields, stream_patterns

JSON: Final = {"accept": "application/json", "content-type": "application/json"}
NO_SUCH_API: Final = (400, 404, 405)  #: HTTP statuses for an API that this server doesn't have
#: The errors of a request about a stream that isn't there; the second is that of a rollover.
DELETED: Final = ("index_not_found_exception", "resource_not_found_exception")

#: The mapping of each field that holds values, by its dotted name.
Fields = Mapping[str, Mapping[str, Any]]


def find_streams(client: Elasticsearch, access: Access) -> list[str]:
    """Find slowtask's data streams. Raises `ElasticsearchError`."""
    found = find_indices(client, *stream_patterns())
    plain = [each["name"] for each in found["indices"] if "data_stream" not in each]
    if plain:
        raise ElasticsearchError(
            f"{plain[0]} on {access.host} is an index where slowtask needs a data stream: reindex it under"
            " another name, or delete it, and call slowtask setup again."
        )
    streams = [each["name"] for each in found["data_streams"]]
    if streams and (full := find_read_only(client)):
        raise ElasticsearchError(f"{full} on {access.host} is read-only: {WATERMARK}")
    return streams


def find_read_only(client: Elasticsearch) -> str | None:
    """Find the first index of the streams that Elasticsearch has made read-only.

    By patterns: the names of a hundred streams are longer than an address may be.
    """
    name = "index.blocks.read_only_allow_delete"
    found = client.indices.get_settings(index=stream_patterns(), name=name, flat_settings=True)
    return next((index for index, each in found.body.items() if each["settings"].get(name) == "true"), None)


@contextmanager
def pass_over_deleted() -> Iterator[None]:
    """End a block quietly if the stream that it is about is deleted meanwhile: nothing needs a change."""
    try:
        yield
    except ApiError as error:
        if root_cause(error)[0] not in DELETED:
            raise


def renew(client: Elasticsearch, stream: str, retention: str | None) -> Iterator[SetupStep]:
    """Set the retention of *stream*, and start a new index if the last one has an old mapping."""
    if retention and not set_retention(client, stream, retention):
        what = f"{stream} keeps its retention: this Elasticsearch has no API to change it"
        yield SetupStep(what=what, verb="note")
    mappings, wanted = read_mappings(client, stream), read_template_mapping(client, stream)
    if not has_old_mapping([*mappings.values()][-1], wanted):
        return
    client.indices.rollover(alias=stream)
    yield SetupStep(what=f"data stream {stream}: a new index with the current mapping", verb="changed")
    for old, has in mappings.items():
        if fields := find_conflicts(has, wanted):
            what = (
                f"{old} has another type for {', '.join(fields)}: a ranking over its time may fail until you"
                " delete it or it expires"
            )
            yield SetupStep(what=what, verb="note")


def set_retention(client: Elasticsearch, stream: str, retention: str) -> bool:
    """Set the retention of *stream*; False if this server can't."""
    try:
        client.indices.put_data_lifecycle(name=stream, data_retention=retention)
    except ApiError as error:
        if error.status_code in NO_SUCH_API and root_cause(error)[0] not in (
            *DELETED,
            "illegal_argument_exception",
        ):
            return False
        raise
    return True


def switch_failure_store(client: Elasticsearch, stream: str, *, enabled: bool) -> Iterator[SetupStep]:
    """Let *stream* keep the documents that it refuses, or not; a note if this server can't."""
    try:
        client.perform_request(
            "PUT",
            f"/_data_stream/{stream}/_options",
            headers=JSON,
            body={"failure_store": {"enabled": enabled}},
        )
    except ApiError as error:
        if error.status_code not in NO_SUCH_API or root_cause(error)[0] in DELETED:
            raise
        what = f"{stream} keeps its failure store as it is: this Elasticsearch has no API to change it"
        yield SetupStep(what=what, verb="note")


def find_conflicts(has: Fields, wanted: Fields) -> list[str]:
    """Find the fields whose type in an index isn't that of the templates."""
    return [name for name, kind in wanted.items() if name in has and has[name]["type"] != kind["type"]]


def has_old_mapping(has: Fields, wanted: Fields) -> bool:
    """Whether an index lacks a field of the templates, or maps one differently."""
    return any(has.get(name) != kind for name, kind in wanted.items())


def read_template_mapping(client: Elasticsearch, stream: str) -> Fields:
    """Read the mapping of each field in a new index of *stream*, with the user's own `@custom`."""
    template = client.indices.simulate_index_template(name=stream)["template"]
    return leaf_fields(template.get("mappings", {}))


def read_mappings(client: Elasticsearch, stream: str) -> dict[str, Fields]:
    """Read the mapping of each index of *stream*; the last is the one that is written to.

    All in one answer, since a retention may delete an index at any time. Asks again if a rollover comes
    between, after which another index is the last. Raises `ApiError` if the stream is deleted.
    """
    while True:
        found = client.indices.get_mapping(index=stream)
        for known in find_indices(client, stream)["data_streams"]:  # none, if it has just been deleted
            indices = known["backing_indices"]
            if indices[-1] in found:
                return {name: leaf_fields(found[name]["mappings"]) for name in indices if name in found}
