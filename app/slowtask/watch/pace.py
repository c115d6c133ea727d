"""WATCH: how a queue flows: what came, what left and how busy its workers were, over the last minutes.

All of it is seen, not reckoned from run times.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from slowtask.watch.arrivals import Arrivals, ArrivalTrack
from slowtask.watch.broker import Queue
from slowtask.watch.broker.flow import Flow
from slowtask.watch.crew import Crew

MIN_PERIOD: Final = 0.4  #: seconds; polls that are closer to each other are kept as one
MAX_PERIODS: Final = 120  #: that are kept of a queue
MAX_SECONDS: Final = 300.0  #: that rates are taken over
MIN_SECONDS: Final = 20.0  #: that rates are taken over, if the queue was watched for so long
SURE: Final = (
    3.5  #: standard deviations from which growth isn't by chance, even if it is measured every few seconds
)
EVEN: Final = 0.25  #: of its mean growth, that each part of a time must have
ENOUGH_JOBS: Final = 30  #: that leave within the seconds that rates are taken over
#: Share of busy workers from which on all count as busy while jobs wait: a free one would take a job at once,
#: and is only seen between two.
SATURATED: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One queue between two polls, and at the second of them."""

    time: float  #: of the second poll: seconds, by the broker's clock
    seconds: float  #: between the two; 0 if what came and left isn't known
    arrivals: int
    departures: int
    depth: int  #: jobs that wait, at the end
    oldest: float | None  #: seconds that the first job has waited
    slots: int | None  #: jobs that its workers can run at once
    busy: float | None  #: of them at work
    held: Mapping[str, int]  #: slots by the task that they run
    queues: Mapping[str, int]  #: slots by the queue whose job they run


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a queue flows. A field is None if that isn't known."""

    seconds: float = 0.0  #: that it was watched for
    arrivals: float | None = None  #: jobs a second
    departures: float | None = None  #: jobs a second
    steady: Arrivals | None = None  #: how jobs arrive, over a longer time if that hasn't changed
    busy: float | None = None  #: share of the workers' time that they were at work, 0 to 1
    still: float = 0.0  #: seconds since a job left it, at least; 0 if one has just left, or none waited
    saturated: float = 0.0  #: seconds for which all workers were busy while jobs waited, up to now
    growing: bool = False  #: whether surely more arrives than its busy workers can do, not in a burst
    held: Mapping[str, float] = field(
        default_factory=dict
    )  #: share of the busy time, by task, the largest first
    held_queues: Mapping[str, float] = field(
        default_factory=dict
    )  #: share of the busy time, by queue, the largest first
    idle_free: float = 0.0  #: seconds for which jobs waited although workers were free, up to now

    @property
    def load(self) -> float | None:
        """What arrives over what the workers can do: over 1 the queue grows without end."""
        if self.busy is None:
            return None
        if not self.saturated:
            return self.busy
        return self.arrivals / self.departures if self.departures and self.arrivals is not None else None


class Track:
    """The last minutes of one queue."""

    def __init__(self) -> None:
        self.periods: deque[Period] = deque(maxlen=MAX_PERIODS)
        self.arrivals = ArrivalTrack()

    def add(self, time: float, queue: Queue, flow: Flow | None, crew: Crew | None) -> None:
        """Add the queue as it was polled at *time* (seconds), and what flowed since the poll before."""
        period = make_period(time, queue, flow, crew)
        if flow:
            self.arrivals.add(period.seconds, flow.arrivals)
        last = self.periods[-1] if self.periods else None
        if last and 0 < last.seconds < MIN_PERIOD and period.seconds:
            self.periods[-1] = join(last, period)
        else:
            self.periods.append(period)

    def measure(self) -> Pace:
        """Return how the queue flows, over the seconds that fit it."""
        periods = list(self.periods)
        recent = choose_recent(periods)
        seconds = sum(period.seconds for period in recent)
        departures = sum(period.departures for period in recent)
        stretch = saturated_stretch(periods)
        return Pace(
            seconds=sum(period.seconds for period in periods),
            arrivals=sum(period.arrivals for period in recent) / seconds if seconds else None,
            departures=departures / seconds if seconds else None,
            steady=self.arrivals.measure(),
            busy=busy_share(recent),
            still=still_for(periods),
            saturated=sum(period.seconds for period in stretch),
            growing=is_growing(stretch),
            held=shares(period.held for period in recent),
            held_queues=shares(period.queues for period in recent),
            idle_free=free_stretch(periods),
        )


def make_period(time: float, queue: Queue, flow: Flow | None, crew: Crew | None) -> Period:
    """Make the period that ends at *time*."""
    slots, busy = (crew.slots, crew.busy) if crew else (None, None)
    jobs = crew.jobs if crew else []
    return Period(
        time=time,
        seconds=flow.interval / 1e9 if flow else 0.0,
        arrivals=flow.arrivals if flow else 0,
        departures=flow.departures if flow else 0,
        depth=queue.depth,
        oldest=None if queue.oldest is None else queue.oldest / 1e9,
        slots=slots,
        busy=busy,
        held=Counter(job.task or "" for job in jobs),
        queues=Counter(job.queue for job in jobs),
    )


def join(one: Period, other: Period) -> Period:
    """Join two periods of which *other* follows *one*."""
    whole = one.seconds + other.seconds
    busy = None
    if one.busy is not None and other.busy is not None:
        busy = (one.busy * one.seconds + other.busy * other.seconds) / whole
    return replace(
        other,
        seconds=whole,
        arrivals=one.arrivals + other.arrivals,
        departures=one.departures + other.departures,
        busy=busy,
    )


def choose_recent(periods: Sequence[Period]) -> list[Period]:
    """Return the last of *periods*: `MIN_SECONDS`, or so long until `ENOUGH_JOBS` have left."""
    chosen: list[Period] = []
    seconds, jobs = 0.0, 0
    for period in reversed(periods):
        if seconds >= MAX_SECONDS or (seconds >= MIN_SECONDS and jobs >= ENOUGH_JOBS):
            break
        chosen.append(period)
        seconds, jobs = seconds + period.seconds, jobs + period.departures
    return chosen[::-1]


def busy_share(periods: Iterable[Period]) -> float | None:
    """Return the share of the slots that were at work; None if that isn't known."""
    known = [period for period in periods if period.slots and period.busy is not None]
    slots = sum(period.slots or 0 for period in known)
    return sum(period.busy or 0 for period in known) / slots if slots else None


def is_saturated(period: Period) -> bool:
    """Whether jobs waited while all workers were busy."""
    full = period.busy is not None and bool(period.slots) and period.busy >= SATURATED * (period.slots or 0)
    return period.depth > 0 and full


def saturated_stretch(periods: Sequence[Period]) -> list[Period]:
    """Return the last periods for which all workers were busy while jobs waited.

    One poll in ten may find a worker between two jobs.
    """
    chosen: list[Period] = []
    free = 0
    for period in reversed(periods):
        free += not is_saturated(period)
        if period.depth == 0 or free > 1 + len(chosen) // 10:
            break
        chosen.append(period)
    while chosen and not is_saturated(chosen[-1]):
        chosen.pop()
    return chosen[::-1] if any(map(is_saturated, chosen)) else []


def is_growing(stretch: Sequence[Period]) -> bool:
    """Return whether surely more arrives than leaves, in all parts of the last seconds or of a longer time.

    A burst comes in one part or two. In a longer time less growth is sure.
    """
    return any(grows_evenly(stretch, seconds, parts) for seconds, parts in ((MIN_SECONDS, 4), (60.0, 3)))


def grows_evenly(stretch: Sequence[Period], seconds: float, parts: int) -> bool:
    """Return whether the last *seconds* of *stretch* grow in each of so many *parts*, and not by chance."""
    recent = last_seconds(stretch, seconds)
    if sum(period.seconds for period in recent) < seconds or len(recent) < parts:
        return False
    nets = [sum(period.arrivals - period.departures for period in part) for part in split(recent, parts)]
    moved = sum(period.arrivals + period.departures for period in recent)
    return min(nets) >= EVEN * sum(nets) / parts and sum(nets) > SURE * math.sqrt(moved)


def last_seconds(stretch: Sequence[Period], seconds: float) -> list[Period]:
    """Return the last periods of *stretch* that make up at least *seconds*; all if they don't."""
    chosen: list[Period] = []
    for period in reversed(stretch):
        if sum(each.seconds for each in chosen) >= seconds:
            break
        chosen.append(period)
    return chosen[::-1]


def split(periods: Sequence[Period], parts: int) -> list[Sequence[Period]]:
    """Split *periods* into *parts* of about the same number."""
    size = len(periods) / parts
    return [periods[round(n * size) : round((n + 1) * size)] for n in range(parts)]


def still_for(periods: Sequence[Period]) -> float:
    """Return the seconds for which jobs waited and none left, up to now."""
    seconds = 0.0
    for period in reversed(periods):
        if period.departures or not period.depth:
            break
        seconds += period.seconds
    return seconds


def free_stretch(periods: Sequence[Period]) -> float:
    """Return the seconds for which jobs waited, none left and a worker was free, up to now."""
    seconds = 0.0
    for period in reversed(periods):
        free = period.slots is not None and period.busy is not None and period.busy < period.slots
        if period.departures or not period.depth or not free:
            break
        seconds += period.seconds
    return seconds


def shares(counts: Iterable[Mapping[str, int]]) -> dict[str, float]:
    """Return the share of each name in all of *counts*, the largest first."""
    seen: Counter[str] = Counter()
    for each in counts:
        seen.update(each)
    whole = seen.total()
    return {name: count / whole for name, count in seen.most_common()} if whole else {}
