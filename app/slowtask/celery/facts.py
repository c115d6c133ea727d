"""Read from a Celery request what its record needs.

The functions take a `Context`, which is the same in the main process and where the task runs.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from celery import Celery
from celery.app.task import Context

from slowtask.record.event import SECOND, SHORT_MAX, identity

#: Headers that the publishers' hooks add, since Celery has neither.
PUBLISHED_HEADER: Final = "slowtask_published"  #: seconds since the epoch
QUEUE_HEADER: Final = "slowtask_queue"  #: only if the queue's name isn't the routing key
MAX_PUBLISHED: Final = 1e11  #: seconds since the epoch: a header may hold anything


def make_context(request: Any) -> Context:
    """Return the context that the task of *request*, a request of the main process, sees."""
    return Context(request.request_dict)


def wait(request: Any, start: datetime) -> int | None:
    """Return the ns from publishing, or from the eta if that is later, to *start*; None without a header.

    0 if the clocks of two machines disagree about the order.
    """
    published: Any = getattr(request, PUBLISHED_HEADER, None)
    if type(published) not in (float, int) or not 0 < published < MAX_PUBLISHED:
        return None
    eta = request.eta
    waited = start.timestamp() - (max(published, eta_seconds(eta)) if eta else published)
    return round(waited * SECOND) if waited > 0 else 0


def eta_seconds(eta: str) -> float:
    """Convert a request's *eta* to seconds since the epoch; 0 if it can't be read."""
    try:
        time = datetime.fromisoformat(eta)
    except (TypeError, ValueError):
        return 0.0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def attempt_number(request: Any) -> int:
    """Return which attempt of the task this is, from 1."""
    number = int(request.retries or 0) + 1
    return number if 1 <= number <= SHORT_MAX else min(max(number, 1), SHORT_MAX)


def attempt_key(request: Any) -> str:
    """Return a text that tells this attempt from the others of its task."""
    return f"{request.id}:{request.retries or 0}"


def event_id(key: str, request: Any, pid: int, clock: int) -> str:
    """Return the id of the attempt *key* of *request*, which began at *clock*, `time.monotonic_ns()`.

    Main process and pool process make the same id. Another delivery of the same task has another id.
    """
    return identity(f"{key}:{request.hostname}:{pid}:{clock}")


def queue_name(request: Any, app: Celery) -> str | None:
    """Return the queue that *request* came from; None if it ran where it was called."""
    named: str | None = getattr(request, QUEUE_HEADER, None)
    if named:
        return named
    if request.is_eager:
        return None
    info = request.delivery_info or {}
    exchange, routing_key = info.get("exchange"), info.get("routing_key")
    return routing_key if not routing_key or not exchange else bound_queue(app, exchange, routing_key)


@lru_cache(maxsize=1000)
def bound_queue(app: Celery, exchange: str, routing_key: str) -> str:
    """Return the queue of *app* with this binding; the *routing_key* if there is none or more than one."""
    names = [
        str(queue.name)
        for queue in app.amqp.queues.values()
        if queue.exchange.name == exchange and queue.routing_key == routing_key
    ]
    return names[0] if len(names) == 1 else routing_key
