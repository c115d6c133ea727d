"""Build the event of an attempt from what the hooks know of it, for all queue systems."""

import socket
import sys
import traceback
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, TypedDict, Unpack

import msgspec

from slowtask.record.event import (
    DATASET,
    Action,
    Bytes,
    Instant,
    Keyword,
    Name,
    Nanoseconds,
    Number,
    Ordinal,
    Outcome,
    Run,
)
from slowtask.record.guard import guarded
from slowtask.record.labels import make_labels
from slowtask.record.line import cut_head, cut_tail
from slowtask.record.settings import Settings, current_settings
from slowtask.record.timer import Taken

MAX_NAME_LENGTH: Final = 512  #: characters of a name or an id
#: The fields that hold names and ids of any length.
NAME_FIELDS: Final[tuple[Literal["task", "task_id", "queue", "worker"], ...]] = (
    "task",
    "task_id",
    "queue",
    "worker",
)
MAX_MESSAGE_LENGTH: Final = 1024
MAX_TRACE_LENGTH: Final = 8192
MAX_TRACE_FRAMES: Final = 40


class RunFields(TypedDict, total=False):
    """The fields of `Run` that hooks give to `run`; what isn't known is left out or None.

    `run` itself sets the others, from the ending and the settings. A type checker refuses a misspelt field.
    """

    id: Keyword
    start: Instant | None
    duration: Nanoseconds | None
    margin: Nanoseconds | None
    task: Keyword
    task_id: Keyword | None
    attempt: Ordinal | None
    wait: Nanoseconds | None
    cpu: Nanoseconds | None
    memory: Bytes | None
    queue: Keyword | None
    system: Name | None
    worker: Keyword | None
    host: Keyword | None
    pid: Number | None
    trace: Keyword | None


class Ending(msgspec.Struct, frozen=True):
    """How an attempt ended.

    Args:
        action: One of `finished`, `failed`, `timed-out`, `retried`, `killed`, `stopped`, `abandoned`.
        reason: Why it was killed or stopped: `signal 9`, `expired`.
        error: The exception, whose type, message and stack trace the record gets as the settings allow.
        known: Whether it is known how its work ended; if not, the outcome is `unknown`.

    Example:
        ```python
        Ending("failed", error=error)
        Ending("killed", reason="signal 9")
        ```
    """

    action: Action
    reason: str | None = None
    error: BaseException | None = None
    known: bool = True

    @property
    def outcome(self) -> Outcome:
        """`success` if it finished, else `failure`; `unknown` if it isn't known."""
        if not self.known:
            return "unknown"
        return "success" if self.action == "finished" else "failure"


#: The ending of an attempt that returned.
FINISHED: Final = Ending("finished")


def run(how: Ending, job: object, taken: Taken | None = None, **fields: Unpack[RunFields]) -> Run:
    """Make the event of an attempt.

    Args:
        how: How the attempt ended.
        job: The queue system's own job or request, which the labels callback gets.
        taken: What `Timer.stop` returned. None if this process didn't run the attempt; then *fields* may
            have `start` and `duration`, which an attempt that never began doesn't have.
        **fields: `Run`'s other fields; `id` and `task` are required. Durations are in ns, memory in bytes,
            times aware. Names and ids of any length are cut.

    Returns:
        The event, for `write`. It ended when *taken* says, else now.

    Example:
        ```python
        event = run(FINISHED, job, timer.stop(), id=identity(job.id), task="shop.mail.send", system="rq")
        write(event)
        ```
    """
    settings = current_settings()
    if taken is None:
        timestamp = datetime.now(UTC)
    else:
        timestamp = taken.end
        fields["start"], fields["duration"] = taken.start, taken.duration
        fields["cpu"], fields["memory"] = taken.cpu, taken.memory
    for name in NAME_FIELDS:
        if (text := fields.get(name)) is not None and len(text) > MAX_NAME_LENGTH:
            fields[name] = cut_tail(text, MAX_NAME_LENGTH)
    event = Run(
        timestamp=timestamp,
        dataset=DATASET,
        outcome=how.outcome,
        action=how.action,
        reason=how.reason,
        service=settings.service_name,
        version=settings.service_version,
        environment=settings.service_environment,
        labels=make_labels(job, settings) if settings.labels else None,
        **fields,
    )
    if how.error is None:
        return event
    return msgspec.structs.replace(event, **error_fields(how.error, settings))


def error_fields(error: BaseException, settings: Settings) -> dict[str, Any]:
    """Return `Run`'s fields of *error*: its type, and its message and trace as the settings allow."""
    values = {"error": cut_tail(type_name(type(error)), MAX_NAME_LENGTH)}
    if settings.error_message:
        with guarded:
            values["message"] = cut_tail(str(error), MAX_MESSAGE_LENGTH)
    if settings.stack_trace:
        with guarded:
            values["stack_trace"] = cut_head(
                format_trace(error, message=settings.error_message), MAX_TRACE_LENGTH
            )
    return values


def type_name(kind: type[BaseException]) -> str:
    """Return `ValueError`; outside builtins with the module: `redis.exceptions.ConnectionError`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def format_trace(error: BaseException, *, message: bool) -> str:
    """Format the innermost frames of *error*; without *message* only frames: a message can hold secrets."""
    if message:
        return "".join(traceback.format_exception(error, limit=-MAX_TRACE_FRAMES))
    return "".join(traceback.format_tb(error.__traceback__, limit=-MAX_TRACE_FRAMES))


@cache
def host() -> str:
    """Return the name of this machine, for `Run.host`."""
    return socket.gethostname()


def trace_id() -> str | None:
    """Return the id of the trace that OpenTelemetry or Elastic APM has open here, for `Run.trace`.

    Call it while the task runs. None if neither is in use or no trace is open.
    """
    if (telemetry := sys.modules.get("opentelemetry.trace")) is not None:
        context = telemetry.get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None
    if (apm := sys.modules.get("elasticapm")) is not None:
        trace: str | None = apm.get_trace_id()
        return trace
    return None
