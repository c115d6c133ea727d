"""Define the other kinds of event: the monitor's samples and alerts, and unparsed lines.

As in `event.py`, these classes are the one source of field names, units and types.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, field

from slowtask.record.event import Instant, Keyword, Nanoseconds, Number, Text

Ratio = Annotated[float, Meta(ge=0, extra={"type": "double"})]

QUEUE_DATASET: Final = "slowtask.queue"
ALERT_DATASET: Final = "slowtask.alert"
UNPARSED_DATASET: Final = "slowtask.unparsed"

State = Literal["ok", "warning", "critical"]
Level = Literal["ok", "unknown", "warning", "critical"]  #: a state, or that it isn't known; the worst last


class QueueSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one poll of the broker found of one queue."""

    timestamp: Instant = field(name="@timestamp")
    id: Keyword = field(name="event.id")
    dataset: Literal["slowtask.queue"] = field(name="event.dataset")
    queue: Keyword = field(name="queue.name")
    system: Keyword = field(name="queue.system")
    depth: Number | None = field(name="queue.depth", default=None)  #: jobs that wait in it
    running: Number | None = field(name="queue.running", default=None)
    scheduled: Number | None = field(name="queue.scheduled", default=None)
    deferred: Number | None = field(name="queue.deferred", default=None)
    failed: Number | None = field(name="queue.failed", default=None)
    workers: Number | None = field(name="queue.workers", default=None)
    busy: Number | None = field(name="queue.busy", default=None)  #: workers that run a job
    arrivals: Number | None = field(name="queue.arrivals", default=None)  #: since the last sample
    departures: Number | None = field(name="queue.departures", default=None)  #: since the last sample
    interval: Nanoseconds | None = field(name="queue.interval", default=None)  #: since the last sample
    oldest: Nanoseconds | None = field(
        name="queue.oldest", default=None
    )  #: how long the oldest job has waited
    load: Ratio | None = field(name="queue.load", default=None)  #: over 1 the queue grows
    verdict: Level | None = field(name="verdict.state", default=None)  #: of this queue
    cause: Keyword | None = field(name="verdict.cause", default=None)  #: the leading one; None if all is well
    since: Instant | None = field(name="verdict.since", default=None)  #: of the cause


class BrokerSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one poll found of the broker itself. It shares the data stream of the queues' samples."""

    timestamp: Instant = field(name="@timestamp")
    id: Keyword = field(name="event.id")
    dataset: Literal["slowtask.queue"] = field(name="event.dataset")
    system: Keyword = field(name="broker.system")
    name: Keyword = field(name="broker.name")
    policy: Keyword | None = field(name="broker.policy", default=None)  #: Redis' `maxmemory-policy`
    memory_used: Number | None = field(name="broker.memory.used", default=None)  #: bytes
    memory_max: Number | None = field(name="broker.memory.max", default=None)  #: bytes
    capacity: Ratio | None = field(name="broker.capacity", default=None)  #: 0 to 1, of the most-used limit
    limit: Keyword | None = field(name="broker.limit", default=None)  #: which limit that is
    full_in: Nanoseconds | None = field(
        name="broker.full_in", default=None
    )  #: the forecast; None: not filling
    verdict: Level | None = field(name="verdict.state", default=None)  #: of what belongs to no queue
    cause: Keyword | None = field(name="verdict.cause", default=None)  #: the leading one; None if all is well
    since: Instant | None = field(name="verdict.since", default=None)  #: of the cause


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of an alert's state."""

    timestamp: Instant = field(name="@timestamp")
    id: Keyword = field(name="event.id")
    dataset: Literal["slowtask.alert"] = field(name="event.dataset")
    name: Keyword = field(name="alert.name")
    state: State = field(name="alert.state")
    value: Ratio | None = field(name="alert.value", default=None)
    threshold: Ratio | None = field(name="alert.threshold", default=None)
    queue: Keyword | None = field(name="queue.name", default=None)
    task: Keyword | None = field(name="task.name", default=None)  #: to blame
    cause: Keyword | None = field(name="alert.cause", default=None)  #: the alert that explains this one
    blame: Keyword | None = field(name="alert.blame", default=None)  #: a label, as `tenant=acme`
    message: Text | None = None


class Unparsed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that Logstash's filter couldn't read as a run; `slowtask.parse` calls it `Unparsable`."""

    timestamp: Instant = field(name="@timestamp")  #: when it was read
    id: Keyword = field(name="event.id")
    dataset: Literal["slowtask.unparsed"] = field(name="event.dataset")
    reason: Keyword = field(name="event.reason")  #: a `slowtask.parse.Reason`
    original: Text = field(name="event.original")  #: the line, cut where it is long
    detail: Text | None = field(name="error.message", default=None)  #: which field is wrong
    path: Keyword | None = field(name="log.file.path", default=None)
    offset: Number | None = field(name="log.offset", default=None)  #: bytes
    host: Keyword | None = field(name="host.name", default=None)  #: the machine that has the file
