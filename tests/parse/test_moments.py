"""Dates and times in the forms that programs log, and what two clocks say together."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from slowtask.parse.moments import join_clocks, parse_moment, stamp_moment
from slowtask.record.event import microseconds

EAST = timezone(timedelta(hours=2))
DAY = date(2024, 12, 14)
CLOCK = (19 * 3600 + 9 * 60 + 31) * 1_000_000


@pytest.mark.parametrize(
    ("text", "day", "micro", "zone", "precision"),
    [
        ("2024-12-14 19:09:31", DAY, 0, None, 10**9),
        ("2024-12-14 19:09:31,202", DAY, 202_000, None, 10**6),
        ("2024/12/14 19:09:31.5", DAY, 500_000, None, 10**8),
        ("2024-12-14T19:09:31.123456789Z", DAY, 123_456, UTC, 1000),
        ("2024-12-14T19:09:31+0200", DAY, 0, EAST, 10**9),
        ("2024-12-14 19:09:31 UTC", DAY, 0, UTC, 10**9),
        ("20241412 19:09:31", DAY, 0, None, 10**9),
        ("20241214 19:09:31", DAY, 0, None, 10**9),
        ("14.12.2024 19:09:31", DAY, 0, None, 10**9),
        ("12/14/2024 07:09:31 PM", DAY, 0, None, 10**9),
        ("14/Dec/2024:19:09:31 +0000", DAY, 0, UTC, 10**9),
        ("Dec 14, 2024 @ 19:09:31.202", DAY, 202_000, None, 10**6),
        ("Sat Dec 14 19:09:31 2024", DAY, 0, None, 10**9),
        ("14-Dec-2024 19:09:31", DAY, 0, None, 10**9),
        ("19:09:31", None, 0, None, 10**9),
        ("07:09:31 PM", None, 0, None, 10**9),
        ("1734203371.5", DAY, 500_000, UTC, 10**8),
        ("1734203371500", DAY, 500_000, UTC, 10**6),
    ],
)
def test_a_time_is_read_in_every_form(text, day, micro, zone, precision):
    moment = parse_moment(text.encode())

    assert (moment.day, moment.clock, moment.precision) == (day, CLOCK + micro, precision)
    assert (moment.zone is None) == (zone is None)
    if zone is not None:
        assert moment.zone.utcoffset(None) == zone.utcoffset(None)


def test_a_time_of_syslog_has_no_year():
    moment = parse_moment(b"Feb 29 19:09:31")

    assert (moment.day.month, moment.day.day, moment.has_year) == (2, 29, False)


@pytest.mark.parametrize(
    "text", [b"2024-02-30 10:00:00", b"2024-13-14 10:00:00", b"25:00:00", b"Dec 32 10:00:00", b""]
)
def test_a_time_that_does_not_exist_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - of the calendar, in its own words
        parse_moment(text)


@pytest.mark.parametrize(
    ("inner", "outer", "joined"),
    [
        ("2024-12-14 19:09:31,001", "2024-12-14T19:09:31.002Z", "2024-12-14T19:09:31.001"),
        ("2024-12-14 21:09:31,001", "2024-12-14T19:09:31.002Z", "2024-12-14T19:09:31.001"),
        ("2024-12-15 00:39:31,001", "2024-12-14T19:09:31.002Z", "2024-12-14T19:09:31.001"),
        ("2024-12-14 21:09:31,001", "2024-12-14 19:09:31", "2024-12-14T21:09:31.001"),
        ("2024-12-14 19:39:31,001", "2024-12-14T19:09:31Z", "2024-12-14T19:09:31.001"),
        ("2024-12-14 19:05:31,001", "2024-12-14T19:09:31Z", "2024-12-14T19:05:31.001"),
        ("2024-12-14T19:09:31+02:00", "2024-12-14T19:09:31Z", "2024-12-14T17:09:31"),
        ("19:09:31", "2024-12-14T19:09:32.5Z", "2024-12-14T19:09:31"),
        ("21:09:31", "2024-12-14T19:09:31.5Z", "2024-12-14T19:09:31"),
        ("23:59:59", "2024-12-15T00:00:01Z", "2024-12-14T23:59:59"),
        ("23:59:59", "2024-12-15 00:00:01", "2024-12-14T23:59:59"),
        ("00:00:01", "2024-12-14 23:59:59", "2024-12-15T00:00:01"),
    ],
)  # fmt: skip
def test_a_carrier_s_clock_completes_a_line_s_own(inner, outer, joined):
    found = join_clocks(parse_moment(inner.encode()), parse_moment(outer.encode()), UTC)

    assert found == microseconds(datetime.fromisoformat(joined).replace(tzinfo=UTC))


def test_a_carrier_without_a_date_completes_nothing():
    assert join_clocks(parse_moment(b"19:09:31"), parse_moment(b"19:09:32"), UTC) is None


def test_a_moment_is_of_its_own_zone_or_of_the_given_one():
    bare, own = parse_moment(b"2024-12-14 19:09:31"), parse_moment(b"2024-12-14 19:09:31 UTC")

    assert stamp_moment(bare, EAST) == stamp_moment(own, EAST) - 2 * 3_600_000_000
