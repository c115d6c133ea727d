"""WATCH: polls and alerts as the lines that Filebeat ships."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypedDict

from slowtask.record import event
from slowtask.record.event import SECOND, moment
from slowtask.record.sample import ALERT_DATASET, QUEUE_DATASET, Alert, BrokerSample, Level, QueueSample
from slowtask.watch.alerts import Key, Notification
from slowtask.watch.summary import is_known
from slowtask.watch.verdict import LEVELS, Finding
from slowtask.watch.view import QueueView, View


class VerdictFields(TypedDict):
    """What a sample has of a verdict."""

    verdict: Level
    cause: str | None
    since: datetime | None


def sample_lines(
    view: View, found: Sequence[Finding] = (), began: Mapping[Key, float] | None = None
) -> list[QueueSample | BrokerSample]:
    """The samples of one poll: a line for each queue and one for the broker.

    *found* is all that the poll found, and *began* has the seconds since the epoch when its alerts began.
    """
    poll = view.poll
    leading = find_leading(found)
    time = moment(poll.time)
    lines: list[QueueSample | BrokerSample] = [
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
            **_verdict(leading.get(each.queue.name), began or {}, known=is_judged(each)),
        )
        for each in view.queues
    ]
    if view.capacities:
        lines.append(_broker_sample(view, _verdict(leading.get(None), began or {})))
    return lines


def find_leading(found: Iterable[Finding]) -> dict[str | None, Finding]:
    """Return the worst of what is *found* about each queue, and about none; of equals, the first."""
    leading: dict[str | None, Finding] = {}
    for finding in found:
        known = leading.get(finding.queue)
        if finding.state in ("warning", "critical") and (known is None or is_worse(finding, known)):
            leading[finding.queue] = finding
    return leading


def is_worse(finding: Finding, known: Finding) -> bool:
    """Whether *finding* is critical where *known* isn't."""
    return LEVELS.index(finding.level) > LEVELS.index(known.level)


def is_judged(queue: QueueView) -> bool:
    """Whether it can be known that *queue* is well: its workers and what leaves it, if jobs wait."""
    return not queue.queue.depth or (is_known(queue) and queue.departures is not None)


def _verdict(finding: Finding | None, began: Mapping[Key, float], *, known: bool = True) -> VerdictFields:
    """The fields of a verdict that *finding* leads to."""
    if finding is None:
        return {"verdict": "ok" if known else "unknown", "cause": None, "since": None}
    since = finding.since or began.get(finding.key)
    return {
        "verdict": finding.level,
        "cause": finding.name,
        "since": moment(round(since * 1e6)) if since else None,
    }


def _broker_sample(view: View, verdict: VerdictFields) -> BrokerSample:
    """The broker's own sample, with the *verdict* of what belongs to no queue."""
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
        **verdict,
    )


def alert_line(notification: Notification, message: str, cause: str | None = None) -> Alert:
    """The line of a notification with its *message*; *cause* is the alert that explains it."""
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
        cause=cause,
        blame=f"{finding.blame.label}={finding.blame.value}" if finding.blame else None,
        message=message,
    )


def _finite(value: float | None) -> float | None:
    """*value* as JSON can have it: None for a limit that won't be reached."""
    return value if value is not None and math.isfinite(value) else None
