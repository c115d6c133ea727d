"""Divide the time of a task into slots that people know: of a fixed width, or calendar months and longer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

SECOND: Final = 1_000_000  #: µs
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
#: Familiar widths, which divide a day or are whole days. A wider slot is whole weeks.
WIDTHS: Final = (
    *(each * SECOND for each in (1, 2, 5, 10, 15, 30)),
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 3)),
)
WEEK: Final = 7 * DAY

Unit = Literal["month", "quarter", "year"]
MONTHS: Final[Mapping[Unit, int]] = {"month": 1, "quarter": 3, "year": 12}
MIN_UNITS: Final = 5  #: months; a shorter time has slots of weeks
MAX_UNITS: Final = 25  #: months or quarters; a longer time has the next longer unit
LONGEST_MONTH: Final = 31 * DAY  #: µs


def fit_slot_width(first: int, last: int, slots: int) -> int:
    """The least familiar width with which *slots* slots hold all from *first* to *last* (µs)."""
    for each in WIDTHS:
        if last // each - first // each < slots:
            return each
    return WEEK * max(1, -(-(last - first) // (WEEK * (slots - 1))))


def choose_width(first: int, last: int, slots: int) -> tuple[int, Unit | None]:
    """How wide slots from *first* to *last* (µs) are, in µs, and of which unit; None: all are as wide.

    There are at most *slots*, and no more than 25 of a unit. A unit's width is that of the longest.
    """
    width = fit_slot_width(first, last, slots)
    if width <= WEEK or _count(first, last, "month") < MIN_UNITS:
        return width, None
    units = [unit for unit in MONTHS if _count(first, last, unit) <= MAX_UNITS]
    unit = units[0] if units else "year"
    return LONGEST_MONTH * MONTHS[unit], unit


def begin_of_slot(at: int, width: int, unit: Unit | None) -> int:
    """Where the slot begins in which *at* (µs) is."""
    return at // width * width if unit is None else _begin(_number(at, unit), unit)


def end_of_slot(begin: int, width: int, unit: Unit | None) -> int:
    """Where the slot ends that begins at *begin* (µs)."""
    return begin + width if unit is None else _begin(_number(begin, unit) + 1, unit)


def _count(first: int, last: int, unit: Unit) -> int:
    """How many slots of *unit* hold all from *first* to *last*."""
    return _number(last, unit) - _number(first, unit) + 1


def _number(at: int, unit: Unit) -> int:
    """The number of the *unit* in which *at* is, counted from the year 0."""
    time = datetime.fromtimestamp(at / 1e6, UTC)
    return (time.year * 12 + time.month - 1) // MONTHS[unit]


def _begin(number: int, unit: Unit) -> int:
    """Where the *unit* of this *number* begins, in µs."""
    year, month = divmod(number * MONTHS[unit], 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
