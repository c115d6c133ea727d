"""OTEL: name what is sent of a run.

Metrics and spans have the attributes of the semantic conventions for messaging (in development, as of their
version 1.43), and slowtask's own where the conventions have none. Log records keep the event's fields.
"""

from functools import cache, lru_cache
from typing import Final

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.util.types import AttributeValue

from slowtask.record.event import Run, fields
from slowtask.units import duration, printable

SCOPE: Final = "slowtask"
EVENT_NAME: Final = "slowtask.run"
SYSTEM: Final = "messaging.system"
QUEUE: Final = "messaging.destination.name"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
ERROR: Final = "error.type"
TASK: Final = "slowtask.task.name"
ACTION: Final = "slowtask.action"
REASON: Final = "slowtask.reason"
INSTANCE: Final = "service.instance.id"
#: The attributes of a metric. Whatever else a measurement has goes to its exemplars only.
METRIC_KEYS: Final = frozenset({SYSTEM, QUEUE, OPERATION_NAME, OPERATION_TYPE, ERROR, TASK, ACTION, REASON})
PROCESS: Final = "process"  #: the conventions' type of an operation that processes a message
MAX_NAME_LENGTH: Final = 255  #: characters of a name in a metric
#: The fields of an event that its resource has.
RESOURCE_FIELDS: Final = {
    "service.name": "service.name",
    "service.version": "service.version",
    "service.environment": "deployment.environment.name",
    "host.name": "host.name",
}
#: The fields of an event that a log record has in places of their own.
RECORD_FIELDS: Final = ("@timestamp", "trace.id", "span.id")

Attributes = dict[str, AttributeValue]


def describe_task(run: Run) -> Attributes:
    """The attributes of all metrics of *run*: what was run, and from which queue."""
    return dict(_describe_task(run.system, run.queue, run.task))


@lru_cache(maxsize=5000)
def _describe_task(system: str | None, queue: str | None, task: str) -> Attributes:
    """Make them once for each task: they are the same in most runs."""
    found: Attributes = {
        OPERATION_NAME: PROCESS,
        OPERATION_TYPE: PROCESS,
        TASK: printable(task)[:MAX_NAME_LENGTH],
    }
    if system is not None:
        found[SYSTEM] = printable(system)
    if queue is not None:
        found[QUEUE] = printable(queue)[:MAX_NAME_LENGTH]
    return found


def describe_ending(run: Run) -> Attributes:
    """The attributes that say how *run* ended."""
    found: Attributes = {}
    if run.action is not None:
        found[ACTION] = run.action
    if run.outcome == "failure":
        found[ERROR] = printable(run.error or run.action or "_OTHER")[:MAX_NAME_LENGTH]
    return found


def describe_span(run: Run) -> Attributes:
    """The attributes of the span of *run*."""
    known = {
        "messaging.message.id": run.task_id,
        "event.id": run.id,
        "process.pid": run.pid,
        REASON: run.reason,
        "slowtask.task.attempt": run.attempt,
        "slowtask.worker.name": run.worker,
    }
    named: Attributes = {name: value for name, value in known.items() if value is not None}
    return describe_task(run) | describe_ending(run) | named


def make_resource(run: Run) -> Resource:
    """The resource of the process that recorded *run*: its service and host, and what `OTEL_*` says."""
    return resource_of(run.service, run.version, run.environment, run.host)


@lru_cache(maxsize=500)
def resource_of(
    service: str | None, version: str | None, environment: str | None, host: str | None
) -> Resource:
    """Make the resource of a service on a host; what is None is left to the variables `OTEL_*`."""
    values = zip(RESOURCE_FIELDS.values(), (service, version, environment, host), strict=True)
    known: Attributes = {name: value for name, value in values if value is not None}
    return _own_resource().merge(Resource(known))


@cache
def _own_resource() -> Resource:
    """What `OTEL_*` says, without the random instance id of the SDK: this process isn't the service's."""
    found = Resource.create()
    if INSTANCE in OTELResourceDetector().detect().attributes:
        return found
    kept = {name: value for name, value in found.attributes.items() if name != INSTANCE}
    return Resource(kept, found.schema_url)


def make_fields(run: Run) -> Attributes:
    """The fields of *run* for a log record, without those that its resource or the record itself has."""
    found = fields(run)
    for name in (*RESOURCE_FIELDS, *RECORD_FIELDS):
        found.pop(name, None)
    labels = found.pop("labels", None) or {}
    return found | {f"labels.{name}": value for name, value in labels.items()}


def tell(run: Run) -> str:
    """Say in a sentence how *run* ended: `shop.mail: failed after 1.2 s, ValueError: no address`."""
    how = run.action or run.outcome
    took = "" if run.duration is None else f" after {duration(run.duration / 1e9)}"
    why = run.reason or ": ".join(filter(None, (run.error, run.message)))
    return printable(f"{run.task}: {how}{took}" + (f", {why}" if why else ""))
