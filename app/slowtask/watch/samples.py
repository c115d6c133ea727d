"""WATCH: polls and alerts as the lines that Filebeat ships."""

import math
from datetime import UTC, datetime

from slowtask.record import event
from slowtask.record.event import SECOND, moment
from slowtask.record.sample import ALERT_DATASET, QUEUE_DATASET, Alert, BrokerSample, QueueSample
from slowtask.watch.alerts import Notification
from slowtask.watch.view import View


def sample_lines(view: View) -> list[QueueSample | BrokerSample]:
    """The samples of one poll: a line for each queue and one for the broker."""
    poll = view.poll
    time = moment(poll.time)
    found: list[QueueSample | BrokerSample] = [
        QueueSample(
            timestamp=time,
            id=event.identity(f"{poll.system}:{poll.name}:{each.queue.name}:{poll.time}"),
            dataset=QUEUE_DATASET,
            queue=each.queue.name,
            system=poll.system,
            depth=each.queue.depth,
            running=each.queue.running,
            scheduled=each.queue.scheduled,
            deferred=each.queue.deferred,
            failed=each.queue.failed,
            workers=each.workers,
            busy=each.busy,
            arrivals=each.flow.arrivals if each.flow else None,
            departures=each.flow.departures if each.flow else None,
            interval=each.flow.interval if each.flow else None,
            oldest=each.queue.oldest,
            load=each.load,
        )
        for each in view.queues
    ]
    if view.capacities:
        found.append(_broker_sample(view))
    return found


def _broker_sample(view: View) -> BrokerSample:
    """The broker's own sample."""
    poll, capacity, memory = view.poll, view.capacity, view.poll.memory
    return BrokerSample(
        timestamp=moment(poll.time),
        id=event.identity(f"{poll.system}:{poll.name}:{poll.time}"),
        dataset=QUEUE_DATASET,
        system=poll.server,
        name=poll.name,
        policy=memory.policy if memory else None,
        memory_used=memory.used if memory else None,
        memory_max=(memory.limit or memory.machine) if memory else None,
        capacity=capacity.ratio if capacity else None,
        limit=capacity.limit.name if capacity else None,
        full_in=round(view.forecast.seconds * SECOND) if view.forecast else None,
    )


def alert_line(notification: Notification) -> Alert:
    """The line of a notification."""
    finding, now = notification.finding, datetime.now(UTC)
    return Alert(
        timestamp=now,
        id=event.identity(f"{finding.name}:{finding.subject}:{now.timestamp()}"),
        dataset=ALERT_DATASET,
        name=finding.name,
        state=notification.state,
        value=_finite(finding.value),
        threshold=finding.threshold(notification.state),
        queue=finding.queue,
        task=finding.task,
        message=finding.text,
    )


def _finite(value: float | None) -> float | None:
    """*value* as JSON can have it: None for a limit that won't be reached."""
    return value if value is not None and math.isfinite(value) else None
