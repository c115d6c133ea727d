"""What Celery's signals call: in the process that publishes, in the one that runs the task, in its parent."""

import threading
import time
from typing import Any

from celery import signals
from celery.worker.state import active_requests

from slowtask.celery import death, facts, heartbeat, request, worker
from slowtask.celery.attempt import Attempt
from slowtask.record.build import Ending
from slowtask.record.guard import guarded


class Local(threading.local):
    """What runs in a thread, or greenlet: a task may run another at once."""

    def __init__(self) -> None:
        self.stack: list[Attempt | None] = []


_local = Local()


def connect() -> None:
    """Have Celery call us; twice does no harm."""
    for signal, receiver in (
        (signals.before_task_publish, published),
        (signals.task_prerun, began),
        (signals.task_postrun, ended),
        (signals.task_revoked, revoked),
        (signals.task_unknown, unknown),
        (signals.worker_init, starting),
        (signals.worker_ready, heartbeat.ready),
        (signals.heartbeat_sent, heartbeat.send),
        (signals.worker_shutdown, stopping),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"slowtask.{receiver.__name__}")


def published(
    headers: dict[str, Any] | None = None,
    properties: dict[str, Any] | None = None,
    routing_key: str | None = None,
    declare: Any = None,
    **_: Any,
) -> None:
    """A task is about to be published: note when, and on which queue where its routing doesn't say."""
    with guarded:
        now = time.time()
        if headers is not None:
            headers[facts.PUBLISHED] = now  # a retry comes with what its first attempt had
            headers.pop(facts.QUEUE, None)
            if declare and len(declare) == 1 and declare[0].name not in (routing_key, None):
                headers[facts.QUEUE] = declare[0].name
        if properties is not None:
            properties.setdefault("timestamp", int(now))  # by it RabbitMQ knows how old its first message is


def began(sender: Any, **_: Any) -> None:
    """A task is about to run in this process."""
    stack = _local.stack
    stack.append(None)  # whatever goes wrong, `ended` finds one for each
    with guarded:
        stack[-1] = Attempt(sender.request_stack.top, worker.here())


def ended(sender: Any, state: str | None = None, retval: Any = None, **_: Any) -> None:
    """It has run, in whatever way that ended."""
    with guarded:
        attempt = _local.stack.pop() if _local.stack else None
        if attempt is not None:
            attempt.close(sender, state, retval)


def revoked(
    sender: Any, request: Any = None, terminated: bool = False, expired: bool = False, **_: Any  # noqa: FBT001, FBT002
) -> None:  # fmt: skip
    """A task won't begin: by command, or because it has expired. One that ran is told of otherwise."""
    with guarded:
        if not terminated:
            how = Ending("stopped", reason="expired" if expired else "revoked")
            death.write_unbegun(how, sender.name, sender.app, request)


def unknown(sender: Any, name: str = "", message: Any = None, exc: Any = None, **_: Any) -> None:
    """A worker has received a task that it doesn't know; *sender* is its consumer."""
    with guarded:
        death.write_unknown(sender, name, message, exc)


def starting(sender: Any, **_: Any) -> None:
    """The worker *sender* is about to start in this process."""
    with guarded:
        worker.begin(sender)
        request.witness(sender.app)


def stopping(**_: Any) -> None:
    """A worker has ended; what still ran was killed with it."""
    for each in list(active_requests):
        with guarded:
            death.write_death(Ending("killed", reason="worker shutdown"), each)
