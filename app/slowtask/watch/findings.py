"""WATCH: what a poll gives to alarm of, in figures and in the sentences that a person reads."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from typing import Final

from slowtask.errors import BrokerError
from slowtask.record.event import SECOND
from slowtask.units import printable
from slowtask.watch.alarm import Finding
from slowtask.watch.judge import Blame, Capacity, Forecast, Overrun
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import QueueView, View
from slowtask.watch.words import (
    alarm_text,
    blame_text,
    capacity_text,
    overrun_text,
    owners_text,
    policy_text,
    queue_text,
    remedy_text,
    waiting_text,
)

CRITICAL_SHARE: Final = 1 / 6  #: of the seconds from which a forecast is a warning
FAR: Final = 3.0  #: times its p99 that a run takes before that is worth an alarm
OF_BROKER: Final = ("broker-capacity", "broker-full-soon")
OF_QUEUE: Final = ("queue-capacity", "queue-full-soon")


def findings(view: View, thresholds: Thresholds) -> list[Finding]:
    """All that alarms are made of."""
    of_queues = (each for queue in view.queues for each in _of_queue(queue, thresholds))
    return [*_of_broker(view, thresholds), *of_queues, *map(_of_runs, view.queues, repeat(view.overruns))]


def unseen(name: str, error: BrokerError | None) -> Finding:
    """That the broker called *name* can't be seen, or is seen again."""
    return Finding(
        name="broker-unseen",
        subject=name,
        value=0.0 if error is None else 1.0,
        warning=None,
        critical=1.0,
        message=f"{name} is seen again." if error is None else f"nothing is known of the queues: {error}",
    )


def _of_broker(view: View, thresholds: Thresholds) -> list[Finding]:
    """Its memory and disk, and its queues' own thresholds: how full, how soon full, and what happens then."""
    found = [_alarm(view), _blind(view)]
    found += [each for one in view.capacities for each in _of_capacity(view, one, thresholds)]
    poll = view.poll
    if poll.memory is not None and poll.server == "redis":
        odd = poll.memory.policy not in (None, "noeviction") or not poll.memory.limit
        found.append(
            Finding(
                name="broker-policy", subject=poll.name, value=float(odd), warning=1.0, critical=None,
                message=policy_text(poll.name, poll.memory.policy, poll.memory.limit),
            )
        )  # fmt: skip
    return found


def _of_capacity(view: View, capacity: Capacity, thresholds: Thresholds) -> list[Finding]:
    """One limit."""
    owned = owners_text(view) + waiting_text(view) if capacity.limit.is_memory else ""
    blamed = blamed_for(view, capacity)
    full_name, near_name = OF_QUEUE if capacity.limit.queue else OF_BROKER
    # Once an alarm is on, or it is critically full, that alone is told.
    full = Finding(
        name=full_name,
        subject=subject(view, capacity),
        value=None if capacity.reached else capacity.ratio,
        warning=thresholds.capacity * 0.9,
        critical=thresholds.capacity,
        message=capacity_text(view, capacity) + owned + blame_text(blamed) + remedy_text(view, capacity),
        task=blamed[0].task if blamed else None,
        queue=capacity.limit.queue,
    )
    near = replace(
        full,
        name=near_name,
        value=None if capacity.ratio >= thresholds.capacity else _seconds_left(capacity.forecast),
        warning=thresholds.soon,
        critical=thresholds.soon * CRITICAL_SHARE,
        lower_is_worse=True,
    )
    return [full, near]


def subject(view: View, capacity: Capacity) -> str:
    """What an alarm about one limit is about: the broker where it is its memory."""
    name = capacity.limit.queue or view.poll.name
    return name if capacity.limit.is_memory else f"{name} ({capacity.limit.kind})"


def blamed_for(view: View, capacity: Capacity) -> Sequence[Blame]:
    """The tasks to blame for what fills a queue, or the broker."""
    if capacity.limit.queue is None:
        return view.backlog
    return next((each.blamed for each in view.queues if each.queue.name == capacity.limit.queue), ())


def _alarm(view: View) -> Finding:
    """Whether the broker says itself that it is at a limit."""
    poll, blamed = view.poll, view.backlog
    return Finding(
        name="broker-alarm", subject=poll.name, value=float(bool(poll.alarms)), warning=None, critical=1.0,
        message=alarm_text(view) + (blame_text(blamed) if poll.alarms else ""),
        task=blamed[0].task if blamed and poll.alarms else None,
    )  # fmt: skip


def _blind(view: View) -> Finding:
    """Whether there is something that can't be told."""
    poll = view.poll
    return Finding(
        name="broker-gaps", subject=poll.name, value=float(bool(poll.gaps)), warning=1.0, critical=None,
        message=" ".join(poll.gaps) or f"{poll.name} tells all.",
    )  # fmt: skip


def _seconds_left(forecast: Forecast | None) -> float:
    """Seconds until it is full; infinite where it isn't filling."""
    return math.inf if forecast is None else forecast.seconds


def _of_queue(view: QueueView, thresholds: Thresholds) -> list[Finding]:
    """Whether its workers keep up, and the thresholds that were set for it."""
    queue = view.queue
    task = view.blamed[0].task if view.blamed else None
    text = queue_text(view)
    found = [
        Finding(
            name="queue-load", subject=queue.name, queue=queue.name, task=task, message=text,
            value=view.load if queue.depth else 0.0, warning=1.0, critical=None,
        )
    ]  # fmt: skip
    for name, value, limit in (
        ("queue-depth", float(queue.depth), thresholds.depth.get(queue.name)),
        ("queue-age", (queue.oldest or 0) / SECOND, thresholds.age.get(queue.name)),
    ):
        if limit is not None:
            found.append(
                Finding(
                    name=name, subject=queue.name, queue=queue.name, task=task, message=text, value=value,
                    warning=limit * thresholds.capacity, critical=float(limit),
                )
            )  # fmt: skip
    return [*found, *_of_kind(view)]


def _of_kind(view: QueueView) -> list[Finding]:
    """What is wrong with how the queue is made: told where it is so, and where it is no more."""
    name = printable(view.queue.name)
    return [
        Finding(
            name="queue-drops", subject=view.queue.name, queue=view.queue.name, warning=1.0, critical=None,
            value=float(view.queue.drops_oldest),
            message=f"{name} has a limit and drops its oldest tasks there, without a word: set overflow to"
            " reject-publish, and have publishers confirm_publish."
            if view.queue.drops_oldest
            else f"{name} drops nothing.",
        ),
        Finding(
            name="queue-mirrored", subject=view.queue.name, queue=view.queue.name, warning=1.0, critical=None,
            value=float(view.queue.mirrored),
            message=f"{name} is mirrored by a policy (ha-mode), which RabbitMQ 4 no longer does: make it a"
            " quorum queue."
            if view.queue.mirrored
            else f"{name} isn't mirrored.",
        ),
    ]  # fmt: skip


def _of_runs(view: QueueView, overruns: Sequence[Overrun]) -> Finding:
    """Whether a job of one queue runs past its limit, far past its task's own p99, or is lost."""
    name = view.queue.name
    mine = [each for each in overruns if each.job.queue == name]
    worst = max(mine, key=excess, default=None)
    return Finding(
        name="queue-overrun", subject=name, queue=name, warning=1.0, critical=None,
        value=excess(worst) if worst else 0.0,
        task=worst.job.task if worst else None,
        message=overrun_text(worst) if worst else f"{printable(name)}: no job runs for too long.",
    )  # fmt: skip


def excess(overrun: Overrun) -> float:
    """1 from where it is worth an alarm: one run in a hundred is past its p99 as a matter of course."""
    if overrun.why == "lost" or not overrun.allowed:
        return 1.0
    return overrun.took / overrun.allowed / (FAR if overrun.why == "p99" else 1.0)
