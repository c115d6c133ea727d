"""WATCH: count runs for Prometheus: each run once, and only those that ended since the monitor started."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, get_args

from slowtask.record.event import Action
from slowtask.watch.metrics.histogram import Histogram, Reading
from slowtask.watch.metrics.labels import Labels, Place
from slowtask.watch.recent import RecentRun

ACTIONS: Final[tuple[str, ...]] = get_args(Action)
UNKNOWN: Final = "unknown"  #: the action of an attempt that ended nobody knows how
PEAK_SECONDS: Final = 600.0  #: a peak is forgotten after once or twice that time
MAX_SEEN: Final = 50_000  #: runs, after twice as many of which one may be counted again
MAX_PLACES: Final = 50  #: pairs of a queue and a task that have labels of their own


class Peak:
    """The largest value of the last ten to twenty minutes."""

    def __init__(self) -> None:
        self._since = 0.0
        self._now: float | None = None
        self._before: float | None = None

    def add(self, value: float, at: float) -> None:
        """Note *value* at the time *at*."""
        self._turn(at)
        self._now = max(value, self._now or 0.0)

    def read(self, at: float) -> float | None:
        """The largest value at the time *at*; None without one."""
        self._turn(at)
        return max((each for each in (self._now, self._before) if each is not None), default=None)

    def _turn(self, at: float) -> None:
        """Forget what is too old."""
        if at - self._since >= PEAK_SECONDS:
            self._before = self._now if at - self._since < 2 * PEAK_SECONDS else None
            self._since, self._now = at, None


class Count:
    """The runs of one place."""

    def __init__(self) -> None:
        self.actions: Counter[str] = Counter(dict.fromkeys(ACTIONS, 0))
        self.took = Histogram()
        self.wait = Histogram()
        self.cpu = 0.0  #: seconds
        self.cpu_wall = 0.0  #: seconds that the runs took whose CPU time is known
        self.peak = Peak()

    def add(self, run: RecentRun, at: float) -> None:
        """Count *run*; what isn't known is left out."""
        self.actions[run.action if run.action in ACTIONS else UNKNOWN] += 1
        if run.took is not None:
            self.took.add(run.took)
        if run.wait is not None:
            self.wait.add(run.wait)
        if run.cpu is not None and run.took is not None:
            self.cpu += run.cpu
            self.cpu_wall += run.took
        if run.memory is not None:
            self.peak.add(run.memory, at)


class PlaceFigures(NamedTuple):
    """What was counted in one place, at one moment."""

    actions: Mapping[str, int]
    took: Reading
    wait: Reading
    cpu: float
    cpu_wall: float
    memory: float | None


class Seen:
    """Remembers the last runs, to tell those that are read again."""

    def __init__(self) -> None:
        self._now: set[int] = set()
        self._before: set[int] = set()

    def add(self, run: RecentRun) -> bool:
        """Remember *run*; tell whether it is new."""
        key = hash((run.id, run.task))
        if key in self._now or key in self._before:
            return False
        if len(self._now) >= MAX_SEEN:
            self._now, self._before = set(), self._now
        self._now.add(key)
        return True


class RunCounts:
    """Counts the runs that ended since it was made, by system, queue and task.

    Args:
        limit: How many pairs of a queue and a task have labels of their own.
        clock: Returns the seconds since the epoch.
    """

    def __init__(self, limit: int = MAX_PLACES, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._labels = Labels(limit)
        self._counts: dict[Place, Count] = {}
        self._seen = Seen()
        self.started = clock()
        self.earlier = 0  #: runs that ended before, and aren't counted

    def add(self, run: RecentRun) -> None:
        """Count *run*, unless it ended before the start or was counted already."""
        with self._lock:
            if run.end < self.started:
                self.earlier += 1
                self._labels.note_earlier(run)
            elif self._seen.add(run):
                self._find(self._labels.find(run)).add(run, self._clock())

    def read(self) -> dict[Place, PlaceFigures]:
        """What was counted by now. What ran before the start has zeros, so that a first increase is seen."""
        with self._lock:
            self._labels.settle()
            for place in self._labels.places:
                self._find(place)
            return {place: self._freeze(count) for place, count in sorted(self._counts.items())}

    @property
    def others(self) -> int:
        """How many pairs of a queue and a task share the label `(other)`."""
        return self._labels.others

    def _find(self, place: Place) -> Count:
        """The count of *place*, perhaps a new one."""
        return self._counts.get(place) or self._counts.setdefault(place, Count())

    def _freeze(self, count: Count) -> PlaceFigures:
        """Copy *count* as it is now."""
        memory = count.peak.read(self._clock())
        return PlaceFigures(
            dict(count.actions), count.took.read(), count.wait.read(), count.cpu, count.cpu_wall, memory
        )
