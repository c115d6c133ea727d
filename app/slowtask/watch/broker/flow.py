"""Count the jobs that arrived in a queue and left it between two polls, without missing any.

The last job of one poll is searched for in the next: the jobs behind it have arrived since. If it is gone,
the jobs that workers finished tell how many left. A broker's own counts are used where it has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slowtask.watch.broker import Poll, Queue

Pairs = Sequence[tuple[Queue, Queue]]  #: queues as they were in the previous poll, and as they are now


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The jobs that arrived in one queue and left it between two polls."""

    arrivals: int
    departures: int
    interval: int  #: ns


@dataclass(slots=True)
class FlowState:
    """What is remembered from one poll to the next."""

    unreported: int = 0  #: jobs that left and that no worker has reported yet: it holds them, or reports late
    weights: dict[str, float] = field(default_factory=dict)  #: jobs in each queue, recent polls counting more

    def update_weights(self, pairs: Pairs) -> Mapping[str, float]:
        """Return the weights of the queues in *pairs*, after adding their jobs and halving older ones."""
        for old, new in pairs:
            self.weights[new.name] = self.weights.get(new.name, 0.0) / 2 + _jobs(old) + _jobs(new)
        weights = {new.name: self.weights[new.name] for _, new in pairs}
        return weights if any(weights.values()) else dict.fromkeys(weights, 1.0)


def flows(before: Poll, now: Poll, state: FlowState | None = None) -> dict[str, Flow]:
    """Return the flow of each queue that is in both polls, by name.

    *state* is what `flows` remembers between calls, and is updated. Queues of unknown flow are left out.
    """
    old = {queue.name: queue for queue in before.queues}
    pairs = [(old[queue.name], queue) for queue in now.queues if queue.name in old]
    interval = max(1, now.time - before.time) * 1000
    uncounted = [pair for pair in pairs if pair[1].totals is None]
    departures = _departures(uncounted, before, now, state or FlowState())
    return _flows_by_totals(pairs, interval) | {
        new.name: _flow(old, new, departures[new.name], interval)
        for old, new in uncounted
        if new.name in departures
    }


def _flows_by_totals(pairs: Pairs, interval: int) -> dict[str, Flow]:
    """Return the flows by the broker's own counts, without those of queues whose counts began anew."""
    flows = {}
    for old, new in pairs:
        if old.totals and new.totals:
            arrivals, departures = new.totals[0] - old.totals[0], new.totals[1] - old.totals[1]
            if min(arrivals, departures) >= 0:
                flows[new.name] = Flow(arrivals=arrivals, departures=departures, interval=interval)
    return flows


def _departures(pairs: Pairs, before: Poll, now: Poll, state: FlowState) -> dict[str, int]:
    """Return how many jobs left each queue, by the tails and by what workers finished."""
    by_tail = {new.name: _departures_by_tail(old, new) for old, new in pairs}
    known = {name: count for name, count in by_tail.items() if count is not None}
    without_tail = [(old, new) for old, new in pairs if new.name not in known]
    taken, left = _taken_by_workers(before, now), sum(known.values())
    shares: Mapping[str, int] = {}
    if now.all_workers_known and before.all_workers_known:
        weights = state.update_weights(without_tail)
        shares = _share_out(taken - state.unreported - left, without_tail, weights)
    if now.workers_delayed:
        state.unreported = max(0, state.unreported + left + sum(shares.values()) - taken)
    return {**known, **shares}


def _departures_by_tail(old: Queue, new: Queue) -> int | None:
    """Return how many jobs left if the old queue's last job still waits, else None."""
    if old.tail is None or new.behind_tail is None:
        return None
    return max(0, old.depth + new.behind_tail - new.depth)


def _taken_by_workers(before: Poll, now: Poll) -> int:
    """Return how many jobs workers took between the polls: those they finished, and those they began."""
    old = {worker.name: worker.finished for worker in before.workers}
    finished = sum(
        max(0, worker.finished - old.get(worker.name, 0))
        for worker in now.workers
        # A worker that is heard for the first time may have finished many jobs before.
        if worker.name in old or not now.workers_delayed
    )
    began = sum(queue.running or 0 for queue in now.queues)
    began -= sum(queue.running or 0 for queue in before.queues)
    return max(0, finished + began)


def _share_out(count: int, pairs: Pairs, weights: Mapping[str, float]) -> Mapping[str, int]:
    """Divide *count* departures among the queues: at least what waited in each, the rest by weight."""
    least = {new.name: old.depth for old, new in pairs}
    rest = max(0, count - sum(least.values()))
    total = sum(weights.values())
    shares = {name: least[name] + int(rest * weight / total) for name, weight in weights.items()}
    for name in list(shares)[: max(0, count - sum(shares.values()))]:
        shares[name] += 1
    return shares


def _jobs(queue: Queue) -> int:
    """Return how many jobs wait in *queue* or run."""
    return queue.depth + (queue.running or 0)


def _flow(old: Queue, new: Queue, departures: int, interval: int) -> Flow:
    """Make a flow: the arrivals are what explains the new depth, given the departures."""
    arrivals = max(0, new.depth - old.depth + departures)
    return Flow(arrivals=arrivals, departures=departures, interval=interval)
