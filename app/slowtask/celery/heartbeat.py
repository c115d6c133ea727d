"""What a worker tells the monitor with every heartbeat: what runs in it, and what waits in it, prefetched.

One Celery event, `worker-slowtask`, whatever the number of tasks: its size follows the pool, not the traffic.
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

EVENT: Final = "worker-slowtask"
MOST_RUNNING: Final = 200
MOST_WAITING: Final = 50  #: tasks

_consumer: "weakref.ref[Any] | None" = None


def ready(sender: Any, **_: Any) -> None:
    """The worker whose consumer is *sender* takes tasks from now on."""
    global _consumer  # noqa: PLW0603 - one process, one worker
    with Guard(Trouble.NEWS):
        _consumer = weakref.ref(sender)


def send(sender: Any, **_: Any) -> None:
    """Send the news of this moment, with a beat of the heart *sender*; none from a worker that is ending."""
    with Guard(Trouble.NEWS):
        consumer = _consumer() if _consumer else None
        if consumer is None or consumer.task_consumer is None:
            return
        if consumer.controller.blueprint.state == RUN:
            sender.eventer.send(EVENT, **told(consumer))


def told(consumer: Any) -> dict[str, Any]:
    """The event's own fields; times are in seconds, since the epoch where they name a moment."""
    active, reserved = listed(state.active_requests), listed(state.reserved_requests)
    begun = {each.id for each in active}
    waiting = Counter(
        (each.name, facts.queue(facts.context(each), each.app)) for each in reserved if each.id not in begun
    )
    return {
        "pool": type(consumer.pool).__module__.rpartition(".")[2],
        "concurrency": consumer.pool.num_processes,
        "queues": [each.name for each in consumer.task_consumer.queues],
        "processed": state.all_total_count[0],
        "running": [running(each) for each in active[:MOST_RUNNING]],
        "waiting": [[task, queue, count] for (task, queue), count in waiting.most_common(MOST_WAITING)],
    }


def running(request: Any) -> dict[str, Any]:
    """One task that runs."""
    hard, soft = request.time_limits
    return {
        "id": request.id,
        "name": request.name,
        "queue": facts.queue(facts.context(request), request.app),
        "since": request.time_start,
        "limit": hard or soft or request.task.time_limit or request.task.soft_time_limit,
        "pid": request.worker_pid,
    }


def listed(requests: Iterable[Any]) -> list[Any]:
    """*requests*, a set that threads may change meanwhile; empty where they do."""
    with suppress(RuntimeError):
        return list(requests)
    return []
