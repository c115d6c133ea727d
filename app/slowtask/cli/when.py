"""Read the times of `--since` and `--until`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from slowtask.errors import UsageError

AGO: Final = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMATS: Final = "90s, 15m, 1h, 7d, 2w, 2026-11-23 or 2026-11-23T18:30 (UTC unless it ends in +01:00)"


def parse_time(text: str, now: datetime, option: str = "--since") -> datetime:
    """Return the time that *text* names: a duration before *now*, or a date or time, by default in UTC.

    The result is aware and in UTC. Raises `UsageError`, which names *option*.
    """
    try:
        if (ago := parse_duration(text)) is not None:
            return now.astimezone(UTC) - ago
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text!a} is not a time: write {FORMATS}.") from None


def parse_duration(text: str) -> timedelta | None:
    """Return the duration that *text* names, such as 15m or 2w; None if it names none, or one too long."""
    found = AGO.fullmatch(text.strip())
    try:
        return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
    except OverflowError:
        return None
