"""WATCH: find out whether a value, such as a task's run time, has become larger than it was.

Two tests, both on logarithms, where a factor is a difference:

- `compare` takes two samples, such as the runs of the last version and of the new one: Mann and Whitney's U.
- `Level` takes a stream of values. It cuts them into intervals and compares the last ones with those before:
  the trimmed mean by Yuen's error, or by how much the intervals themselves vary, if that is more.

Neither alarms unless the lower quartile has moved too: when only the mix of small and large jobs changes, it
stays. The thresholds come from simulations, see bench/bench_changes.py.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression, median
from typing import Final, NamedTuple

INTERVAL: Final = 900.0  #: seconds that an interval lasts at least
#: Values that it has at least, for each unit of their variance: two intervals then show a factor of 1.3.
RUNS_PER_VARIANCE: Final = 720
MIN_RUNS: Final = 20
MAX_RUNS: Final = 480  #: that an interval waits for; if there are more, only the last ones count
MAX_INTERVALS: Final = 200  #: two days, if no interval is longer than `INTERVAL`
REFERENCE: Final = 12  #: intervals before, that the last ones are compared with
MIN_REFERENCE: Final = 4
MIN_VARIED: Final = 5  #: intervals before, to know how much they vary
RECENT: Final = (1, 2, 4, 8)  #: so many of the last intervals are compared
MIN_Z: Final = 4.6  #: standard errors that a difference must have
FLOOR: Final = 1.2  #: a smaller factor is too small to matter, however certain it is
LARGE: Final = 2.0  #: a factor of a release from which on `MIN_LARGE_Z` is enough
MIN_LARGE_Z: Final = 3.8
SUDDEN_Z: Final = 6.0  #: the same for an interval that isn't over yet
SUDDEN_FLOOR: Final = 1.5  #: also for the first day, of which no day before shows what is usual
ONE_INTERVAL: Final = 1.1  #: times the floor, for one interval alone: noise that lasts for an hour fills it
OVER: Final = 1.1  #: a factor below it is no longer a change
LOW_SHARE: Final = 2 / 3  #: of the whole difference: the lower quartile must have moved as far
LOW_SHARE_OF_RELEASE: Final = 1 / 3  #: a release changes code rather than the mix, and has few runs
TRIM: Final = 0.1  #: of the values at each end
TRIM_LEVELS: Final = 0.25  #: of the intervals before, at each end
TRIM_COST: Final = 1.2  #: the variance of their trimmed mean over that of a mean
DAY: Final = 86400.0
SLACK: Final = 1800.0  #: seconds: a daily job isn't quite punctual


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A value that is larger than it was."""

    before: float
    now: float
    since: float  #: seconds since the epoch
    runs: int  #: that show it

    @property
    def factor(self) -> float:
        """How many times as large it is."""
        return self.now / self.before


class Interval(NamedTuple):
    """The values of one interval, as logarithms."""

    begin: float  #: seconds since the epoch
    end: float
    runs: float
    level: float  #: the trimmed mean
    low: float  #: the lower quartile
    spread: float  #: the standard deviation of the values, by those that aren't trimmed


FIELDS: Final = len(Interval._fields)
LEVEL: Final = Interval._fields.index("level")


def summarise(logs: Sequence[float], begin: float = 0.0, end: float = 0.0) -> Interval:
    """The interval from *begin* to *end* that has the values *logs*."""
    ordered = sorted(logs)
    cut = int(TRIM * len(ordered))
    inner = ordered[cut : len(ordered) - cut]
    clipped = [inner[0]] * cut + inner + [inner[-1]] * cut
    middle = fmean(clipped)
    variance = sum((each - middle) ** 2 for each in clipped) / max(1, len(clipped) - 1)
    spread = math.sqrt(variance) / (1 - 2 * TRIM)
    return Interval(begin, end, len(logs), fmean(inner), ordered[len(ordered) // 4], spread)


def compare(before: Sequence[float], after: Sequence[float], since: float) -> tuple[float, Shift]:
    """How certain it is that the values *after* are larger than those *before*, in standard errors.

    Returns:
        That, and by how much they are. Both are logarithms, and neither is empty.
    """
    old, new = summarise(before), summarise(after)
    shift = Shift(before=math.exp(old.level), now=math.exp(new.level), since=since, runs=len(after))
    moved = new.level - old.level
    whole = new.low - old.low >= moved * LOW_SHARE_OF_RELEASE
    return (rank_z(before, after) if whole else 0.0), shift


def is_sure(z: float, shift: Shift) -> bool:
    """Whether a difference of *z* standard errors is large and certain enough."""
    return z >= (MIN_Z if shift.factor < LARGE else MIN_LARGE_Z) and shift.factor >= FLOOR


def rank_z(before: Sequence[float], after: Sequence[float]) -> float:
    """Mann and Whitney's U of *after* over *before*, in standard deviations."""
    ordered = sorted(before)
    wins = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in after) / 2
    n, m = len(before), len(after)
    return (wins - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


class Level:
    """Where a stream of positive values is, and whether it has shifted upwards."""

    def __init__(self, floor: float = FLOOR) -> None:
        self._floor = floor
        self._numbers = array("d")  #: the intervals that are over, one after another
        self._logs: list[float] = []  #: of the interval that isn't
        self._begin, self._end = 0.0, 0.0
        self._runs = 0
        self._needed = MIN_RUNS
        self._next_check = MIN_RUNS
        self.ended = 0  #: intervals that are over
        self.shift: Shift | None = None

    def add(self, value: float, at: float) -> None:
        """Take the next *value*, which was measured *at* so many seconds since the epoch."""
        if at - self._begin >= INTERVAL and self._runs >= self._needed:
            self._end_interval()
        if not self._runs:
            self._begin = at
        self._end = at
        self._runs += 1
        self._logs.append(math.log(max(value, 1e-9)))
        if len(self._logs) >= 2 * MAX_RUNS:
            del self._logs[:-MAX_RUNS]
        if self._runs == self._next_check:
            self._next_check *= 2
            if self.shift is not None or self._is_higher():
                self._judge(sudden=True)

    def _is_higher(self) -> bool:
        """Whether the interval that isn't over may be a sudden shift from the one before: a quick look."""
        before = self._numbers[LEVEL - FIELDS] if self._numbers else math.inf
        return fmean(self._logs) - before >= math.log(SUDDEN_FLOOR) / 2

    def intervals(self) -> list[Interval]:
        """All intervals that are over, oldest first."""
        numbers = self._numbers
        return [Interval(*numbers[n : n + FIELDS]) for n in range(0, len(numbers), FIELDS)]

    def reset(self) -> None:
        """Forget all: what comes next is the level."""
        self.__init__(self._floor)  # type: ignore[misc]

    def _end_interval(self) -> None:
        """End the interval, and judge the last ones."""
        last = self._summarise()
        self.ended += 1
        self._numbers.extend(last)
        del self._numbers[: -MAX_INTERVALS * FIELDS]
        self._needed = min(MAX_RUNS, max(MIN_RUNS, math.ceil(RUNS_PER_VARIANCE * last.spread**2)))
        self._logs, self._runs, self._next_check = [], 0, MIN_RUNS
        self._judge(sudden=False)

    def _summarise(self) -> Interval:
        """The interval that isn't over, as far as it goes."""
        return summarise(self._logs[-MAX_RUNS:], self._begin, self._end)

    def _judge(self, *, sudden: bool) -> None:
        """Find a shift, or the end of one."""
        intervals = self.intervals()
        if sudden:
            intervals.append(self._summarise())
        if self.shift is not None:
            self._update(self.shift, intervals[-1])
            return
        counts, z = ((1,), SUDDEN_Z) if sudden else (RECENT, MIN_Z)
        first_day = intervals[-1].begin - intervals[0].begin < DAY
        floor = max(self._floor, SUDDEN_FLOOR) if sudden or first_day else self._floor
        self.shift = find_shift(intervals, counts, z, floor)

    def _update(self, shift: Shift, last: Interval) -> None:
        """End *shift* if the *last* interval is where it was before, or after a day: then that is usual."""
        now = math.exp(last.level)
        if now < shift.before * OVER:
            self.shift = None
        elif last.begin - shift.since > DAY:
            self.reset()
        else:
            runs = shift.runs + int(last.runs)
            self.shift = Shift(before=shift.before, now=now, since=shift.since, runs=runs)


def find_shift(
    intervals: Sequence[Interval], recent: Sequence[int], min_z: float, floor: float
) -> Shift | None:
    """Whether the last *intervals* are above those before: the last one, two, …, as *recent* says."""
    for count in recent:
        last, earlier = intervals[-count:], intervals[:-count]
        if len(earlier[-REFERENCE:]) < max(MIN_REFERENCE, count):
            return None
        z, shift = measure_shift(last, earlier)
        if z >= min_z and shift.factor >= (floor * ONE_INTERVAL if count == 1 else floor):
            return shift
    return None


def measure_shift(last: Sequence[Interval], earlier: Sequence[Interval]) -> tuple[float, Shift]:
    """How far the *last* intervals are above *earlier* ones, in standard errors; 0 if only the mix is."""
    nearest = earlier[-REFERENCE:]
    before = max(nearest, same_time_yesterday(last, earlier), key=level_of)
    level, old = fmean(each.level for each in last), level_of(before)
    low = fmean(each.low for each in last) - trimmed_mean([each.low for each in before])
    within = median(each.spread for each in [*nearest, *last]) ** 2
    between = variance_between(nearest)
    error = variance_of_mean(last, within, between) + variance_of_mean(before, within, between) * TRIM_COST
    runs = int(sum(each.runs for each in last))
    shift = Shift(before=math.exp(old), now=math.exp(level), since=last[0].begin, runs=runs)
    whole = low >= (level - old) * LOW_SHARE
    return ((level - old) / math.sqrt(max(error, 1e-12)) if whole else 0.0), shift


def same_time_yesterday(last: Sequence[Interval], earlier: Sequence[Interval]) -> list[Interval]:
    """Those of the *earlier* intervals in which it was as late as in the *last*, on the day before."""
    first, end = last[0].begin - DAY - SLACK, last[-1].end - DAY + SLACK
    return [each for each in earlier if each.end >= first and each.begin <= end]


def level_of(intervals: Sequence[Interval]) -> float:
    """The usual level of *intervals*; below any if there are none."""
    return trimmed_mean([each.level for each in intervals]) if intervals else -math.inf


def variance_between(intervals: Sequence[Interval]) -> float:
    """How much one level varies about a straight line: a slow daily rhythm doesn't widen it."""
    if len(intervals) < MIN_VARIED:
        return 0.0
    places, levels = range(len(intervals)), [each.level for each in intervals]
    slope, start = linear_regression(places, levels)
    rest = sum((level - start - slope * place) ** 2 for place, level in zip(places, levels, strict=True))
    return rest / (len(intervals) - 2)


def variance_of_mean(intervals: Sequence[Interval], within: float, between: float) -> float:
    """The variance of the mean level of *intervals*."""
    return max(within / sum(each.runs for each in intervals), between / len(intervals))


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean of the middle half of *values*."""
    cut = int(TRIM_LEVELS * len(values))
    return fmean(sorted(values)[cut : len(values) - cut])
