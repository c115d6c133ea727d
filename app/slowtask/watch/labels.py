"""WATCH: how much worker time the runs with each value of a label took: of each tenant, say.

Memory is bounded: of many values the largest are kept, since only one that has half of the time is named.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

MIN_RUNS: Final = 5  #: of a value that is named: an id, which each run has for itself, never is
MIN_SHARE: Final = 0.5  #: of the worker time
MIN_RISE: Final = 0.25  #: over the usual share
MIN_Z: Final = 4.0  #: standard errors that the rise must have
MIN_USUAL_RUNS: Final = 20  #: before the last slots, to know what is usual
TAKEN_OVER: Final = 0.02  #: weight of a slot that one value took over: a flood must not become usual
MAX_LEARNT: Final = 2880  #: slots, a day: then what was learnt is halved, so that old runs count less
MAX_VALUES: Final = 1000  #: of all labels, in the newest slot of a queue and in what is usual there

Value = tuple[str, str]  #: a label and its value


@dataclass(slots=True)
class Sum:
    """The worker time of some runs; fractions of runs where old ones count less."""

    seconds: float = 0.0
    runs: float = 0.0
    squares: float = 0.0  #: of the seconds of each run

    @property
    def equal_runs(self) -> float:
        """How many runs of equal length would be as sure a sample: few long ones among many say little."""
        return min(self.runs, self.seconds**2 / self.squares) if self.squares else 0.0

    def add(self, other: "Sum", weight: float = 1.0) -> None:
        """Add *other*, by its *weight*."""
        self.seconds += other.seconds * weight
        self.runs += other.runs * weight
        self.squares += other.squares * weight


class Times:
    """The worker time of all runs of some slots, and of those with each value of a label."""

    def __init__(self) -> None:
        self.total = Sum()
        self.values: defaultdict[Value, Sum] = defaultdict(Sum)

    def add(self, labels: Mapping[str, str], time: Sum) -> None:
        """Add the *time* of a run with these *labels*."""
        self.total.add(time)
        for value in labels.items():
            self.values[value].add(time)
        if len(self.values) > MAX_VALUES:
            self.keep(MAX_VALUES // 2)

    def merge(self, other: "Times", weight: float = 1.0) -> None:
        """Add all of *other*, by its *weight*."""
        self.total.add(other.total, weight)
        for value, time in other.values.items():
            self.values[value].add(time, weight)

    def keep(self, most: int) -> None:
        """Forget the values that took least time, if there are more than *most*."""
        if len(self.values) > most:
            largest = nlargest(most, self.values.items(), key=lambda each: each[1].seconds)
            self.values = defaultdict(Sum, largest)

    def largest(self) -> list[Value]:
        """The values that took at least half of the time."""
        least = MIN_SHARE * self.total.seconds
        return [value for value, time in self.values.items() if time.seconds >= least > 0]


class Window:
    """The last slots of a queue."""

    def __init__(self, slots: Sequence[Times]) -> None:
        self._slots = slots
        self.total = add_all(each.total for each in slots)

    def largest(self) -> set[Value]:
        """All values that may have taken half of the time: they did so in a slot."""
        return {value for each in self._slots for value in each.largest()}

    def time(self, value: Value) -> Sum:
        """The time of the runs with *value*."""
        return add_all(each.values[value] for each in self._slots if value in each.values)

    def is_shared(self, value: Value) -> bool:
        """Whether there are runs with another value of the label of *value*."""
        others = (each for slot in self._slots for each in slot.values if each != value)
        return any(label == value[0] for label, _ in others)


class Usual:
    """The share that each value usually has of the worker time, since its label is in the runs."""

    def __init__(self) -> None:
        self._times = Times()
        self._whole: defaultdict[str, Sum] = defaultdict(Sum)  #: by label: all runs since its first one
        self._begin: int | None = None  #: the first slot, since what was learnt was halved

    def share(self, value: Value) -> float | None:
        """The usual share of *value*; None if too few runs are known."""
        whole = self._whole.get(value[0])
        if whole is None or whole.runs < MIN_USUAL_RUNS or not whole.seconds:
            return None
        own = self._times.values.get(value)
        return own.seconds / whole.seconds if own else 0.0

    def learn(self, slot: int, times: Times) -> None:
        """Add the *times* of *slot*, or a part of them if one value took it over."""
        weight = TAKEN_OVER if self._is_taken_over(times) else 1.0
        self._times.merge(times, weight)
        for label in {*self._whole, *(label for label, _ in times.values)}:
            self._whole[label].add(times.total, weight)
        self._begin = slot if self._begin is None else self._begin
        if slot - self._begin >= MAX_LEARNT:
            self._halve(slot)
        if len(self._times.values) > MAX_VALUES:
            self._forget()

    def _is_taken_over(self, times: Times) -> bool:
        """Whether one value has far more of *times* than usual."""
        whole = times.total.seconds
        usual = ((value, self.share(value)) for value in times.largest())
        return any(
            is_risen(times.values[value].seconds / whole, share, times.total)
            for value, share in usual
            if share is not None and times.values[value].runs >= MIN_RUNS
        )

    def _halve(self, slot: int) -> None:
        """Let what was learnt up to *slot* count half."""
        for time in (*self._times.values.values(), *self._whole.values()):
            time.seconds, time.runs, time.squares = time.seconds / 2, time.runs / 2, time.squares / 2
        self._begin = slot - MAX_LEARNT // 2

    def _forget(self) -> None:
        """Forget the smaller values, and labels without any."""
        self._times.keep(MAX_VALUES // 2)
        labels = {label for label, _ in self._times.values}
        self._whole = defaultdict(Sum, {label: self._whole[label] for label in labels})


def is_risen(share: float, usual: float, whole: Sum) -> bool:
    """Whether a *share* of the *whole* is clearly larger than the *usual* one."""
    if not whole.equal_runs:
        return False
    error = math.sqrt(usual * (1 - usual) / whole.equal_runs)
    return share >= MIN_SHARE and share - usual >= max(MIN_RISE, MIN_Z * error)


def add_all(times: Iterable[Sum]) -> Sum:
    """The sum of *times*."""
    found = Sum()
    for each in times:
        found.add(each)
    return found
