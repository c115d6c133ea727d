"""EVENT: the record of one attempt of one task.

`Run` is the one source of field names, their order, units and types: the line, the parser, DuckDB's
columns and the documented table are made from it or tested against it. Names are ECS's where ECS has
one; a duration is a whole number of nanoseconds; a time is aware and UTC; what isn't known is absent.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, field

DATASET: Final = "slowtask.run"
#: Our other kinds of line: they may share a file with runs, and are none.
OTHER_DATASETS: Final = frozenset({"slowtask.queue", "slowtask.alert"})

SECOND: Final = 1_000_000_000  #: ns
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
LONG_MAX: Final = 2**63 - 1
SHORT_MAX: Final = 2**15 - 1

#: `extra["type"]` is Elasticsearch's name for the type.
Instant = Annotated[datetime, Meta(tz=True, extra={"type": "date"})]
Keyword = Annotated[str, Meta(extra={"type": "keyword"})]
Name = Annotated[str, Meta(min_length=1, max_length=64, extra={"type": "keyword"})]
Text = Annotated[str, Meta(extra={"type": "text"})]
Nanoseconds = Annotated[int, Meta(ge=0, le=LONG_MAX, extra={"type": "long"})]
Bytes = Annotated[int, Meta(ge=0, le=LONG_MAX, extra={"type": "long"})]
Number = Annotated[int, Meta(ge=0, le=LONG_MAX, extra={"type": "long"})]
Ordinal = Annotated[int, Meta(ge=1, le=SHORT_MAX, extra={"type": "short"})]
Labels = Annotated[dict[str, str], Meta(extra={"type": "object"})]

Outcome = Literal["success", "failure", "unknown"]
Action = Literal["finished", "failed", "timed-out", "retried", "killed", "stopped", "abandoned"]


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt of one task, however it ended."""

    timestamp: Instant = field(name="@timestamp")  #: when the attempt ended
    id: Keyword = field(name="event.id")  #: the same however often the record is sent
    dataset: Literal["slowtask.run"] = field(name="event.dataset")
    start: Instant | None = field(name="event.start", default=None)
    duration: Nanoseconds | None = field(name="event.duration", default=None)  #: Task-time, monotonic
    margin: Nanoseconds | None = field(
        name="event.margin", default=None
    )  #: duration is ± this; exact if absent
    outcome: Outcome = field(name="event.outcome")
    action: Action | None = field(name="event.action", default=None)
    reason: Keyword | None = field(name="event.reason", default=None)  #: `signal 9`, `exit status 1`
    task: Keyword = field(name="task.name")  #: the dotted path
    task_id: Keyword | None = field(name="task.id", default=None)
    attempt: Ordinal | None = field(name="task.attempt", default=None)  #: 1 for the first
    wait: Nanoseconds | None = field(name="task.wait", default=None)  #: from enqueue to start
    cpu: Nanoseconds | None = field(name="task.cpu", default=None)  #: user + system
    memory: Bytes | None = field(name="task.memory", default=None)  #: peak RSS of the process
    queue: Keyword | None = field(name="queue.name", default=None)
    system: Name | None = field(name="queue.system", default=None)  #: `rq`, `celery`, or another of those
    worker: Keyword | None = field(name="worker.name", default=None)
    host: Keyword | None = field(name="host.name", default=None)
    pid: Number | None = field(name="process.pid", default=None)
    service: Keyword | None = field(name="service.name", default=None)
    version: Keyword | None = field(name="service.version", default=None)
    environment: Keyword | None = field(name="service.environment", default=None)
    error: Keyword | None = field(name="error.type", default=None)
    message: Text | None = field(name="error.message", default=None)
    stack_trace: Text | None = field(name="error.stack_trace", default=None)
    labels: Labels | None = None
    trace: Keyword | None = field(name="trace.id", default=None)


def fields(run: Run) -> dict[str, Any]:
    """The event as a flat dict: dotted names in the line's order, JSON values, no unknowns."""
    record: dict[str, Any] = msgspec.to_builtins(run)
    if whole_seconds(run):
        record["@timestamp"] = iso(run.timestamp)
        if run.start is not None:
            record["event.start"] = iso(run.start)
    return record


def whole_seconds(run: Run) -> bool:
    """Whether a time of *run* has no fraction, which msgspec then leaves out, and `iso` doesn't."""
    return not run.timestamp.microsecond or (run.start is not None and not run.start.microsecond)


def iso(time: datetime) -> str:
    """*time* (aware) in UTC as `2026-11-23T18:47:58.145554Z`: microseconds, always."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def identity(text: str) -> str:
    """32 hex digits that name the attempt which *text* tells from all others: the start of its SHA-256."""
    return sha256(text.encode(errors="backslashreplace"), usedforsecurity=False).hexdigest()[:32]


def types(kind: type[msgspec.Struct] = Run) -> dict[str, str]:
    """Elasticsearch's type for each field of a line of *kind*, in order: `{"@timestamp": "date", …}`."""
    return {each.encode_name: _type(each.type) for each in msgspec.structs.fields(kind)}


def _type(annotation: Any) -> str:
    """The type named in an annotation's `Meta`; a `Literal` is a keyword."""
    for part in (annotation, *getattr(annotation, "__args__", ())):
        for meta in getattr(part, "__metadata__", ()):
            return str(meta.extra["type"])
    return "keyword"


def moment(microseconds: int) -> datetime:
    """*microseconds* since the epoch as an aware time, UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """An aware *time* as microseconds since the epoch."""
    return (time - EPOCH) // MICROSECOND
