"""Send the monitor, with every heartbeat of a worker, what runs in it and what it has prefetched.

It is one Celery event, `worker-slowtask`, whatever the number of tasks: its size depends on the pool, not on
the traffic.
"""

import weakref
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from celery.bootsteps import RUN
from celery.worker import state

from slowtask.celery import facts
from slowtask.record.guard import Guard, Trouble

EVENT_TYPE: Final = "worker-slowtask"
MAX_RUNNING: Final = 200  #: running tasks in one event
MAX_WAITING: Final = 50  #: task names in one event, with the number of their prefetched messages

_consumer: "weakref.ref[Any] | None" = None


def note_consumer(sender: Any, **_: Any) -> None:
    """Keep the consumer *sender* of a worker that takes tasks from now on."""
    global _consumer  # noqa: PLW0603 - one process, one worker
    with Guard(Trouble.NEWS):
        _consumer = weakref.ref(sender)


def send_event(sender: Any, **_: Any) -> None:
    """Send the event with a beat of the heart *sender*, unless the worker is ending."""
    with Guard(Trouble.NEWS):
        consumer = _consumer() if _consumer else None
        if consumer is None or consumer.task_consumer is None:
            return
        if consumer.controller.blueprint.state == RUN:
            sender.eventer.send(EVENT_TYPE, **event_fields(consumer))


def event_fields(consumer: Any) -> dict[str, Any]:
    """Return the event's own fields; a time is in seconds, since the epoch if it names a moment."""
    active, reserved = copy_requests(state.active_requests), copy_requests(state.reserved_requests)
    begun = {request.id for request in active}
    waiting = Counter(
        (request.name, facts.queue_name(facts.make_context(request), request.app))
        for request in reserved
        if request.id not in begun
    )
    return {
        "pool": type(consumer.pool).__module__.rpartition(".")[2],
        "concurrency": consumer.pool.num_processes,
        "queues": [queue.name for queue in consumer.task_consumer.queues],
        "processed": state.all_total_count[0],
        "running": [running_task(request) for request in active[:MAX_RUNNING]],
        "waiting": [[task, queue, count] for (task, queue), count in waiting.most_common(MAX_WAITING)],
    }


def running_task(request: Any) -> dict[str, Any]:
    """Return the event's fields of one running task."""
    hard, soft = request.time_limits
    return {
        "id": request.id,
        "name": request.name,
        "queue": facts.queue_name(facts.make_context(request), request.app),
        "since": request.time_start,
        "limit": hard or soft or request.task.time_limit or request.task.soft_time_limit,
        "pid": request.worker_pid,
    }


def copy_requests(requests: Iterable[Any]) -> list[Any]:
    """Copy *requests*, a set that threads may change meanwhile; return an empty list if they do."""
    with suppress(RuntimeError):
        return list(requests)
    return []
