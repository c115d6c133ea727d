"""Find out which hours are rolled up, and whether each hour is read from its cells or from its runs.

All times are in ms since the epoch.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from elasticsearch import NotFoundError

from slowtask.store import Query
from slowtask.store.elastic.aggregations import Aggregation, Filter, milliseconds
from slowtask.store.elastic.search import Search
from slowtask.store.rollup.spans import SPANS, Span

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
FOREVER: Final = 253_402_300_800_000  #: the year 10000
#: The spans that are no wider than each.
NARROW: Final[Mapping[Span, tuple[Span, ...]]] = {each: SPANS[place:] for place, each in enumerate(SPANS)}
#: The parts of an answer that tell something.
PARTS: Final = ("aggregations.**.key", "aggregations.**.doc_count")

Counts = Mapping[int, int]  #: runs, by the beginning of their hour, day or month
Limits = tuple[int, int]  #: where some time begins, and where it ends
Piece = tuple[Span, Limits]  #: the cells of one kind that begin within some time


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How many runs are in cells."""

    hour: Counts = field(default_factory=dict)
    day: Counts = field(default_factory=dict)
    month: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """From where the time of a query is read.

    Attributes:
        pieces: The cells that are read.
        closed: The time of which no runs are read.
        until: Where the last cell ends.
        since_moved: The full hour that counts as the query's since, if that is inside a rolled-up hour.
        until_moved: The same of its until.
    """

    pieces: tuple[Piece, ...]
    closed: tuple[Limits, ...]
    until: datetime
    since_moved: datetime | None
    until_moved: datetime | None


def hour_limits(query: Query) -> Limits:
    """The whole hours that *query* touches."""
    since = 0 if query.since is None else milliseconds(query.since)
    until = FOREVER if query.until is None else milliseconds(query.until)
    return floor(since), -floor(-until)


def floor(time: int, width: int = HOUR) -> int:
    """Where the hour of *time* begins, or a day, by its *width*."""
    return time // width * width


def month_of(time: int) -> int:
    """Where the month of *time* begins."""
    start = datetime.fromtimestamp(time / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return milliseconds(start)


def end_of(span: Span, start: int) -> int:
    """Where the hour, day or month that begins at *start* ends."""
    if span == "month":
        return month_of(start + 31 * DAY)
    return start + (HOUR if span == "hour" else DAY)


def make_range(limits: Limits) -> Filter:
    """The filter for the time within *limits*."""
    return {"range": {"@timestamp": {"gte": limits[0], "lt": limits[1], "format": "epoch_millis"}}}


def count_kept(search: Search, limits: Limits) -> Kept:
    """Count the runs in the cells that begin within *limits*; none without an index."""
    aggs: Aggregation = {
        span: {"filter": {"term": {"rollup.span": span}}, "aggs": {"starts": by_time(span)}} for span in SPANS
    }
    try:
        found = search.aggregate([make_range(limits)], aggs, *PARTS)
    except NotFoundError:
        return Kept()
    return Kept(**{span: read_counts(found.get(span, {}).get("starts", {})) for span in SPANS})


def count_runs(search: Search, limits: Limits) -> Counts:
    """Count the runs of each hour within *limits*."""
    found = search.aggregate([make_range(limits)], {"starts": by_time("hour")}, *PARTS)
    return read_counts(found.get("starts", {}))


def by_time(span: Span) -> Aggregation:
    """Count by hour, day or month, in UTC."""
    return {"date_histogram": {"field": "@timestamp", "calendar_interval": span, "min_doc_count": 1}}


def read_counts(answer: Mapping[str, Any]) -> Counts:
    """The counts of a date histogram."""
    return {int(each["key"]): each["doc_count"] for each in answer.get("buckets", ())}


def find_seam(
    kept: Kept, runs: Counts, query: Query, width: int = HOUR, widest: Span = "month"
) -> Seam | None:
    """Decide from where the time of *query* is read; None if all of it is read from runs.

    An hour is read from its cells if more runs are in them than are stored now. So are the other hours of the
    same slot of *width* ms, if all their runs are in cells. No cells wider than *widest* are read.
    """
    rolled = find_rolled_hours(kept.hour, runs, width)
    closed = tuple(join_hours(rolled, {*kept.hour, *runs}, hour_limits(query)))
    if not closed:
        return None
    end = FOREVER if query.until is None else floor(milliseconds(query.until))
    complete = {span: starts for span, starts in find_complete(kept).items() if span in NARROW[widest]}
    hours = sorted(kept.hour)
    pieces = [each for first, last in closed for each in cover((first, min(last, end)), hours, complete)]
    return Seam(
        pieces=tuple(pieces),
        closed=closed,
        until=moment_of(min(end, max(rolled) + HOUR)),
        since_moved=move(query.since, rolled),
        until_moved=move(query.until, rolled),
    )


def find_rolled_hours(kept: Counts, runs: Counts, width: int) -> set[int]:
    """The hours that are read from cells."""
    slots = {hour // width for hour, count in kept.items() if count > runs.get(hour, 0)}
    return {hour for hour, count in kept.items() if hour // width in slots and count >= runs.get(hour, 0)}


def move(limit: datetime | None, rolled: Collection[int]) -> datetime | None:
    """The beginning of the hour of *limit*, if that is another time, and the hour is among the *rolled*."""
    if limit is None:
        return None
    hour = floor(milliseconds(limit))
    return moment_of(hour) if hour in rolled and hour != milliseconds(limit) else None


def moment_of(time: int) -> datetime:
    """*time* as a datetime."""
    return datetime.fromtimestamp(time / 1000, UTC)


def join_hours(rolled: Collection[int], hours: Collection[int], limits: Limits) -> Iterator[Limits]:
    """Join those of *hours* that are *rolled*, and the empty time around them up to the next run."""
    begin, found = limits[0], False
    for hour in sorted(hours):
        if hour in rolled:
            found = True
        else:
            if found:
                yield begin, hour
            begin, found = hour + HOUR, False
    if found:
        yield begin, limits[1]


def cover(limits: Limits, hours: Sequence[int], complete: Mapping[Span, set[int]]) -> list[Piece]:
    """Choose the fewest cells that have all of the rolled-up *hours* within *limits*."""
    pieces = [choose(hour, limits, complete) for hour in hours if limits[0] <= hour < limits[1]]
    found = []
    for span, group in groupby(pieces, key=lambda piece: piece[0]):
        starts = [start for _, start in group]
        found.append((span, (starts[0], end_of(span, starts[-1]))))
    return found


def find_complete(kept: Kept) -> dict[Span, set[int]]:
    """The months and days whose cells have all runs that those of their hours have."""
    days, months = Counter[int](), Counter[int]()
    for hour, count in kept.hour.items():
        days[floor(hour, DAY)] += count
    for day, count in days.items():
        months[month_of(day)] += count
    return {
        "day": {start for start, count in kept.day.items() if count >= days[start]},
        "month": {start for start, count in kept.month.items() if count >= months[start]},
    }


def choose(hour: int, limits: Limits, complete: Mapping[Span, set[int]]) -> tuple[Span, int]:
    """The largest cells that have *hour* and are all within *limits*: what they span, and their start."""
    day = floor(hour, DAY)
    starts: dict[Span, int] = {"month": month_of(hour), "day": day}
    for span, start in starts.items():
        if start in complete.get(span, ()) and limits[0] <= start and end_of(span, start) <= limits[1]:
            return span, start
    return "hour", hour
