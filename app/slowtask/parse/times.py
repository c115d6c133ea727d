"""PARSE: read times and durations of stock lines, fast and exact, as whole micro- and nanoseconds."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Final

from slowtask.record.event import LONG_MAX, microseconds

MAX_CACHED_SECONDS: Final = 20_000
#: `,202` and `.202` in µs.
MILLISECONDS: Final = {f"{mark}{each:03}".encode(): each * 1000 for mark in ",." for each in range(1000)}
MAX_EXACT_FLOAT: Final = 1e13  #: ns; below it a float's error is under 0.01 ns
MAX_NUMBER_LENGTH: Final = 64  #: characters
MAX_CLOCK_DROP: Final = 3600  #: seconds; a clock that goes back by more has passed midnight
MAX_CLOCK_JUMP: Final = 86400 - 1800  #: seconds; a clock that jumps ahead by more is a late line of yesterday
MTIME_TOLERANCE: Final = 60  #: seconds by which a file's last change may lie before its last line


class TimestampCache(dict[bytes, int]):
    """Times in µs since the epoch by their text, `2021-01-13 10:03:59`; each second is worked out once.

    Raises `ValueError` for a time that the calendar doesn't have.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone

    def __missing__(self, text: bytes) -> int:
        if len(self) > MAX_CACHED_SECONDS:
            self.clear()
        self[text] = self._convert(text)
        return self[text]

    def stamp(self, text: bytes) -> int:
        """Read a whole `SLOWTASK_TIME` as µs since the epoch; a zone in it is respected."""
        if (thousandth := MILLISECONDS.get(text[19:])) is not None:
            return self[text[:19]] + thousandth
        return self._convert(text)

    def _convert(self, text: bytes) -> int:
        """Do the same without the cache."""
        try:
            found = datetime.fromisoformat(text.decode())
            return microseconds((found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC))
        except OverflowError as error:
            raise ValueError(text) from error


def nanoseconds(seconds: bytes) -> int:
    """Read `SLOWTASK_SECONDS` as ns, rounded half up. Raises `ValueError` if negative or over an int64."""
    guess = float(seconds) * 1e9
    if 0 <= guess < MAX_EXACT_FLOAT:
        found = int(guess + 0.5)
        if -0.49 < guess - found < 0.49:  # noqa: PLR2004 - far from a half: the float is right
            return found
    return _decimal(seconds)


def _decimal(seconds: bytes) -> int:
    """Do the same by decimal arithmetic, which is always exact."""
    if len(seconds) > MAX_NUMBER_LENGTH:
        raise ValueError(seconds[:MAX_NUMBER_LENGTH])
    with localcontext(prec=3 * MAX_NUMBER_LENGTH, Emax=999_999_999, Emin=-999_999_999):
        try:
            number = Decimal(seconds.decode())
            if not 0 <= number <= LONG_MAX:
                raise ValueError(seconds)
            found = int((number * 1_000_000_000).to_integral_value(ROUND_HALF_UP))
        except InvalidOperation as error:
            raise ValueError(seconds) from error
    if found > LONG_MAX:
        raise ValueError(seconds)
    return found


def seconds_of_day(text: bytes) -> int:
    """Read `18:47:58` as seconds of the day."""
    return int(text[:2]) * 3600 + int(text[3:5]) * 60 + int(text[6:8])


@dataclass(slots=True)
class DateTracker:
    """Follows the date of lines that give only a time of day: it moves on when the clock goes back."""

    day: date
    last: int = -1  #: seconds of the day of the latest line; -1 before the first
    midnights: int = 0
    guessed: bool = False  #: by when the file was changed, or by today

    def date(self, seconds: int) -> date:
        """Take the next line, whose clock shows *seconds*, and return its date."""
        if seconds - self.last > MAX_CLOCK_JUMP and self.last >= 0:  # two workers, just past midnight
            return self.day - timedelta(days=1)
        if self.last - seconds > MAX_CLOCK_DROP:
            self.day += timedelta(days=1)
            self.midnights += 1
        self.last = seconds
        return self.day


def first_day(written: datetime, last: int, midnights: int) -> date:
    """The date of a file's first line, from when it was last changed: *written*, in the zone of the lines.

    *last* is its last time of day, *midnights* how many it passed. No line is younger than its file: if the
    last time is later than the change, it is of the day before.
    """
    at = written.time()
    late = last > at.hour * 3600 + at.minute * 60 + at.second + MTIME_TOLERANCE
    return written.date() - timedelta(days=midnights + late)


def timestamp_at(day: date, seconds: int, zone: tzinfo) -> int:
    """µs since the epoch when a clock in *zone* shows *seconds* of *day*."""
    at = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    return microseconds(datetime.combine(day, at, zone).astimezone(UTC))
