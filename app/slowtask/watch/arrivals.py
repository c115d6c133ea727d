"""WATCH: how many jobs arrive in a queue, over the longest time in which that hasn't surely changed.

A short time shows a change soon, but by chance it differs from the next; a long one is steady, and late. So
the rate is that of the last ten minutes, unless the last seconds or minutes surely differ from it: then it is
theirs.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

SLOT: Final = 10.0  #: seconds that are counted together, at least
SPANS: Final = (
    10.0,
    20.0,
    40.0,
    80.0,
    160.0,
    320.0,
    600.0,
)  #: seconds; each longer one is compared with these
LONGEST: Final = SPANS[-1]
SURE: Final = (
    3.5  #: standard deviations from which on a difference isn't by chance, however often it is looked for
)
MIN_SECONDS: Final = 30.0  #: before that a rate is chance
MIN_SLOTS: Final = 12  #: that tell how evenly jobs arrive
NEARLY: Final = 0.5  #: seconds that a poll may come early


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """How jobs arrive in a queue."""

    rate: float  #: jobs a second
    seconds: float  #: that it was taken over
    #: Variance over mean of the jobs in equal times. 1: each comes by itself; more: they come in batches.
    variability: float = 1.0


@dataclass(slots=True)
class Slot:
    """The jobs that arrived in some seconds."""

    seconds: float = 0.0
    jobs: int = 0


@dataclass(slots=True)
class Span:
    """Slots together, with what their variance is made of."""

    slots: int = 0
    seconds: float = 0.0
    jobs: int = 0
    squares: tuple[float, float, float] = (0.0, 0.0, 0.0)  #: sums of jobs², jobs by seconds, and seconds²

    def add(self, slot: Slot) -> None:
        """Add a slot."""
        self.slots += 1
        self.seconds += slot.seconds
        self.jobs += slot.jobs
        jobs, both, seconds = self.squares
        self.squares = (
            jobs + slot.jobs**2,
            both + slot.jobs * slot.seconds,
            seconds + slot.seconds**2,
        )

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds

    @property
    def variability(self) -> float:
        """The variance of the slots' jobs over their mean, at least 1, as it also is of few slots."""
        if self.slots < MIN_SLOTS or not self.jobs:
            return 1.0
        jobs, both, seconds = self.squares
        variance = (jobs - 2 * self.rate * both + self.rate**2 * seconds) / (self.slots - 1)
        return max(1.0, variance * self.slots / self.jobs)

    def without(self, part: "Span") -> "Span":
        """The slots before *part*, its last ones."""
        jobs, both, seconds = (whole - own for whole, own in zip(self.squares, part.squares, strict=True))
        return Span(
            self.slots - part.slots, self.seconds - part.seconds, self.jobs - part.jobs, (jobs, both, seconds)
        )

    def changed(self, part: "Span") -> bool:
        """Whether so many jobs in *part*, its last slots, can't be by chance if the rate is that of all."""
        before = self.without(part)
        if before.seconds <= 0:
            return False
        usual = math.sqrt(self.rate * part.seconds * before.seconds / self.seconds * before.variability)
        return abs(part.jobs - self.rate * part.seconds) > SURE * usual + 1


@dataclass(slots=True)
class ArrivalTrack:
    """The jobs that arrived in one queue during the last minutes."""

    slots: deque[Slot] = field(default_factory=deque)
    seconds: float = 0.0  #: of all slots

    def add(self, seconds: float, jobs: int) -> None:
        """Add the *jobs* that arrived in the last *seconds*."""
        if not self.slots or self.slots[-1].seconds >= SLOT - NEARLY:
            self.slots.append(Slot())
        self.slots[-1].seconds += seconds
        self.slots[-1].jobs += jobs
        self.seconds += seconds
        while self.seconds - self.slots[0].seconds >= LONGEST - NEARLY:
            self.seconds -= self.slots.popleft().seconds

    def measure(self) -> Arrivals | None:
        """How jobs arrive; None until there is enough to tell."""
        if self.seconds < MIN_SECONDS - NEARLY:
            return None
        span = choose_span(sum_spans(reversed(self.slots)))
        return Arrivals(rate=span.rate, seconds=span.seconds, variability=span.variability)


def sum_spans(newest_first: Iterable[Slot]) -> Iterator[Span]:
    """Sum up the last slots of each of `SPANS`, and all of them; the shortest first."""
    span, ends = Span(), list(SPANS)
    for slot in newest_first:
        span.add(slot)
        if ends and span.seconds >= ends[0] - NEARLY:
            ends = [end for end in ends if end > span.seconds + NEARLY]
            yield replace(span)
    yield span


def choose_span(spans: Iterable[Span]) -> Span:
    """Return the longest of *spans* that agrees with all shorter ones."""
    known = list(spans)
    return next(
        span for place, span in reversed([*enumerate(known)]) if not any(map(span.changed, known[:place]))
    )
