"""`--since` and `--until`: a time back from now, or a date or time; UTC where it names no zone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from slowtask.errors import UsageError

BACK: Final = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
ADVICE: Final = "write 90s, 15m, 1h, 7d, 2w, 2026-11-23 or 2026-11-23T18:30 (UTC unless it ends in +01:00)"


def moment(text: str, now: datetime, option: str = "--since") -> datetime:
    """The time that *text* means at *now*: aware, UTC. Raises `UsageError` naming *option*."""
    try:
        if back := BACK.fullmatch(text.strip()):
            return now.astimezone(UTC) - timedelta(**{UNITS[back[2]]: int(back[1])})
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text!a} is no time: {ADVICE}.") from None
