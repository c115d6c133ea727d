"""Handle Celery's signals: in the publisher, in the process that runs the task, and in its main process."""

import threading
import time
from typing import Any

from celery import signals
from celery.worker.state import active_requests

from slowtask.celery import death, facts, heartbeat, request, worker
from slowtask.celery.attempt import Attempt
from slowtask.record import Ending, guarded
from slowtask.record.guard import Trouble, report_trouble


class Local(threading.local):
    """The attempts that run in a thread or greenlet: a task may run another one inside itself."""

    def __init__(self) -> None:
        self.stack: list[Attempt | None] = []


_local = Local()


def connect() -> None:
    """Connect the hooks to Celery's signals; a second call changes nothing."""
    for signal, receiver in (
        (signals.before_task_publish, note_publishing),
        (signals.task_prerun, begin_attempt),
        (signals.task_postrun, end_attempt),
        (signals.task_revoked, record_revoked),
        (signals.task_unknown, record_unknown),
        (signals.worker_init, begin_worker),
        (signals.worker_ready, heartbeat.note_consumer),
        (signals.heartbeat_sent, heartbeat.send_event),
        (signals.worker_shutdown, end_worker),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"slowtask.{receiver.__name__}")


def note_publishing(
    headers: dict[str, Any] | None = None,
    properties: dict[str, Any] | None = None,
    routing_key: str | None = None,
    declare: Any = None,
    **_: Any,
) -> None:
    """Note in a message when it is published, and on which queue if its routing key doesn't say so."""
    with guarded:
        now = time.time()
        if headers is not None:
            headers[facts.PUBLISHED_HEADER] = now  # a retry comes with the headers of its first attempt
            headers.pop(facts.QUEUE_HEADER, None)
            if declare and len(declare) == 1 and declare[0].name not in (routing_key, None):
                headers[facts.QUEUE_HEADER] = declare[0].name
        if properties is not None:
            properties.setdefault("timestamp", int(now))  # tells RabbitMQ how old its first message is


def begin_attempt(sender: Any, **_: Any) -> None:
    """Begin an attempt: the task *sender* is about to run in this process."""
    stack = _local.stack
    stack.append(None)  # so that `end_attempt` has one to take even if the next lines fail
    try:
        stack[-1] = Attempt(sender.request_stack.top, worker.current_worker())
    except Exception as error:
        report_trouble(Trouble.EVENT, error)


def end_attempt(sender: Any, state: str | None = None, retval: Any = None, **_: Any) -> None:
    """End the attempt: the task *sender* has run."""
    try:
        stack = _local.stack
        attempt = stack.pop() if stack else None
        if attempt is not None:
            attempt.close(sender, state, retval)
    except Exception as error:
        report_trouble(Trouble.EVENT, error)


def record_revoked(
    sender: Any, request: Any = None, terminated: bool = False, expired: bool = False, **_: Any  # noqa: FBT001, FBT002
) -> None:  # fmt: skip
    """Record a task that won't begin: it is revoked or has expired. A terminated one ran, see `request`."""
    with guarded:
        if not terminated:
            how = Ending("stopped", reason="expired" if expired else "revoked")
            death.write_unbegun(how, sender.name, sender.app, request)


def record_unknown(sender: Any, name: str = "", message: Any = None, exc: Any = None, **_: Any) -> None:
    """Record a task that a worker received and doesn't know; *sender* is the worker's consumer."""
    with guarded:
        death.write_unknown(sender, name, message, exc)


def begin_worker(sender: Any, **_: Any) -> None:
    """Prepare for the worker *sender*, which is about to start in this process."""
    with guarded:
        worker.begin(sender)
        request.replace_request_classes(sender.app)


def end_worker(**_: Any) -> None:
    """Record what still ran when the worker ended, since it was killed with it."""
    for active in list(active_requests):
        with guarded:
            death.write_death(Ending("killed", reason="worker shutdown"), active)
