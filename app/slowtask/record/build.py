"""Build the event of an attempt from what the hooks know of it, for all queue systems."""

import socket
import traceback
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypedDict

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
MAX_MESSAGE_LENGTH: Final = 1024
MAX_TRACE_LENGTH: Final = 8192
MAX_TRACE_FRAMES: Final = 40


class RunFields(TypedDict, total=False):
    """The keywords of `run`, for hooks that pass some of them on; what isn't known is left out or None."""

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
    span: Keyword | None


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


def run(  # noqa: PLR0913 - to pass them on as a dict would take twice as long
    how: Ending,
    job: object,
    taken: Taken | None = None,
    *,
    id: Keyword,  # noqa: A002 - as the field is called
    task: Keyword,
    start: Instant | None = None,
    duration: Nanoseconds | None = None,
    margin: Nanoseconds | None = None,
    task_id: Keyword | None = None,
    attempt: Ordinal | None = None,
    wait: Nanoseconds | None = None,
    cpu: Nanoseconds | None = None,
    memory: Bytes | None = None,
    queue: Keyword | None = None,
    system: Name | None = None,
    worker: Keyword | None = None,
    host: Keyword | None = None,
    pid: Number | None = None,
    trace: Keyword | None = None,
    span: Keyword | None = None,
) -> Run:
    """Make the event of an attempt.

    Args:
        how: How the attempt ended.
        job: The queue system's own job or request, which the labels callback gets.
        taken: What `Timer.stop` returned. None if this process didn't run the attempt; then give *start*,
            *duration*, *cpu* and *memory* as far as they are known. An attempt that never began has none.
        id: What tells the attempt from all others, see `identity`.
        task: The task's full name.
        start: Aware.
        duration: In ns, as *margin*, *wait* and *cpu*.
        margin: The duration is ± this.
        task_id: Cut if it is long, as *task*, *queue* and *worker*.
        attempt: 1 for the first.
        wait: From enqueue to start.
        cpu: User + system.
        memory: In bytes.
        queue: Its name.
        system: `rq`, `celery`, …
        worker: Its name.
        host: The machine's name, see `host`.
        pid: Of the process that ran it.
        trace: The id of the trace, see `open_trace`.
        span: The id of the span in it.

    Returns:
        The event, for `write`. It ended when *taken* says, else now.

    Example:
        ```python
        event = run(FINISHED, job, timer.stop(), id=identity(job.id), task="shop.mail.send", system="rq")
        write(event)
        ```
    """
    settings = current_settings()
    if taken is not None:
        start, duration, cpu, memory = taken.start, taken.duration, taken.cpu, taken.memory
    if len(task) + len(task_id or "") + len(queue or "") + len(worker or "") > MAX_NAME_LENGTH:
        task = cut_tail(task, MAX_NAME_LENGTH)
        task_id, queue, worker = map(cut_name, (task_id, queue, worker))
    event = Run(
        timestamp=datetime.now(UTC) if taken is None else taken.end,
        id=id,
        dataset=DATASET,
        start=start,
        duration=duration,
        margin=margin,
        outcome="success" if how is FINISHED else how.outcome,
        action=how.action,
        reason=how.reason,
        task=task,
        task_id=task_id,
        attempt=attempt,
        wait=wait,
        cpu=cpu,
        memory=memory,
        queue=queue,
        system=system,
        worker=worker,
        host=host,
        pid=pid,
        service=settings.service_name,
        version=settings.service_version,
        environment=settings.service_environment,
        labels=make_labels(job, settings) if settings.labels else None,
        trace=trace,
        span=span,
    )
    if how.error is None:
        return event
    return msgspec.structs.replace(event, **error_fields(how.error, settings))


def cut_name(name: str | None) -> str | None:
    """Cut a *name* or an id of any length."""
    return None if name is None else cut_tail(name, MAX_NAME_LENGTH)


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
