from datetime import UTC, datetime, timedelta

import pytest

from slowtask.cli.when import parse_time
from slowtask.errors import UsageError

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_counts_back_from_now(text, back):
    assert parse_time(text, NOW) == NOW - back


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20 08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T08:30:01.5", datetime(2026, 11, 20, 8, 30, 1, 500_000, tzinfo=UTC)),
        ("2026-11-20T08:30:00Z", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T08:30:00+02:00", datetime(2026, 11, 20, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_has_an_offset(text, time):
    found = parse_time(text, NOW)

    assert found == time
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "foo", "1", "h", "1.5h", "-1h", "1y", "2026-13-01", "٣h", "999999999w", "1h\n2h"]
)
def test_what_is_no_time_is_refused_with_what_to_write(text):
    with pytest.raises(UsageError, match=r"--until .* is not a time: write 90s"):
        parse_time(text, NOW, "--until")
