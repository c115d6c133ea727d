"""WATCH: which tenant fills the workers, or whichever label it is: found by the recent runs of each queue.

Time is cut into slots. The last slots are kept one by one; older ones are added to what is usual.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slowtask.watch.labels import MIN_RUNS, MIN_SHARE, Sum, Times, Usual, Window, is_risen
from slowtask.watch.recent import RecentRun

SLOT: Final = 30.0  #: seconds
SHORT: Final = 2  #: slots that are looked at first, and the one that isn't over
LONG: Final = 10  #: the same if those show nothing, as where runs are long: five minutes
KEPT_VALUES: Final = 200  #: in each older slot
MAX_QUEUES: Final = 50  #: whose runs have labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """A value of a label whose runs fill the workers of a queue, such as a tenant."""

    label: str
    value: str
    queue: str
    share: float  #: of the worker time of the queue's runs, 0 to 1
    usual: float | None  #: the same before; None if nothing is known of it
    seconds: float  #: the last ones, in which it had that share

    @property
    def rise(self) -> float:
        """How much larger its share is than usual."""
        return self.share - (self.usual or 0.0)


class QueueTimes:
    """The worker time of one queue, by the labels of its runs."""

    def __init__(self) -> None:
        self.newest = 0  #: slot
        self._slots: defaultdict[int, Times] = defaultdict(Times)
        self._usual = Usual()

    def add(self, run: RecentRun) -> None:
        """Add the time of *run* to the slots in which it ran; one that comes late is only usual."""
        labels = {label: value for label, value in (run.labels or {}).items() if value}
        last = int(run.end // SLOT)
        self._advance(last)
        oldest = self.newest - LONG
        if last < oldest:
            self._learn(last, labels, Sum(run.took or 0.0, 1, (run.took or 0.0) ** 2))
        for slot in range(max(oldest, int(run.start // SLOT)), last + 1):
            inside = min(run.end, (slot + 1) * SLOT) - max(run.start, slot * SLOT)
            self._slots[slot].add(labels, Sum(inside, slot == last, inside**2))

    def find(self, queue: str, now: float, running: Sequence[float]) -> Blame | None:
        """The value that fills the workers *now*; *running* jobs, of which no label is known, count too.

        Args:
            queue: Its name.
            now: Seconds since the epoch.
            running: For how many seconds each job of the queue that isn't over has run.
        """
        blamed = self._find(queue, now, running, SHORT)
        return blamed or self._find(queue, now, running, LONG)

    def _find(self, queue: str, now: float, running: Sequence[float], slots: int) -> Blame | None:
        """The same by so many of the last *slots*, and the one that isn't over."""
        oldest = int(now // SLOT) - slots
        seconds = now - oldest * SLOT
        window = Window(
            [self._slots[each] for each in range(oldest, oldest + slots + 1) if each in self._slots]
        )
        whole = window.total.seconds + sum(min(each, seconds) for each in running)
        found = {
            value: Blame(
                label=value[0],
                value=value[1],
                queue=queue,
                share=window.time(value).seconds / whole,
                usual=self._usual.share(value),
                seconds=seconds,
            )
            for value in window.largest()
        }
        risen = [blame for value, blame in found.items() if is_to_blame(blame, window)]
        return max(risen, key=lambda each: each.rise, default=None)

    def _advance(self, slot: int) -> None:
        """Let *slot* be the newest, if it is; learn those that are too old now."""
        if slot <= self.newest:
            return
        if self.newest in self._slots:
            self._slots[self.newest].keep(KEPT_VALUES)
        self.newest = slot
        for old in sorted(each for each in self._slots if each < slot - LONG):
            self._usual.learn(old, self._slots.pop(old))

    def _learn(self, slot: int, labels: Mapping[str, str], time: Sum) -> None:
        """Learn from one run alone, which ended in *slot*."""
        times = Times()
        times.add(labels, time)
        self._usual.learn(slot, times)


class LabelTimes:
    """The worker time of all queues whose runs have labels."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str | None, str], QueueTimes] = {}  #: by queue system and queue

    def add(self, run: RecentRun) -> None:
        """Add the time of *run*, if its queue is known, and if runs of it have labels."""
        if run.queue is None:
            return
        known = self._queues.get((run.system, run.queue))
        if known is None:
            if not run.labels:
                return
            known = self._queues[run.system, run.queue] = QueueTimes()
            self._drop_queues()
        known.add(run)

    def find(self, system: str, queue: str, now: float, running: Sequence[float] = ()) -> Blame | None:
        """The value of a label that fills the workers of *queue*, see `QueueTimes.find`."""
        known = self._queues.get((system, queue))
        return known.find(queue, now, running) if known else None

    def _drop_queues(self) -> None:
        """Keep the queues that ran last, if there are too many."""
        while len(self._queues) > MAX_QUEUES:
            del self._queues[min(self._queues, key=lambda key: self._queues[key].newest or math.inf)]


def is_to_blame(blame: Blame, window: Window) -> bool:
    """Whether *blame* says something: its share has risen, or it isn't the label's only value."""
    value = blame.label, blame.value
    if window.time(value).runs < MIN_RUNS or blame.share < MIN_SHARE:
        return False
    if blame.usual is None:
        return window.is_shared(value)
    return is_risen(blame.share, blame.usual, window.total)
