"""What came to a queue and what left it between two polls, by counts that miss nothing.

The last job of one poll is searched in the next: what stands behind it has come since. Where it is gone, the
jobs that the workers have ended tell how many left. A broker that counts for itself is taken at its word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slowtask.watch.broker import Poll, Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One queue between two polls."""

    arrivals: int
    departures: int
    interval: int  #: ns


@dataclass(slots=True)
class Owed:
    """What is kept between polls."""

    jobs: int = 0  #: that have left, and that no worker has told of yet: it holds them, or tells late
    weights: dict[str, float] = field(default_factory=dict)  #: how much each queue had of late

    def weigh(self, gone: Sequence[tuple[Queue, Queue]]) -> Mapping[str, float]:
        """The weights of the queues of *gone*: what a queue had counts half as much at each poll."""
        for was, now in gone:
            self.weights[now.name] = self.weights.get(now.name, 0.0) / 2 + _seen(was) + _seen(now)
        found = {now.name: self.weights[now.name] for _, now in gone}
        return found if any(found.values()) else dict.fromkeys(found, 1.0)


def flows(before: Poll, now: Poll, owed: Owed | None = None) -> dict[str, Flow]:
    """The flow of each queue that stands in both polls; *owed* is of the polls before, and is kept."""
    old = {queue.name: queue for queue in before.queues}
    pairs = [(old[queue.name], queue) for queue in now.queues if queue.name in old]
    interval = max(1, now.time - before.time) * 1000
    counted = {
        queue.name: _counted(was.counts, queue.counts, interval)
        for was, queue in pairs
        if was.counts and queue.counts
    }
    found = _told([pair for pair in pairs if pair[1].counts is None], before, now, interval, owed or Owed())
    return found | {name: flow for name, flow in counted.items() if flow}


def _counted(was: tuple[int, int], now: tuple[int, int], interval: int) -> Flow | None:
    """By the broker's own counts; None where it began anew."""
    arrivals, departures = now[0] - was[0], now[1] - was[1]
    if min(arrivals, departures) < 0:
        return None
    return Flow(arrivals=arrivals, departures=departures, interval=interval)


def _told(
    pairs: Sequence[tuple[Queue, Queue]], before: Poll, now: Poll, interval: int, owed: Owed
) -> dict[str, Flow]:
    """By the last jobs and by what workers ended; what nobody tells is left out."""
    told = {queue.name: _by_tail(was, queue) for was, queue in pairs}
    gone = [(was, queue) for was, queue in pairs if told[queue.name] is None]
    ended = _ended(before, now)
    seen = sum(departures for departures in told.values() if departures)
    shares = _shared(gone, ended - owed.jobs - seen, owed.weigh(gone)) if now.whole and before.whole else {}
    if now.late:
        owed.jobs = max(0, owed.jobs + seen + sum(shares.values()) - ended)
    return {
        queue.name: _flow(was, queue, told[queue.name], shares.get(queue.name, 0), interval)
        for was, queue in pairs
        if told[queue.name] is not None or queue.name in shares
    }


def _by_tail(was: Queue, now: Queue) -> int | None:
    """How many left, where the last job of *was* still waits; None where it is gone."""
    if was.tail is None or now.behind is None:
        return None
    return max(0, was.depth + now.behind - now.depth)


def _ended(before: Poll, now: Poll) -> int:
    """Jobs that workers took between the polls: those they ended, and those they have begun meanwhile."""
    old = {worker.name: worker for worker in before.workers}
    done = sum(
        max(0, worker.done - (old[worker.name].done if worker.name in old else 0))
        for worker in now.workers
        if worker.name in old or not now.late  # else it had ended many before it was heard
    )
    begun = sum(each.running or 0 for each in now.queues) - sum(each.running or 0 for each in before.queues)
    return max(0, done + begun)


def _shared(gone: list[tuple[Queue, Queue]], left: int, weights: Mapping[str, float]) -> Mapping[str, int]:
    """How many of *left* each queue of *gone* lost: at least what waited there, the rest in proportion."""
    least = {queue.name: was.depth for was, queue in gone}
    rest = max(0, left - sum(least.values()))
    whole = sum(weights.values())
    shares = {name: least[name] + int(rest * weight / whole) for name, weight in weights.items()}
    for name in list(shares)[: left - sum(shares.values())] if left > sum(shares.values()) else ():
        shares[name] += 1
    return shares


def _seen(queue: Queue) -> int:
    """Jobs that wait in *queue*, or run."""
    return queue.depth + (queue.running or 0)


def _flow(was: Queue, now: Queue, told: int | None, share: int, interval: int) -> Flow:
    """Arrivals are what explains the depth, given the departures."""
    departures = share if told is None else told
    return Flow(arrivals=max(0, now.depth - was.depth + departures), departures=departures, interval=interval)
