"""RANK: what the workers of a queue were busy with while its jobs waited.

Time is cut into slots. In each slot the wait of a task's jobs is put down to the tasks that the queue's
workers ran meanwhile, in proportion to how long they ran, whatever queue they came from.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from slowtask.record.event import SECOND

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

SLOTS: Final = 2000
MAX_TASKS_PER_QUEUE: Final = 20  #: tasks that waited, and tasks that kept its workers busy

Series = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What the jobs of one task waited behind, in one queue."""

    queue: str
    task: str
    runs: int
    waited: float  #: seconds, of all its runs together
    #: The tasks that kept the workers busy meanwhile, and their share of that wait.
    held: Sequence[tuple[str, float]]
    idle: float  #: the share in which nothing ran: no worker was there, or what it did isn't in the log


class Sums:
    """How long something lasted in each slot of *width* nanoseconds."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts = [0] * (SLOTS + 2)  #: of slots that it began or ended in
        self._steps = [0] * (SLOTS + 2)  #: where whole slots begin and end

    def add(self, start: int, end: int) -> None:
        """Add a span from *start* to *end*, in nanoseconds."""
        width = self._width
        first, last = start // width, end // width
        if first == last:
            self._parts[first] += end - start
            return
        self._parts[first] += (first + 1) * width - start
        self._parts[last] += end - last * width
        self._steps[first + 1] += width
        self._steps[last] -= width

    def series(self) -> list[int]:
        """The nanoseconds in each slot."""
        return [part + whole for part, whole in zip(self._parts, accumulate(self._steps), strict=True)]


def rank_waits(runs: "Columns") -> list[Behind]:
    """What waited behind what, the longest total wait first; of each queue its first tasks."""
    if not len(runs.arrival):
        return []
    begin = runs.arrival[0]
    spans = zip(runs.arrival, runs.wait, runs.took, strict=True)
    end = max(arrival + wait + took for arrival, wait, took in spans)
    width = (end - begin) // SLOTS + 1
    waits: dict[int, dict[int, Sums]] = defaultdict(lambda: defaultdict(lambda: Sums(width)))
    holds: dict[int, dict[int, Sums]] = defaultdict(lambda: defaultdict(lambda: Sums(width)))
    counts: dict[tuple[int, int], int] = defaultdict(int)
    served = _queues_by_worker(runs)
    for arrival, wait, took, task, queue, worker in zip(
        runs.arrival, runs.wait, runs.took, runs.task, runs.queue, runs.worker, strict=True
    ):
        at = arrival - begin
        waits[queue][task].add(at, at + wait)
        for each in served[worker]:
            holds[each][task].add(at + wait, at + wait + took)
        counts[queue, task] += 1
    found = (each for queue in waits for each in _rank_queue(runs, queue, waits[queue], holds[queue], counts))
    return sorted(found, key=lambda each: (-each.waited, each.queue, each.task))


def _queues_by_worker(runs: "Columns") -> dict[int, set[int]]:
    """The queues that each worker took jobs from."""
    served: dict[int, set[int]] = defaultdict(set)
    for worker, queue in zip(runs.worker, runs.queue, strict=True):
        served[worker].add(queue)
    return served


def _rank_queue(
    runs: "Columns",
    queue: int,
    waits: dict[int, Sums],
    holds: dict[int, Sums],
    counts: dict[tuple[int, int], int],
) -> Iterator[Behind]:
    """What the tasks of one queue waited behind, the longest wait first."""
    held = {task: sums.series() for task, sums in holds.items()}
    whole = [sum(each) for each in zip(*held.values(), strict=True)]
    greatest = sorted(held, key=lambda task: (-sum(held[task]), runs.tasks[task]))[:MAX_TASKS_PER_QUEUE]
    waited = {task: sums.series() for task, sums in waits.items()}
    for task in sorted(waited, key=lambda task: (-sum(waited[task]), runs.tasks[task]))[:MAX_TASKS_PER_QUEUE]:
        series = waited[task]
        total = sum(series)
        shares = [(runs.tasks[each], _share(series, held[each], whole, total)) for each in greatest]
        yield Behind(
            queue=runs.queues[queue],
            task=runs.tasks[task],
            runs=counts[queue, task],
            waited=total / SECOND,
            held=sorted((each for each in shares if each[1] > 0), key=lambda each: (-each[1], each[0])),
            idle=sum(each for each, busy in zip(series, whole, strict=True) if not busy) / total
            if total
            else 0.0,
        )


def _share(waited: Series, held: Series, whole: Series, total: float) -> float:
    """The share of the wait that falls to a task, by what it *held* of the *whole* in each slot."""
    if not total:
        return 0.0
    return (
        sum(wait * each / busy for wait, each, busy in zip(waited, held, whole, strict=True) if busy) / total
    )
