"""Cover a period by as few cells as possible: months, then days, and hours at its edges."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, get_args

from slowtask.record.event import moment
from slowtask.store.slots import DAY, Unit

Span = Literal["month", "day", "hour"]  #: what a cell covers
SPANS: Final[tuple[Span, ...]] = get_args(Span)  #: the widest first
LONGEST: Final = {"month": timedelta(days=31), "day": timedelta(days=1), "hour": timedelta(hours=1)}
NARROWER: Final[dict[Span, Span]] = dict(pairwise(SPANS))
LAST: Final = datetime(9999, 12, 1, tzinfo=UTC)  #: later cells aren't read


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a period that cells of one span cover."""

    span: Span
    begin: datetime | None  #: None: as early as there are cells
    end: datetime


def cover(begin: datetime | None, end: datetime, widest: Span = "month") -> list[Piece]:
    """Cover the full hours from *begin* to *end* by cells no wider than *widest*, in order of time."""
    if begin is not None and begin >= end:
        return []
    if widest == "hour":
        return [Piece(span="hour", begin=begin, end=end)]
    first, last = ceil_to(begin, widest), floor_to(end, widest)
    narrower = NARROWER[widest]
    if first is not None and first >= last:
        return cover(begin, end, narrower)
    before = [] if begin is None or first is None else cover(begin, first, narrower)
    return [*before, Piece(span=widest, begin=first, end=last), *cover(last, end, narrower)]


def widest_span(width: int, unit: Unit | None) -> Span:
    """The widest cells that are whole in each slot."""
    if unit:
        return "month"
    return "hour" if width % DAY else "day"


def floor_to(time: datetime, span: Span) -> datetime:
    """The beginning of the *span* in which *time* is."""
    hour = time.replace(minute=0, second=0, microsecond=0)
    if span == "hour":
        return hour
    return hour.replace(hour=0, day=1 if span == "month" else hour.day)


def ceil_to(time: datetime | None, span: Span) -> datetime | None:
    """The first beginning of a *span* at *time* or later."""
    if time is None or (begin := floor_to(time, span)) == time:
        return time
    return floor_to(begin + LONGEST[span], span)


def end_of_hour(microseconds: int) -> datetime:
    """The end of the hour in which a run ended."""
    try:
        return min(LAST, floor_to(moment(microseconds), "hour") + LONGEST["hour"])
    except OverflowError:
        return LAST
