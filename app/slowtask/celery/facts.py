"""What a Celery request says of itself: a `Context`, the same in the parent and where it runs."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from celery import Celery
from celery.app.task import Context

from slowtask.record.event import SECOND, SHORT_MAX, identity

#: Headers that our publishers add: Celery itself tells neither.
PUBLISHED: Final = "slowtask_published"  #: seconds since the epoch
QUEUE: Final = "slowtask_queue"  #: only where it isn't the routing key
LATEST: Final = 1e11  #: seconds since the epoch: a header may hold anything


def context(request: Any) -> Context:
    """*request*, as the parent has it, as its task sees it."""
    return Context(request.request_dict)


def wait(request: Any, start: datetime) -> int | None:
    """ns from publishing, or from the eta where that is later, to *start*; None where no header tells.

    0 where two machines' clocks disagree about the order.
    """
    published: Any = getattr(request, PUBLISHED, None)
    if type(published) not in (float, int) or not 0 < published < LATEST:
        return None
    due = max(published, seconds(request.eta)) if request.eta else published
    waited: float = start.timestamp() - due
    return max(0, round(waited * SECOND))


def seconds(eta: str) -> float:
    """An *eta* of a request in seconds since the epoch; 0 where it can't be read."""
    try:
        found = datetime.fromisoformat(eta)
    except (TypeError, ValueError):
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def attempt(request: Any) -> int:
    """Which attempt of the task this is, from 1."""
    return min(max(int(request.retries or 0) + 1, 1), SHORT_MAX)


def key(request: Any) -> str:
    """What tells this attempt from the others of its task."""
    return f"{request.id}:{request.retries or 0}"


def event_id(request: Any, pid: int, clock: int) -> str:
    """The id of an attempt that began at *clock*, `time.monotonic_ns()`: known to parent and child.

    The same task, delivered once more, has another.
    """
    return identity(f"{key(request)}:{request.hostname}:{pid}:{clock}")


def queue(request: Any, app: Celery) -> str | None:
    """The queue that *request* came from; None where it came from none, as with `task_always_eager`."""
    named: str | None = getattr(request, QUEUE, None)
    if named:
        return named
    if is_eager(request):
        return None
    info = request.delivery_info or {}
    exchange, routing_key = info.get("exchange"), info.get("routing_key")
    return routing_key if not routing_key or not exchange else routed(app, exchange, routing_key)


@lru_cache(maxsize=1000)
def routed(app: Celery, exchange: str, routing_key: str) -> str:
    """The queue of *app* that is bound so; the *routing_key* where there is none, or more than one."""
    found = [
        str(each.name)
        for each in app.amqp.queues.values()
        if each.exchange.name == exchange and each.routing_key == routing_key
    ]
    return found[0] if len(found) == 1 else routing_key


def is_eager(request: Any) -> bool:
    """Whether it runs at once where it is called: `task_always_eager`, `apply()`."""
    return bool(request.is_eager)
