"""Write times and time slots as text."""

from datetime import UTC, datetime
from typing import Final

DAY: Final = 86_400_000_000  #: µs
NAMES: Final = ((7 * DAY, "week"), (DAY, "day"), (DAY // 24, "hour"), (DAY // 1440, "minute"))


def width(microseconds: int) -> str:
    """The width of a slot: `hour`, `6 hours`, `30 seconds`."""
    for size, name in NAMES:
        if microseconds >= size and microseconds % size == 0:
            count = microseconds // size
            return name if count == 1 else f"{count:,} {name}s"
    seconds = microseconds // 1_000_000
    return "second" if seconds == 1 else f"{seconds} seconds"


def slot(at: int, wide: int) -> str:
    """The slot that begins at *at* (µs): `6 Nov 2026 09:00 … 09:05`; slots of whole days have no hours."""
    start, end = (datetime.fromtimestamp(each / 1e6, UTC) for each in (at, at + wide))
    if wide >= DAY:
        last = datetime.fromtimestamp((at + wide - DAY) / 1e6, UTC)
        return _day(start) if wide == DAY else f"{_day(start)} \N{EN DASH} {_day(last)}"
    clock = "%H:%M" if wide % 60_000_000 == 0 else "%H:%M:%S"
    return f"{_day(start)} {start:{clock}} \N{EN DASH} {end:{clock}}"


def _day(time: datetime) -> str:
    """The date of *time*: `6 Nov 2026`."""
    return f"{time.day} {time:%b %Y}"


def period(first: int, last: int) -> str:
    """The time from *first* to *last* (µs), with the year, since a report may be read in a later one."""
    start, end = (datetime.fromtimestamp(each / 1e6, UTC) for each in (first, last))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{_day(end)} {end:%H:%M}"
    return f"{_day(start)} {start:%H:%M} \N{EN DASH} {until} UTC"
