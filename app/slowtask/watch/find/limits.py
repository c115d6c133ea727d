"""WATCH: how full the broker's limits are and how soon they are reached, and how it is set up."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from slowtask.watch.blame import Blame
from slowtask.watch.find.memory import describe_expiry
from slowtask.watch.forecast import Forecast
from slowtask.watch.judge import Capacity, TaskBacklog
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import Evidence
from slowtask.watch.view import View, find_deepest
from slowtask.watch.words import (
    describe_alarms,
    describe_backlog,
    describe_capacity,
    describe_depth,
    describe_mirroring,
    describe_overflow,
    describe_owners,
    describe_policy,
)

WARNING_SHARE: Final = 0.9  #: of the critical capacity
CRITICAL_FORECAST_SHARE: Final = 1 / 6  #: of the seconds from which a forecast is a warning


def find_alarm(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield whether the broker itself says that it is at a limit."""
    alarmed = bool(view.poll.alarms)
    backlog = view.backlog if alarmed else []
    yield Evidence(
        subject=view.poll.name,
        value=float(alarmed),
        warning=None,
        critical=1.0,
        words={"says": f"{describe_alarms(view)} {describe_backlog(backlog)}".rstrip()},
        task=backlog[0].task if backlog else None,
        blame=find_blame(view) if backlog else None,
    )


def find_full(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield how full each limit of the broker is."""
    return (full_evidence(view, each, thresholds) for each in view.capacities if not each.limit.queue)


def find_full_queue(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield how full each queue is that has a limit of its own."""
    return (full_evidence(view, each, thresholds) for each in view.capacities if each.limit.queue)


def full_evidence(view: View, capacity: Capacity, thresholds: Thresholds) -> Evidence:
    """Make the evidence of how full one limit is; while the broker's own alarm is on, that alone tells."""
    backlog = backlog_of(view, capacity)
    return Evidence(
        subject=subject_of(view, capacity),
        value=None if capacity.reached else capacity.ratio,
        warning=thresholds.capacity * WARNING_SHARE,
        critical=thresholds.capacity,
        words={"says": describe_fullness(view, capacity, backlog)},
        task=backlog[0].task if backlog else None,
        blame=find_blame(view, capacity.limit.queue) if backlog else None,
        queue=capacity.limit.queue,
    )


def describe_fullness(view: View, capacity: Capacity, backlog: Sequence[TaskBacklog]) -> str:
    """How full it is, what that means, who holds the memory, and the tasks to blame."""
    sentences = [describe_capacity(view, capacity)]
    if capacity.limit.is_memory:
        sentences += [describe_owners(view), describe_expiry(view), describe_depth(view)]
    return " ".join(filter(None, (*sentences, describe_backlog(backlog))))


def find_full_soon(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield how soon each limit of the broker will be reached."""
    return (soon_evidence(view, each, thresholds) for each in view.capacities if not each.limit.queue)


def find_full_queue_soon(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield how soon each queue will be full that has a limit of its own."""
    return (soon_evidence(view, each, thresholds) for each in view.capacities if each.limit.queue)


def soon_evidence(view: View, capacity: Capacity, thresholds: Thresholds) -> Evidence:
    """Make the evidence of how soon one limit is reached; once it is critically full, that alone tells."""
    backlog = backlog_of(view, capacity)
    return Evidence(
        subject=subject_of(view, capacity),
        value=None if capacity.ratio >= thresholds.capacity else _seconds_left(capacity.forecast),
        warning=thresholds.soon,
        critical=thresholds.soon * CRITICAL_FORECAST_SHARE,
        lower_is_worse=True,
        words={"says": describe_fullness(view, capacity, backlog)},
        task=backlog[0].task if backlog else None,
        blame=find_blame(view, capacity.limit.queue) if backlog else None,
        queue=capacity.limit.queue,
    )


def subject_of(view: View, capacity: Capacity) -> str:
    """What an alert about one limit is about: the broker where it is its memory."""
    name = capacity.limit.queue or view.poll.name
    return name if capacity.limit.is_memory else f"{name} ({capacity.limit.kind})"


def backlog_of(view: View, capacity: Capacity) -> Sequence[TaskBacklog]:
    """The tasks that wait in the queue of a limit, or in all queues of the broker."""
    if capacity.limit.queue is None:
        return view.backlog
    return next((each.backlog for each in view.queues if each.queue.name == capacity.limit.queue), ())


def find_blame(view: View, queue: str | None = None) -> Blame | None:
    """Whose runs fill the workers of *queue*; of None, of the queue in which most jobs wait."""
    name = queue or find_deepest(view)
    return next((each.blame for each in view.queues if each.queue.name == name), None)


def _seconds_left(forecast: Forecast | None) -> float:
    """Seconds until it is full; infinite where it isn't filling."""
    return math.inf if forecast is None else forecast.seconds


def find_gaps(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield whether there is something that the broker doesn't let us read."""
    gaps = view.poll.gaps
    says = " ".join(gaps) or f"{view.poll.name} can be read completely."
    yield Evidence(subject=view.poll.name, value=float(bool(gaps)), words={"says": says})


def find_policy(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield whether a Redis evicts keys, or has no limit."""
    memory = view.poll.memory
    if memory is None or view.poll.server != "redis":
        return
    unsafe = memory.policy not in (None, "noeviction") or not memory.limit
    says = describe_policy(view.poll.name, memory.policy, memory.limit)
    yield Evidence(subject=view.poll.name, value=float(unsafe), words={"says": says})


def find_drops(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues of RabbitMQ that are set up so that they lose tasks."""
    for queue in (each.queue for each in view.queues if each.queue.drops_oldest):
        says = describe_overflow(queue.name)
        yield Evidence(
            subject=queue.name, queue=queue.name, value=float(queue.drops_oldest), words={"says": says}
        )


def find_mirrored(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues of RabbitMQ that are mirrored, as RabbitMQ 4 no longer allows."""
    for queue in (each.queue for each in view.queues if each.queue.mirrored):
        says = describe_mirroring(queue.name)
        yield Evidence(
            subject=queue.name, queue=queue.name, value=float(queue.mirrored), words={"says": says}
        )
