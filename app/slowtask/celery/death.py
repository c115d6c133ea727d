"""Record attempts that ended in another process than ran them, or that never began."""

import os
import time
from datetime import UTC, datetime
from typing import Any, Unpack

from billiard.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery import Celery
from celery.app.task import Context

from slowtask import record
from slowtask.celery import facts, memory
from slowtask.celery.worker import current_worker
from slowtask.record import Ending, RunFields
from slowtask.record.board import Note
from slowtask.record.event import SECOND
from slowtask.record.lost import exit_reason


def write_death(how: Ending, request: Any) -> None:
    """Write the record of a *request* that a pool process had begun, unless that process has written it.

    The first ending counts. In a process without a pool of processes this does nothing.
    """
    worker, pid = current_worker(), request.worker_pid
    if not worker.is_parent or not worker.board or not request.time_start or not pid:
        return
    context = facts.make_context(request)
    if not worker.board.lacks_record(key := facts.attempt_key(context), pid):
        return
    note = worker.board.read(pid)
    start, clock = start_of(request, note if note.name == key else None)
    write(
        how,
        request.task.app,
        context,
        task=request.task.name,
        id=facts.event_id(key, context, pid, clock),
        pid=pid,
        start=start,
        duration=time.monotonic_ns() - clock,
        memory=memory.peak_of(pid),
        wait=facts.wait(context, start),
    )
    worker.board.note_recorded(pid)


def start_of(request: Any, note: Note | None) -> tuple[datetime, int]:
    """Return when *request* began, by wall clock and monotonic clock.

    That is what its process noted, else when Celery says that a process took it.
    """
    if note and note.start:
        return note.start, note.clock
    ago = max(0, time.time_ns() - round(request.time_start * SECOND))
    return datetime.fromtimestamp(request.time_start, UTC), time.monotonic_ns() - ago


def write_unbegun(how: Ending, task: str, app: Celery, context: Any) -> None:
    """Write the record of an attempt of *task* that no process began."""
    key = facts.attempt_key(context)
    event_id = facts.event_id(key, context, os.getpid(), time.monotonic_ns())
    write(how, app, context, task=task, id=event_id)


def write(how: Ending, app: Celery, context: Any, **fields: Unpack[RunFields]) -> None:
    """Write the record of the attempt that *context* describes, of a task of *app*.

    This process didn't run it, so *fields* have its id, its task and what else is known.
    """
    trace, span = record.carried_trace(vars(context))
    common: RunFields = {
        "task_id": context.id,
        "attempt": facts.attempt_number(context),
        "queue": facts.queue_name(context, app),
        "system": "celery",
        "worker": context.hostname,
        "host": record.host(),
        "trace": trace,
        "span": span,
    }
    record.write(record.run(how, context, **(common | fields)))


def ending(error: BaseException) -> Ending:
    """Return how an attempt ended of which the main process gets *error*."""
    match error:
        case TimeLimitExceeded():
            return Ending("timed-out", error=error)
        case WorkerLostError() | Terminated():
            return Ending("killed", reason=exit_reason(str(error)))
        case SystemExit():
            return Ending("killed", reason=f"exit status {exit_status(error.code)}")
        case KeyboardInterrupt():
            return Ending("killed", reason="signal 2")
    return Ending("failed", error=error)


def exit_status(code: object) -> int:
    """Return the exit status of a process that raised `SystemExit(code)`."""
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


def write_unknown(consumer: Any, name: str, message: Any, error: BaseException | None) -> None:
    """Write the record of a task *name* that the worker of *consumer* received and doesn't know."""
    headers = message.headers or {}
    context = Context(headers, hostname=consumer.hostname, delivery_info=message.delivery_info)
    write_unbegun(Ending("failed", error=error), name, consumer.app, context)
