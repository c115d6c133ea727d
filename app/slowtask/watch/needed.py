"""WATCH: how many workers each queue needs so that its jobs wait no longer than they may, for autoscalers.

What arrives needs so many workers that most jobs begin in time: by Erlang's C formula, corrected for run
times and arrivals that vary more or less. What waits shall be done in half of that time, since a worker that
is added must start first. Times are in seconds; what isn't known is None, never 0.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from slowtask.watch.arrivals import Arrivals
from slowtask.watch.broker import Queue
from slowtask.watch.history import History
from slowtask.watch.judge import TaskBacklog
from slowtask.watch.occupancy import Occupancy, find_occupancies
from slowtask.watch.settings import Targets

DEFAULT_WAIT: Final = 60.0  #: seconds that most jobs may wait in a queue without a target
DEFAULT_SHARE: Final = 0.95  #: of the jobs of such a queue that may not wait longer
DRAIN_SHARE: Final = 0.5  #: of the target, within which what waits shall be done
REFRESH: Final = 30.0  #: seconds after which occupancies are worked out again
RATES_SECONDS: Final = 60.0  #: that a broker's own rates are of
NEARLY: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitTarget:
    """How long most jobs of a queue may wait."""

    seconds: float = DEFAULT_WAIT
    share: float = DEFAULT_SHARE  #: of the jobs that may not wait longer, 0 to 1


class Staffing:
    """Counts the workers that the queues of one broker need."""

    def __init__(self, system: str, targets: Targets) -> None:
        self._system = system
        self._targets = targets
        self._occupancies: Mapping[str, Occupancy] = {}
        self._read_at: float | None = None

    def read(self, history: History, now: float) -> None:
        """Find how long jobs occupy workers, if that was long before *now* (seconds)."""
        if self._read_at is None or not 0 <= now - self._read_at < REFRESH or not self._occupancies:
            self._occupancies = find_occupancies(history, self._system)
            self._read_at = now

    def count(self, queue: Queue, arrivals: Arrivals | None, backlog: Sequence[TaskBacklog]) -> int | None:
        """How many workers *queue* needs; None if that isn't known."""
        if arrivals is None and queue.rates:
            arrivals = Arrivals(rate=queue.rates[0], seconds=RATES_SECONDS)
        occupancy = self._occupancies.get(queue.name)
        return count_needed(queue, arrivals, backlog, occupancy, self.target(queue.name))

    def target(self, queue: str) -> WaitTarget:
        """How long most jobs of *queue* may wait: as its target says, else a minute."""
        seconds = self._targets.wait.get(queue)
        return WaitTarget() if seconds is None else WaitTarget(seconds=seconds, share=self._targets.share)


def count_needed(
    queue: Queue,
    arrivals: Arrivals | None,
    backlog: Sequence[TaskBacklog],
    occupancy: Occupancy | None,
    target: WaitTarget,
) -> int | None:
    """How many workers *queue* needs if each job occupies one for so long; None if that isn't known."""
    if arrivals is None:
        return None
    if not (arrivals.rate or queue.depth or queue.running):
        return 0
    if occupancy is None:
        return None
    work = waiting_work(queue.depth, backlog, occupancy)
    waiting = math.ceil(work / (target.seconds * DRAIN_SHARE) - NEARLY)
    return max(1, waiting, count_arriving(arrivals, occupancy, target))


def count_arriving(arrivals: Arrivals, occupancy: Occupancy, target: WaitTarget) -> int:
    """The fewest workers with which no more of the jobs that arrive wait too long than may."""
    busy = arrivals.rate * occupancy.mean
    if not busy:
        return 0
    variability = (arrivals.variability + occupancy.variability) / 2
    pace = target.seconds / (occupancy.mean * variability)
    return next(
        workers
        for workers, waiting in shares_waiting(busy)
        if waiting * math.exp(-(workers - busy) * pace) <= 1 - target.share
    )


def shares_waiting(busy: float) -> Iterator[tuple[int, float]]:
    """The share of jobs that find all workers at work, of which so many are *busy*: by Erlang's C formula.

    For each number of workers with which a queue doesn't grow.
    """
    blocked = 1.0
    for workers in count(1):
        blocked = busy * blocked / (workers + busy * blocked)
        if workers > busy:
            yield workers, workers * blocked / (workers - busy * (1 - blocked))


def waiting_work(depth: int, backlog: Sequence[TaskBacklog], occupancy: Occupancy) -> float:
    """The worker-seconds that *depth* waiting jobs need: by their tasks, as far as these are known."""
    known = [each for each in backlog if each.work is not None]
    counted = sum(each.count for each in known)
    own = sum(each.work or 0.0 for each in known) + counted * occupancy.between
    return own + max(0, depth - counted) * occupancy.mean
