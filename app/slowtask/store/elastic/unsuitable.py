"""Say why the indices can't be read as slowtask needs, and what to do."""

from typing import Final

from elasticsearch import ApiError

from slowtask.errors import ElasticsearchError
from slowtask.store.elastic.client import UNAVAILABLE, root_cause

UNINDEXED: Final = ("event.id", "task.id")  #: keywords that the templates keep only in the source


def make_missing_error(host: str, index: str) -> ElasticsearchError:
    """The error for streams that don't exist."""
    return ElasticsearchError(
        f"{host} has no {index}: call slowtask setup, then ship the workers' logs there."
    )


def explain_unsuitable(error: ApiError, host: str, index: str) -> ElasticsearchError | None:
    """The error for streams that don't exist or whose mapping isn't that of the templates; else None."""
    kind, reason = root_cause(error)
    if kind == "index_not_found_exception":
        return make_missing_error(host, index)
    if unindexed := next((field for field in UNINDEXED if f"[{field}]" in reason), None):
        return ElasticsearchError(
            f"{host} keeps {unindexed} out of its index, so runs can't be grouped or chosen by it:"
            " map it in the component template slowtask-run@custom, or use another field."
        )
    if error.status_code == UNAVAILABLE:
        return None
    if kind in ("illegal_argument_exception", "search_phase_execution_exception", "class_cast_exception"):
        return ElasticsearchError(
            f"An index on {host} doesn't map its fields as slowtask needs ({reason}). Call slowtask"
            " setup, which starts a new index, and delete the old one once you don't need its runs."
        )
    return None
