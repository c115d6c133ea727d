"""PARSE: read a date, a time of day or both in the forms that programs log, and join what two clocks say.

The patterns are in `logstash/patterns/times`. A wrapper's time and that of the line within it show the same
moment: one may have the date that the other lacks, or the zone.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from slowtask.record.event import SECOND, microseconds

DAY: Final = 86_400_000_000  #: µs
QUARTER: Final = 900_000_000  #: µs; zones differ by whole quarters of an hour
MAX_DELAY: Final = 120_000_000  #: µs by which a carrier's time may differ from that of the line it carries
MAX_ZONE: Final = 14 * 3_600_000_000  #: µs; no zone is further from UTC
MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
CLOCK: Final = re.compile(
    rb"(?<!\d)(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?([AaPp])[Mm]\b)?(?: ?(Z|UTC|GMT|[-+]\d\d:?\d\d))?"
)
EPOCH_TIME: Final = re.compile(rb"(\d{10})(?:\.(\d{1,9})|(\d{3}))?$")
BIG_ENDIAN: Final = re.compile(rb"(\d{4})[-/.](\d\d)[-/.](\d\d)[ T_]")
COMPACT: Final = re.compile(rb"(\d{4})(\d\d)(\d\d)[ T_]")
LITTLE_ENDIAN: Final = re.compile(rb"(\d\d)[-/.](\d\d)[-/.](\d{4})")
NAMED_MONTH: Final = re.compile(rb"(?:^|[ /-])(%s)(?:[ /-]|$)" % b"|".join(MONTHS))
NUMBERS: Final = re.compile(rb"\d+")
LEAP_YEAR: Final = 2000
YEAR_LENGTH: Final = 4


class Moment(NamedTuple):
    """A time as a line shows it."""

    day: date | None  #: None: only a time of day
    clock: int  #: µs since midnight
    zone: tzinfo | None  #: None: the line doesn't name one
    precision: int  #: ns: the last digit that is shown
    has_year: bool = True  #: False: the year of `day` is a leap year that means nothing


def parse_moment(text: bytes) -> Moment:
    """Read what the pattern `TIME_ANY` matches. Raises `ValueError` for a time that doesn't exist."""
    if epoch := EPOCH_TIME.match(text):
        return _parse_epoch(*epoch.groups())
    found = CLOCK.search(text)
    if found is None:
        raise ValueError(text)
    hours, minutes, seconds, fraction, half, zone = found.groups()
    digits = fraction or b""
    hour = int(hours) % 12 + 12 * (half in b"pP") if half else int(hours)
    clock = time(hour, int(minutes), int(seconds))
    micro = (clock.hour * 3600 + clock.minute * 60 + clock.second) * 1_000_000 + int(
        digits[:6].ljust(6, b"0")
    )
    day, has_year = _parse_day(text[: found.start()], text[found.end() :])
    return Moment(day, micro, _parse_zone(zone), SECOND // 10 ** min(len(digits), 6), has_year)


def _parse_epoch(seconds: bytes, fraction: bytes | None, thousandths: bytes | None) -> Moment:
    """The moment so many seconds after 1970."""
    digits = fraction or thousandths or b""
    at = datetime.fromtimestamp(int(seconds), UTC)
    clock = (at.hour * 3600 + at.minute * 60 + at.second) * 1_000_000 + int(digits[:6].ljust(6, b"0"))
    return Moment(at.date(), clock, UTC, SECOND // 10 ** min(len(digits), 6))


def _parse_zone(text: bytes | None) -> tzinfo | None:
    """The zone that a time names: `Z`, `UTC`, `+0100`."""
    if text is None:
        return None
    return UTC if text[:1] in b"ZUG" else datetime.strptime(text.decode(), "%z").tzinfo


def _parse_day(before: bytes, after: bytes) -> tuple[date | None, bool]:
    """The date around a time of day, and whether it has a year."""
    if match := BIG_ENDIAN.match(before):
        return date(int(match[1]), int(match[2]), int(match[3])), True
    if match := COMPACT.match(before):
        return _make_day(int(match[1]), int(match[2]), int(match[3])), True
    if match := LITTLE_ENDIAN.match(before):
        return _make_day(int(match[3]), int(match[2]), int(match[1])), True
    if match := NAMED_MONTH.search(before):
        numbers = NUMBERS.findall(before + b" " + after)
        years = [int(each) for each in numbers if len(each) == YEAR_LENGTH]
        days = [int(each) for each in numbers if len(each) < YEAR_LENGTH - 1]
        return date(years[0] if years else LEAP_YEAR, MONTHS[match[1]], days[0] if days else 0), bool(years)
    return None, True


def _make_day(year: int, month: int, day: int) -> date:
    """The date of three numbers; if there is no such month, month and day are the other way round."""
    return date(year, month, day) if month <= 12 else date(year, day, month)  # noqa: PLR2004 - months


def stamp_moment(moment: Moment, zone: tzinfo) -> int:
    """*moment*, which has a date, in µs since the epoch; *zone* is that of a moment without one."""
    day = moment.day or date.min
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    local = microseconds(midnight) + moment.clock
    named = moment.zone or zone
    if named is UTC:
        return local
    at = datetime.combine(day, time(), named) + timedelta(microseconds=moment.clock)
    return microseconds(at.astimezone(UTC))


def join_clocks(inner: Moment, outer: Moment, zone: tzinfo) -> int | None:
    """The µs since the epoch that *inner* shows, helped by *outer*, when a program carried the line on.

    A date that *inner* lacks is that of *outer*. If *outer* names its zone, the zone of *inner* is the one by
    which both agree. None if *outer* has no date to help with.
    """
    if inner.zone is not None and inner.day is not None:
        return stamp_moment(inner, zone)
    if outer.day is None:
        return stamp_moment(inner, zone) if inner.day is not None else None
    if inner.day is not None:
        return _infer_zone(inner, outer, zone)
    return _infer_date(inner, outer, zone)


def _infer_zone(inner: Moment, outer: Moment, zone: tzinfo) -> int:
    """The moment of *inner*, which has a date, by the zone in which it agrees with *outer*."""
    if outer.zone is None or not outer.has_year:
        return stamp_moment(inner, zone)
    local, carried = stamp_moment(inner, UTC), stamp_moment(outer, zone)
    shift = _round(local - carried, QUARTER)
    agree = abs(local - carried - shift) <= MAX_DELAY and abs(shift) <= MAX_ZONE
    return local - shift if agree else stamp_moment(inner, zone)


def _infer_date(inner: Moment, outer: Moment, zone: tzinfo) -> int:
    """The moment of *inner*, a time of day, that is nearest to *outer*."""
    carried = stamp_moment(outer, zone)
    if outer.zone is not None and inner.zone is None:  # its zone is any
        return carried + _nearest(inner.clock - carried % DAY, QUARTER)
    same = stamp_moment(inner._replace(day=outer.day), outer.zone or zone)
    return carried + _nearest(same - carried, DAY)


def _round(number: int, step: int) -> int:
    """*number* rounded to a multiple of *step*."""
    return (number + step // 2) // step * step


def _nearest(difference: int, step: int) -> int:
    """*difference* less as many whole *step*s as bring it near 0."""
    return difference - _round(difference, step)
