"""Read what only the stored documents of a task's runs tell: messages of exceptions, and the longest runs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from slowtask.record.event import SECOND, Run, microseconds
from slowtask.store.elastic.aggregations import DURATION, MICROSECONDS, Filter
from slowtask.store.elastic.hits import decode_hit
from slowtask.store.elastic.search import Search
from slowtask.store.profile import LongRun, Message, nulls_last, seconds

WORST: Final = 10  #: of the longest runs
MAX_MESSAGE: Final = 400  #: characters
MAX_KINDS: Final = 2000  #: of messages
DIGITS: Final = re.compile("[0-9]+")
WITH_MESSAGE: Final = {
    "bool": {"should": [{"exists": {"field": "error.type"}}, {"term": {"event.outcome": "failure"}}]}
}


def read_worst(search: Search, filters: list[Filter]) -> list[LongRun]:
    """Read the longest runs of *filters*, the longest first."""
    found = search.client.search(
        index=search.index,
        size=WORST,
        track_total_hits=False,
        allow_partial_search_results=False,
        query={"bool": {"filter": [*filters, {"exists": {"field": DURATION}}]}},
        sort=[{DURATION: "desc"}, {"@timestamp": "asc"}],
        source_excludes=["error.stack_trace", "error.message"],
    )
    hits: list[dict[str, Any]] = found["hits"]["hits"]
    worst = [make_long_run(hit, run) for hit in hits if (run := decode_hit(hit))]
    return sorted(worst, key=lambda each: (-each.took, each.ended, each.id or ""))


def make_long_run(hit: Mapping[str, Any], run: Run) -> LongRun:
    """Make one of the longest runs. Its place is that of its line, if that is stored, else its index."""
    file, offset = find_place(hit)
    return LongRun(
        ended=microseconds(run.timestamp),
        took=(run.duration or 0) / SECOND,
        wait=seconds(run.wait),
        cpu=seconds(run.cpu),
        memory=run.memory,
        outcome=run.outcome,
        action=run.action,
        error=run.error,
        queue=run.queue,
        host=run.host,
        worker=run.worker,
        version=run.version,
        id=run.id,
        task_id=run.task_id,
        attempt=run.attempt,
        trace=run.trace,
        file=file,
        offset=offset,
    )


def find_place(hit: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Find the file and the offset of the line of *hit*; the index, if they aren't stored."""
    log = hit["_source"].get("log")
    if isinstance(log, dict) and isinstance(log.get("file"), dict) and isinstance(log.get("offset"), int):
        return str(log["file"].get("path")), log["offset"]
    return str(hit["_index"]), None


def read_messages(search: Search, filters: list[Filter], most: int) -> tuple[list[Message], int, int]:
    """Count the runs of *filters* by their exceptions and messages, the most frequent first.

    Only the newest runs are read, and *most* of them at most.

    Returns these, how many runs have rarer messages, and how many older ones weren't read.
    """
    found = search.client.search(
        index=search.index,
        size=most,
        track_total_hits=True,
        allow_partial_search_results=False,
        query={"bool": {"filter": [*filters, WITH_MESSAGE]}},
        sort=[{"@timestamp": "desc"}],
        source_includes=["@timestamp", "error.type", "error.message"],
    )
    hits = found["hits"]["hits"]
    kinds = sorted(
        count_messages(hits), key=lambda each: (-each.count, *nulls_last(each.error, each.message))
    )
    rest = sum(each.count for each in kinds[MAX_KINDS:])
    return kinds[:MAX_KINDS], rest, found["hits"]["total"]["value"] - len(hits)


def count_messages(hits: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    """Count *hits* by their exceptions and by their messages without digits."""
    from slowtask.parse.ndjson import flatten  # noqa: PLC0415 - the parser, which rankings don't need

    kinds: dict[tuple[str | None, str | None], list[tuple[int, str | None]]] = {}
    for hit in hits:
        record = flatten({"_source": hit["_source"]})
        error, message = (record.get(f"error.{name}") for name in ("type", "message"))
        if error is not None or message is not None:
            text = None if message is None else str(message)[:MAX_MESSAGE]
            kind = (error, None if text is None else DIGITS.sub("0", text))
            kinds.setdefault(kind, []).append((int(hit["sort"][0]) * MICROSECONDS, text))
    for (error, _), runs in kinds.items():
        first, last = min(time for time, _ in runs), max(time for time, _ in runs)
        newest = max((text for time, text in runs if time == last and text is not None), default=None)
        yield Message(error=error, message=newest, count=len(runs), first=first, last=last)
