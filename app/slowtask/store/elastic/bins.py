"""Count run times by bins (`slowtask.store.comparison`), without scripts, which need a right.

A task of many runs is counted by ranges, one for each bin; Elasticsearch returns the empty ones, too. Of a
task with fewer runs than bins each run time is counted by itself. Elasticsearch limits how many buckets an
answer has, so tasks are asked for in batches of similar ones.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil, log
from typing import Any, Final

from slowtask.store.comparison import WIDTH, ZERO
from slowtask.store.elastic.aggregations import Aggregation, Filter, without

MAX_BUCKETS: Final = 50_000  #: in one answer; a server allows 65,536 unless it is told otherwise
MAX_TASKS: Final = 1000  #: in one request
#: The parts of the answer that tell something: an empty bin is 16 bytes then.
COUNTS: Final = (
    "aggregations.tasks.buckets.key",
    "aggregations.tasks.buckets.times.buckets",
    "aggregations.tasks.buckets.bins.buckets.doc_count",
    "aggregations.unknown.times.buckets",
    "aggregations.unknown.bins.buckets.doc_count",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """The shortest and the longest run time of a task in ns, and how many runs have one."""

    low: int
    high: int
    count: int

    @property
    def bins(self) -> int:
        """How many bins there are from the first to the last, at most."""
        return bin_of(self.high) - bin_of(self.low) + 2

    @property
    def few(self) -> bool:
        """Whether all times are a shorter answer than all bins, of which two are as long as one time."""
        return 2 * self.count < self.bins

    def __or__(self, other: "Extent") -> "Extent":
        """The extent of both together."""
        return Extent(
            low=min(self.low, other.low), high=max(self.high, other.high), count=max(self.count, other.count)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tasks that one request is about.

    Attributes:
        tasks: Their names; `""` stands for unknown.
        edges: The first run time of each bin, and the end of the last; none: count each run time by itself.
        most: How many runs the task with the most has.
    """

    tasks: Sequence[str]
    edges: Sequence[int]
    most: int


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


def make_extent(times: Mapping[str, Any]) -> Extent:
    """The extent of the run times that an aggregation has seen."""
    return Extent(low=int(times["min"]), high=int(times["max"]), count=times["count"])


def make_edges(extent: Extent) -> list[int]:
    """The first run time of each bin, from that of the shortest to that of the longest, and their end."""
    first, last = max(0, bin_of(extent.low)), bin_of(extent.high)
    edges = {first_time(place) for place in range(first, last + 2)}
    return [*([0] if extent.low == 0 else []), *sorted(edges)]


def make_batches(extents: Mapping[str, Extent]) -> Iterator[Batch]:
    """Divide the tasks of *extents* so that no answer has more than MAX_BUCKETS."""
    few = sorted((each.count, task) for task, each in extents.items() if each.few)
    many = sorted((each.high, each.low, task) for task, each in extents.items() if not each.few)
    for tasks, whole in divide([task for *_, task in few], extents, lambda extent: extent.count):
        yield Batch(tasks=tasks, edges=(), most=whole.count)
    for tasks, whole in divide([task for *_, task in many], extents, lambda extent: extent.bins):
        yield Batch(tasks=tasks, edges=make_edges(whole), most=whole.count)


def divide(
    ordered: Sequence[str], extents: Mapping[str, Extent], buckets: Callable[[Extent], int]
) -> Iterator[tuple[list[str], Extent]]:
    """Divide the tasks as *ordered*; *buckets* says how many each needs within the extent of its batch."""
    tasks: list[str] = []
    whole = Extent(low=0, high=0, count=0)
    for task in ordered:
        wider = whole | extents[task] if tasks else extents[task]
        if len(tasks) == MAX_TASKS or (tasks and (len(tasks) + 1) * buckets(wider) > MAX_BUCKETS):
            yield tasks, whole
            tasks, wider = [], extents[task]
        tasks, whole = [*tasks, task], wider
    if tasks:
        yield tasks, whole


def make_task_filter(field: str, tasks: Sequence[str]) -> Filter:
    """The filter for the runs of *tasks*, which are values of *field*; `""` stands for unknown."""
    known: Filter = {"terms": {field: list(tasks)}}
    return {"bool": {"should": [known, without(field)]}} if "" in tasks else known


def make_bins(field: str, batch: Batch, times: str) -> dict[str, Aggregation]:
    """The aggregations that count the *times* of each task of *batch*, which are values of *field*."""
    inner = count_ranges(batch, times) if batch.edges else count_times(batch, times)
    terms = {"field": field, "include": list(batch.tasks), "size": len(batch.tasks)}
    unknown = {"unknown": {"filter": without(field), "aggs": inner}} if "" in batch.tasks else {}
    return {"tasks": {"terms": terms, "aggs": inner}, **unknown}


def count_ranges(batch: Batch, times: str) -> dict[str, Aggregation]:
    """The aggregation that counts the *times* in each bin of *batch*."""
    ranges = [{"from": low, "to": high} for low, high in pairwise(batch.edges)]
    return {"bins": {"range": {"field": times, "ranges": ranges}}}


def count_times(batch: Batch, times: str) -> dict[str, Aggregation]:
    """The aggregation that counts each of the *times* of the tasks of *batch*."""
    return {"times": {"terms": {"field": times, "size": batch.most}}}


def read_bins(answer: Mapping[str, Any], batch: Batch) -> Iterator[tuple[str, dict[int, int]]]:
    """The run times of each task by bin, of the *answer* to `make_bins`."""
    buckets = {each["key"]: each for each in answer.get("tasks", {}).get("buckets", ())}
    if "unknown" in answer:
        buckets[""] = answer["unknown"]
    places = [bin_of(edge) for edge in batch.edges]
    for task, bucket in buckets.items():
        yield task, read_ranges(bucket, places) if batch.edges else read_times(bucket)


def read_ranges(bucket: Mapping[str, Any], places: Sequence[int]) -> dict[int, int]:
    """The counts of `count_ranges`, by their *places*."""
    counts = (each["doc_count"] for each in bucket["bins"]["buckets"])
    return {place: count for place, count in zip(places, counts, strict=False) if count}


def read_times(bucket: Mapping[str, Any]) -> dict[int, int]:
    """The counts of `count_times`, by bin."""
    found = Counter[int]()
    for each in bucket.get("times", {}).get("buckets", ()):
        found[bin_of(each["key"])] += each["doc_count"]
    return dict(found)
