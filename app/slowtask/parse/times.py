"""Times and durations of stock lines: exact, quick, and in whole micro- and nanoseconds."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Final

from slowtask.record.event import LONG_MAX, microseconds

CACHED: Final = 20_000
THOUSANDTHS: Final = {f"{mark}{each:03}".encode(): each * 1000 for mark in ",." for each in range(1000)}
SURE: Final = 1e13  #: ns; below, a float's error is under 0.01 ns
LONGEST_NUMBER: Final = 64
BACK: Final = 3600  #: a clock that goes back by more than this has passed midnight
AHEAD: Final = 86400 - 1800  #: one that jumps ahead by more is a late line of the day before
SLACK: Final = 60  #: s that a file's time may lie before the clock of its last line


class Moments(dict[bytes, int]):
    """`2021-01-13 10:03:59`, local time → µs since the epoch; each second is worked out once.

    Raises `ValueError` for one that the calendar doesn't have.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone

    def __missing__(self, text: bytes) -> int:
        if len(self) > CACHED:
            self.clear()
        self[text] = self._exact(text)
        return self[text]

    def stamp(self, text: bytes) -> int:
        """A whole `SLOWTASK_TIME` in µs since the epoch; one with a zone of its own keeps it."""
        if (thousandth := THOUSANDTHS.get(text[19:])) is not None:
            return self[text[:19]] + thousandth
        return self._exact(text)

    def _exact(self, text: bytes) -> int:
        """`stamp`, without the cache."""
        try:
            found = datetime.fromisoformat(text.decode())
            return microseconds((found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC))
        except OverflowError as error:
            raise ValueError(text) from error


def nanoseconds(seconds: bytes) -> int:
    """`SLOWTASK_SECONDS` in ns, exact, rounded half up. Raises `ValueError` if negative or over an int64."""
    guess = float(seconds) * 1e9
    if 0 <= guess < SURE:
        found = int(guess + 0.5)
        if -0.49 < guess - found < 0.49:  # noqa: PLR2004 - far from a half: the float is right
            return found
    return _decimal(seconds)


def _decimal(seconds: bytes) -> int:
    """`nanoseconds` by decimal arithmetic."""
    if len(seconds) > LONGEST_NUMBER:
        raise ValueError(seconds[:LONGEST_NUMBER])
    with localcontext(prec=3 * LONGEST_NUMBER, Emax=999_999_999, Emin=-999_999_999):
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


def clock(text: bytes) -> int:
    """`18:47:58` as seconds of the day."""
    return int(text[:2]) * 3600 + int(text[3:5]) * 60 + int(text[6:8])


@dataclass(slots=True)
class Days:
    """The date of RQ's lines, which give only the time of day: it moves on where the clock goes back."""

    day: date
    last: int = -1  #: seconds of the day of the latest line; -1 before the first
    midnights: int = 0

    def date(self, seconds: int) -> date:
        """The date of the next line, whose clock says *seconds*."""
        if seconds - self.last > AHEAD and self.last >= 0:  # two workers, just past midnight
            return self.day - timedelta(days=1)
        if self.last - seconds > BACK:
            self.day += timedelta(days=1)
            self.midnights += 1
        self.last = seconds
        return self.day


def first_day(written: datetime, last: int, midnights: int) -> date:
    """The date of a file's first line: *written* is when the file last changed, in the lines' zone.

    No line is younger than its file: a last clock later than that is of the day before.
    """
    at = written.time()
    late = last > at.hour * 3600 + at.minute * 60 + at.second + SLACK
    return written.date() - timedelta(days=midnights + late)


def instant(day: date, seconds: int, zone: tzinfo) -> int:
    """µs since the epoch when a clock in *zone* shows *seconds* of *day*."""
    at = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    return microseconds(datetime.combine(day, at, zone).astimezone(UTC))
