"""WATCH: how many jobs arrive in a queue, over the longest time in which that hasn't surely changed.

A short time shows a change soon, but by chance it differs from the next; a long one is steady, and late. So
the rate is that of the last ten minutes, unless the last seconds or minutes surely differ from it: then it is
theirs.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

SLOT: Final = 10.0  #: seconds that are counted together, at least
#: Seconds; the rate of each longer span is compared with those of the shorter ones.
SPANS: Final = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0)
LONGEST: Final = SPANS[-1]
#: Standard deviations from which on a difference isn't by chance, however often it is looked for.
SURE: Final = 3.5
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
class ArrivalTrack:
    """The jobs that arrived in one queue during the last minutes."""

    slots: deque[Slot] = field(default_factory=deque)  #: the newest first
    seconds: float = 0.0  #: of all slots

    def add(self, seconds: float, jobs: int) -> None:
        """Add the *jobs* that arrived in the last *seconds*."""
        if not self.slots or self.slots[0].seconds >= SLOT - NEARLY:
            self.slots.appendleft(Slot())
        self.slots[0].seconds += seconds
        self.slots[0].jobs += jobs
        self.seconds += seconds
        while self.seconds - self.slots[-1].seconds >= LONGEST - NEARLY:
            self.seconds -= self.slots.pop().seconds

    def measure(self) -> Arrivals | None:
        """How jobs arrive; None until there is enough to tell."""
        if self.seconds < MIN_SECONDS - NEARLY:
            return None
        if not any(slot.jobs for slot in self.slots):  # as in most of many queues
            return Arrivals(rate=0.0, seconds=self.seconds)
        slots = list(self.slots)
        span = choose_span(slots, find_spans(slots))
        variability = measure_variability(slots[: span.length])
        return Arrivals(rate=span.jobs / span.seconds, seconds=span.seconds, variability=variability)


class Span(NamedTuple):
    """The last slots together."""

    length: int  #: in slots
    jobs: int
    seconds: float


def find_spans(slots: Sequence[Slot]) -> list[Span]:
    """The last of *slots* for each of `SPANS`, and all of them; the shortest first."""
    ends, found, jobs, seconds = list(SPANS), [], 0, 0.0
    for count, slot in enumerate(slots, 1):
        jobs, seconds = jobs + slot.jobs, seconds + slot.seconds
        if ends and seconds >= ends[0] - NEARLY:
            ends = [end for end in ends if end > seconds + NEARLY]
            found.append(Span(count, jobs, seconds))
    return [*found, Span(len(slots), jobs, seconds)]


def choose_span(slots: Sequence[Slot], spans: Sequence[Span]) -> Span:
    """Return the longest of *spans* whose rate is also that of all shorter ones."""
    for place in range(len(spans) - 1, 0, -1):
        if not any(has_changed(slots, spans[place], part) for part in spans[:place]):
            return spans[place]
    return spans[0]


def has_changed(slots: Sequence[Slot], span: Span, part: Span) -> bool:
    """Whether *part*, the last slots of *span*, surely has another rate than all of it."""
    usual = span.jobs / span.seconds * part.seconds
    variance = usual * max(0.0, 1 - part.seconds / span.seconds)
    difference = abs(part.jobs - usual) - 1
    if difference <= SURE * math.sqrt(variance):  # as mostly, and quick
        return False
    return difference > SURE * math.sqrt(variance * measure_variability(slots[part.length : span.length]))


def measure_variability(slots: Sequence[Slot]) -> float:
    """The variance of the jobs in each of *slots* over their mean; 1 of few slots, and at least 1.

    Without the slot that has most jobs: a batch that came once is no sign of others.
    """
    if len(slots) <= MIN_SLOTS:
        return 1.0
    most = max(slots, key=lambda slot: slot.jobs)
    others = [slot for slot in slots if slot is not most]
    jobs = sum(slot.jobs for slot in others)
    rate = jobs / sum(slot.seconds for slot in others)
    squares = sum((slot.jobs - rate * slot.seconds) ** 2 for slot in others)
    return max(1.0, squares / jobs) if jobs else 1.0
