"""Define the event: the record of one attempt of one task.

`Run` is the one source of field names, their order, units and types: the line, the parser, DuckDB's
columns and the documented table are made from it or tested against it. Names come from the Elastic Common
Schema (ECS) where it has one. A duration is a whole number of nanoseconds, a time is aware and UTC, and an
unknown value is absent.
"""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, field

DATASET: Final = "slowtask.run"
#: slowtask's other kinds of line, which may be in the same file as runs.
OTHER_DATASETS: Final = frozenset({"slowtask.queue", "slowtask.alert"})

SECOND: Final = 1_000_000_000  #: ns
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
ID_BYTES: Final = 12
FIRST_IS_LETTER: Final = 0x7F  #: an id that began with `-` would look like an option or a formula
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
    """One attempt of one task, however it ended.

    Durations are in nanoseconds, memory is in bytes, times are aware and UTC. None means unknown, and the
    field is left out of the line. `slowtask.record.run` makes one.

    Example:
        ```python
        run = Run(
            timestamp=datetime.now(UTC),
            id=identity("job 7, attempt 1"),
            dataset="slowtask.run",
            outcome="success",
            action="finished",
            task="shop.mail.send",
            duration=1_500_000_000,
        )
        ```
    """

    timestamp: Instant = field(name="@timestamp")  #: when the attempt ended
    id: Keyword = field(name="event.id")  #: never changes, however often the record is sent
    dataset: Literal["slowtask.run"] = field(name="event.dataset")
    start: Instant | None = field(name="event.start", default=None)
    duration: Nanoseconds | None = field(name="event.duration", default=None)  #: the run time
    #: the duration is ± this; None: it is exact
    margin: Nanoseconds | None = field(name="event.margin", default=None)
    outcome: Outcome = field(name="event.outcome")
    action: Action | None = field(name="event.action", default=None)
    reason: Keyword | None = field(name="event.reason", default=None)  #: `signal 9`, `exit status 1`
    task: Keyword = field(name="task.name")  #: its full name, a dotted path
    task_id: Keyword | None = field(name="task.id", default=None)
    attempt: Ordinal | None = field(name="task.attempt", default=None)  #: 1 for the first
    wait: Nanoseconds | None = field(name="task.wait", default=None)  #: from enqueue to start
    cpu: Nanoseconds | None = field(name="task.cpu", default=None)  #: user + system
    memory: Bytes | None = field(name="task.memory", default=None)  #: peak RSS of the process
    queue: Keyword | None = field(name="queue.name", default=None)
    system: Name | None = field(name="queue.system", default=None)  #: `rq`, `celery`, …
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
    #: of the task, if it is sampled; of an attempt that another process records, the span that published it
    span: Keyword | None = field(name="span.id", default=None)


def fields(run: Run) -> dict[str, Any]:
    """Return the event as a flat dict: dotted names in the line's order, JSON values, no unknown ones."""
    record: dict[str, Any] = msgspec.to_builtins(run)
    if has_whole_second(run):
        record["@timestamp"] = iso(run.timestamp)
        if run.start is not None:
            record["event.start"] = iso(run.start)
    return record


def has_whole_second(run: Run) -> bool:
    """Tell whether a time of *run* has no microseconds: msgspec then leaves them out, `iso` doesn't."""
    return not run.timestamp.microsecond or (run.start is not None and not run.start.microsecond)


def iso(time: datetime) -> str:
    """Format *time* (aware) in UTC, always with microseconds: `2026-11-23T18:47:58.145554Z`."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def identity(text: str) -> str:
    """Make an `event.id` from a text.

    Args:
        text: Anything that tells this attempt from all others.

    Returns:
        16 letters, digits, `-` and `_`, from its SHA-256. The same text always has the same id.

    Example:
        >>> identity("celery:7d1c:1")
        'bzCOs3Gc94xG7MrV'
    """
    return write_id(sha256(text.encode("utf-8", "backslashreplace"), usedforsecurity=False).digest())


def write_id(chance: bytes) -> str:
    """Write the first 12 bytes of *chance* as an `event.id`, which begins with a letter.

    Base64 of whole triples: so Elasticsearch stores these 12 bytes, where 32 hex digits take it 24.
    """
    return urlsafe_b64encode(bytes((chance[0] & FIRST_IS_LETTER,)) + chance[1:ID_BYTES]).decode()


def types(kind: type[msgspec.Struct] = Run) -> dict[str, str]:
    """Return Elasticsearch's type of each field of *kind*, in order: `{"@timestamp": "date", …}`."""
    return {field.encode_name: _elasticsearch_type(field.type) for field in msgspec.structs.fields(kind)}


def _elasticsearch_type(annotation: Any) -> str:
    """Return the type that an annotation's `Meta` names; a `Literal` is a keyword."""
    for part in (annotation, *getattr(annotation, "__args__", ())):
        for meta in getattr(part, "__metadata__", ()):
            return str(meta.extra["type"])
    return "keyword"


def moment(microseconds: int) -> datetime:
    """Return the aware time, UTC, that is *microseconds* after the epoch."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """Return the microseconds from the epoch to an aware *time*."""
    return (time - EPOCH) // MICROSECOND
