"""WATCH: what a judged poll gives to alert about: the value, its thresholds and the message.

Each poll gives a finding for everything that can have an alert, also where all is well: so an alert can be
resolved.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from typing import Final

from slowtask.errors import BrokerError
from slowtask.record.event import SECOND
from slowtask.units import printable
from slowtask.watch.alerts import Finding
from slowtask.watch.judge import Capacity, Forecast, Overrun, TaskBacklog
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import QueueView, View
from slowtask.watch.words import (
    describe_alarms,
    describe_backlog,
    describe_capacity,
    describe_depth,
    describe_mirroring,
    describe_overflow,
    describe_overrun,
    describe_owners,
    describe_policy,
    describe_queue,
)

WARNING_SHARE: Final = 0.9  #: of the critical capacity
CRITICAL_FORECAST_SHARE: Final = 1 / 6  #: of the seconds from which a forecast is a warning
#: Of its task's p99: one run in a hundred is over the p99 as a matter of course.
OVERRUN_ALERT_FACTOR: Final = 3.0
BROKER_ALERTS: Final = ("broker-capacity", "broker-full-soon")
QUEUE_ALERTS: Final = ("queue-capacity", "queue-full-soon")


def findings(view: View, thresholds: Thresholds) -> list[Finding]:
    """All findings of one poll."""
    of_queues = (finding for queue in view.queues for finding in _queue_findings(queue, thresholds))
    overruns = map(_overrun_finding, view.queues, repeat(view.overruns))
    return [*_broker_findings(view, thresholds), *of_queues, *overruns]


def broker_unseen(name: str, error: BrokerError | None) -> Finding:
    """Whether the broker called *name* can be read; *error* says why not."""
    return Finding(
        name="broker-unseen",
        subject=name,
        value=0.0 if error is None else 1.0,
        warning=None,
        critical=1.0,
        message=f"{name} can be read again."
        if error is None
        else f"the broker can't be read, so the state of its queues is unknown: {error}",
    )


def _broker_findings(view: View, thresholds: Thresholds) -> list[Finding]:
    """What the broker says of itself, and how full its memory, disk and queues are."""
    found = [_alarm_finding(view), _gaps_finding(view)]
    for capacity in view.capacities:
        found += _capacity_findings(view, capacity, thresholds)
    if view.poll.memory is not None and view.poll.server == "redis":
        found.append(_policy_finding(view.poll.name, view.poll.memory.policy, view.poll.memory.limit))
    return found


def _policy_finding(name: str, policy: str | None, limit: int) -> Finding:
    """Whether a Redis evicts keys, or has no limit."""
    unsafe = policy not in (None, "noeviction") or not limit
    return Finding(
        name="broker-policy", subject=name, value=float(unsafe), warning=1.0, critical=None,
        message=describe_policy(name, policy, limit),
    )  # fmt: skip


def _capacity_findings(view: View, capacity: Capacity, thresholds: Thresholds) -> list[Finding]:
    """How full one limit is, and how soon it will be full.

    While an alarm of the broker is on, or once it is critically full, the other one says nothing.
    """
    backlog = backlog_of(view, capacity)
    sentences = [describe_capacity(view, capacity)]
    if capacity.limit.is_memory:
        sentences += [describe_owners(view), describe_depth(view)]
    full_name, near_name = QUEUE_ALERTS if capacity.limit.queue else BROKER_ALERTS
    full = Finding(
        name=full_name,
        subject=subject_of(view, capacity),
        value=None if capacity.reached else capacity.ratio,
        warning=thresholds.capacity * WARNING_SHARE,
        critical=thresholds.capacity,
        message=" ".join(filter(None, (*sentences, describe_backlog(backlog)))),
        task=backlog[0].task if backlog else None,
        queue=capacity.limit.queue,
    )
    near = replace(
        full,
        name=near_name,
        value=None if capacity.ratio >= thresholds.capacity else _seconds_left(capacity.forecast),
        warning=thresholds.soon,
        critical=thresholds.soon * CRITICAL_FORECAST_SHARE,
        lower_is_worse=True,
    )
    return [full, near]


def subject_of(view: View, capacity: Capacity) -> str:
    """What an alert about one limit is about: the broker where it is its memory."""
    name = capacity.limit.queue or view.poll.name
    return name if capacity.limit.is_memory else f"{name} ({capacity.limit.kind})"


def backlog_of(view: View, capacity: Capacity) -> Sequence[TaskBacklog]:
    """The tasks that wait in the queue of a limit, or in all queues of the broker."""
    if capacity.limit.queue is None:
        return view.backlog
    return next((each.backlog for each in view.queues if each.queue.name == capacity.limit.queue), ())


def _alarm_finding(view: View) -> Finding:
    """Whether the broker itself says that it is at a limit."""
    alarmed = bool(view.poll.alarms)
    backlog = view.backlog if alarmed else []
    return Finding(
        name="broker-alarm", subject=view.poll.name, value=float(alarmed), warning=None, critical=1.0,
        message=f"{describe_alarms(view)} {describe_backlog(backlog)}".rstrip(),
        task=backlog[0].task if backlog else None,
    )  # fmt: skip


def _gaps_finding(view: View) -> Finding:
    """Whether there is something that the broker doesn't let us read."""
    gaps = view.poll.gaps
    return Finding(
        name="broker-gaps", subject=view.poll.name, value=float(bool(gaps)), warning=1.0, critical=None,
        message=" ".join(gaps) or f"{view.poll.name} can be read completely.",
    )  # fmt: skip


def _seconds_left(forecast: Forecast | None) -> float:
    """Seconds until it is full; infinite where it isn't filling."""
    return math.inf if forecast is None else forecast.seconds


def _queue_findings(view: QueueView, thresholds: Thresholds) -> list[Finding]:
    """Whether a queue's workers keep up, and whether it keeps to the thresholds that are set for it."""
    queue = view.queue
    load = Finding(
        name="queue-load",
        subject=queue.name,
        queue=queue.name,
        task=view.backlog[0].task if view.backlog else None,
        message=describe_queue(view),
        value=view.load if queue.depth else 0.0,
        warning=1.0,
        critical=None,
    )
    limited = (
        ("queue-depth", float(queue.depth), thresholds.depth.get(queue.name)),
        ("queue-age", (queue.oldest or 0) / SECOND, thresholds.age.get(queue.name)),
    )
    found = [
        replace(load, name=name, value=value, warning=limit * thresholds.capacity, critical=limit)
        for name, value, limit in limited
        if limit is not None
    ]
    return [load, *found, *_setup_findings(view)]


def _setup_findings(view: QueueView) -> list[Finding]:
    """Whether a queue of RabbitMQ is set up so that it loses tasks, or as RabbitMQ 4 no longer allows."""
    queue = view.queue
    drops = Finding(
        name="queue-drops", subject=queue.name, queue=queue.name, warning=1.0, critical=None,
        value=float(queue.drops_oldest), message=describe_overflow(queue.name, drops=queue.drops_oldest),
    )  # fmt: skip
    mirrored = replace(
        drops, name="queue-mirrored", value=float(queue.mirrored),
        message=describe_mirroring(queue.name, mirrored=queue.mirrored),
    )  # fmt: skip
    return [drops, mirrored]


def _overrun_finding(view: QueueView, overruns: Sequence[Overrun]) -> Finding:
    """Whether a job of one queue runs past its limit, far past its task's own p99, or has lost its worker."""
    name = view.queue.name
    worst = max((each for each in overruns if each.job.queue == name), key=excess, default=None)
    return Finding(
        name="queue-overrun", subject=name, queue=name, warning=1.0, critical=None,
        value=excess(worst) if worst else 0.0,
        task=worst.job.task if worst else None,
        message=describe_overrun(worst) if worst else f"{printable(name)}: no job runs too long.",
    )  # fmt: skip


def excess(overrun: Overrun) -> float:
    """How far a run is over what it may take; an alert begins at 1."""
    if overrun.why == "lost" or not overrun.allowed:
        return 1.0
    return overrun.took / overrun.allowed / (OVERRUN_ALERT_FACTOR if overrun.why == "p99" else 1.0)
