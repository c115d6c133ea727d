"""Count run times by bins (`slowtask.store.comparison`), by aggregations over ranges.

A range for each bin needs no script, which a user may not be allowed to run. Elasticsearch returns empty
bins, too, and limits how many; so tasks are asked for in batches, those of similar run times together.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from math import ceil, log
from typing import Any, Final

from slowtask.store.comparison import WIDTH
from slowtask.store.elastic.aggregations import Aggregation, Filter, without

MAX_BUCKETS: Final = 50_000  #: in one answer; a server allows 65,536 unless it is told otherwise
MAX_TASKS: Final = 1000  #: in one request
#: The parts of the answer that tell something: an empty bin is 16 bytes then.
COUNTS: Final = (
    "aggregations.tasks.buckets.key",
    "aggregations.*.buckets.bins.buckets.doc_count",
    "aggregations.unknown.bins.buckets.doc_count",
)
ZERO: Final = -1  #: the bin of 0 ns

Span = tuple[int, int]  #: the shortest and the longest run time, ns


def bin_of(time: int) -> int:
    """The bin of a run time in ns."""
    return int(log(time) / log(WIDTH)) if time > 0 else ZERO


@cache
def first_time(place: int) -> int:
    """The shortest run time in ns that is in bin *place* or in a later one."""
    guess = max(1, ceil(WIDTH**place))
    while guess > 1 and bin_of(guess - 1) >= place:
        guess -= 1
    while bin_of(guess) < place:
        guess += 1
    return guess


def make_edges(span: Span) -> list[int]:
    """The first run time of each bin, from that of the shortest to that of the longest, and their end."""
    low, high = span
    edges = {first_time(place) for place in range(max(0, bin_of(low)), bin_of(high) + 2)}
    return [*([0] if low == 0 else []), *sorted(edges)]


def make_batches(spans: Mapping[str, Span]) -> Iterator[tuple[list[str], Span]]:
    """Divide the tasks of *spans* so that the bins of each batch are at most MAX_BUCKETS."""
    batch: list[str] = []
    low = high = 0
    for task, (shortest, longest) in sorted(spans.items(), key=lambda each: each[1][::-1]):
        wider = (min(low, shortest), max(high, longest)) if batch else (shortest, longest)
        if (batch and (len(batch) + 1) * count_bins(wider) > MAX_BUCKETS) or len(batch) == MAX_TASKS:
            yield batch, (low, high)
            batch, wider = [], (shortest, longest)
        batch, (low, high) = [*batch, task], wider
    if batch:
        yield batch, (low, high)


def count_bins(span: Span) -> int:
    """How many bins there are from the first to the last of *span*, at most."""
    return bin_of(span[1]) - bin_of(span[0]) + 2


def make_task_filter(field: str, tasks: Sequence[str]) -> Filter:
    """The filter for the runs of *tasks*, which are values of *field*; `""` stands for unknown."""
    known: Filter = {"terms": {field: list(tasks)}}
    return {"bool": {"should": [known, without(field)]}} if "" in tasks else known


def make_bins(field: str, tasks: Sequence[str], edges: Sequence[int]) -> dict[str, Aggregation]:
    """The aggregations that count the run times of *tasks* between *edges*."""
    ranges = [{"from": low, "to": high} for low, high in pairwise(edges)]
    inner = {"bins": {"range": {"field": "event.duration", "ranges": ranges}}}
    terms = {"field": field, "include": list(tasks), "size": len(tasks)}
    unknown = {"unknown": {"filter": without(field), "aggs": inner}} if "" in tasks else {}
    return {"tasks": {"terms": terms, "aggs": inner}, **unknown}


def read_bins(answer: Mapping[str, Any], edges: Sequence[int]) -> Iterator[tuple[str, dict[int, int]]]:
    """The run times of each task by bin, of the *answer* to `make_bins`."""
    places = [bin_of(edge) for edge in edges]
    buckets = {each["key"]: each for each in answer.get("tasks", {}).get("buckets", ())}
    if "unknown" in answer:
        buckets[""] = answer["unknown"]
    for task, bucket in buckets.items():
        counts = (each["doc_count"] for each in bucket["bins"]["buckets"])
        yield task, {place: count for place, count in zip(places, counts, strict=False) if count}
