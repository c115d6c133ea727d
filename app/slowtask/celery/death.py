"""The records of attempts that ended in another process than ran them, or were never begun."""

import os
import time
from datetime import UTC, datetime
from typing import Any

from billiard.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery import Celery
from celery.app.task import Context

from slowtask import record
from slowtask.celery import facts
from slowtask.celery.worker import here
from slowtask.record import Ending, lost
from slowtask.record.board import Noted
from slowtask.record.event import SECOND


def write_death(how: Ending, request: Any) -> None:
    """Write the record of a *request* that a process of our pool had begun, unless that process has.

    The first that is told stands; in a process that has no pool of processes this does nothing.
    """
    worker, pid = here(), request.worker_pid
    if not worker.is_parent or not worker.board or not request.time_start or not pid:
        return
    context = facts.context(request)
    if not worker.board.owes(key := facts.key(context), pid):
        return
    noted = worker.board.read(pid)
    start, clock = began(request, noted if noted.name == key else None)
    write(
        how,
        request.task.name,
        request.task.app,
        context,
        id=facts.event_id(context, pid, clock),
        pid=pid,
        start=start,
        duration=time.monotonic_ns() - clock,
        wait=facts.wait(context, start),
    )
    worker.board.recorded(pid)


def began(request: Any, noted: Noted | None) -> tuple[datetime, int]:
    """When *request* began, by both clocks: as its process *noted*, else when a process took it."""
    if noted and noted.start:
        return noted.start, noted.clock
    ago = max(0, time.time_ns() - round(request.time_start * SECOND))
    return datetime.fromtimestamp(request.time_start, UTC), time.monotonic_ns() - ago


def write_unbegun(how: Ending, task: str, app: Celery, context: Any) -> None:
    """Write the record of an attempt of *task* that no process began."""
    write(how, task, app, context, id=facts.event_id(context, os.getpid(), time.monotonic_ns()))


def write(how: Ending, task: str, app: Celery, context: Any, **seen: Any) -> None:
    """Write the record of an attempt of *task*, of *app*, that this process didn't run: that of *context*."""
    record.write(
        record.run(
            how,
            context,
            task=task,
            task_id=context.id,
            attempt=facts.attempt(context),
            queue=facts.queue(context, app),
            system="celery",
            worker=context.hostname,
            host=record.host(),
            **seen,
        )
    )


def ending(error: BaseException) -> Ending:
    """How an attempt ended of which its parent is told *error*."""
    match error:
        case TimeLimitExceeded():
            return Ending("timed-out", error=error)
        case WorkerLostError() | Terminated():
            return Ending("killed", reason=lost.reason(str(error)))
        case SystemExit():
            return Ending("killed", reason=f"exit status {status(error.code)}")
        case KeyboardInterrupt():
            return Ending("killed", reason="signal 2")
    return Ending("failed", error=error)


def status(code: object) -> int:
    """The exit status of a process that raised `SystemExit(code)`."""
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


def write_unknown(consumer: Any, name: str, message: Any, error: BaseException | None) -> None:
    """Write the record of a task *name* that the worker of *consumer* received and doesn't know."""
    headers = message.headers or {}
    context = Context(headers, hostname=consumer.hostname, delivery_info=message.delivery_info)
    write_unbegun(Ending("failed", error=error), name, consumer.app, context)
