"""How Celery stores its queues on Redis: the keys of their lists, and what is in a message.

A queue is a list, newest task first, and one more list for each other priority. What workers have prefetched
or run is in one hash for all queues. Nothing of a task's arguments is decoded.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from slowtask.watch.broker import Queue
from slowtask.watch.broker.heartbeats import QueueWorkers
from slowtask.watch.broker.redis import as_text

DEFAULT_QUEUE: Final = "celery"  #: of a task that names none
SEPARATOR: Final = "\x06\x16"  #: kombu's, between a queue and its priority, and in bindings
BINDING_PREFIX: Final = "_kombu.binding."
#: The hash of tasks that workers have; `unacked_index` has when each was given to a worker (epoch, seconds).
UNACKED_KEY: Final = "unacked"
INTERNAL_EXCHANGES: Final = ("celeryev", "celery.pidbox", "reply.celery.pidbox")
PRIORITIES: Final = range(10)
MAX_TAIL_SIZE: Final = 65_536  #: bytes of a task that is searched for
MAX_TASK_NAME: Final = 512  #: characters


class Headers(msgspec.Struct, frozen=True):
    """What Celery, and slowtask's hook, write beside a task."""

    task: str | None = None
    slowtask_published: float | None = None  #: epoch, seconds


class Message(msgspec.Struct, frozen=True):
    """A task as it is in a list. Its arguments aren't read."""

    headers: Headers = Headers()


#: What is read of one list: its length, its newest task, the position of the previous poll's newest task, its
#: oldest task; then the length and the newest task again.
ListRow = Sequence[Any]
decode: Final = msgspec.json.Decoder(Message).decode


def make_queue(name: str, rows: Sequence[ListRow], workers: QueueWorkers | None, clock: int) -> Queue:
    """Make the queue *name* of what was read of its lists."""
    times = [time for time in (published_at(oldest) for _, _, _, oldest, *_ in rows) if time is not None]
    used = [row for row in rows if row[0]]
    newest = used[0][1] if len(used) == 1 and len(used[0][1] or b"") <= MAX_TAIL_SIZE else None
    return Queue(
        name=name,
        depth=sum(row[0] for row in rows),
        running=workers.running if workers else None,
        workers=workers.slots if workers else None,
        busy=workers.busy if workers else None,
        oldest=max(0, clock - min(times)) * 1000 if times else None,
        head=_head_of(rows),
        tail=as_text(newest) if newest else None,
        behind_tail=_behind_tail(rows),
    )


def _head_of(rows: Sequence[ListRow]) -> str | None:
    """Return the oldest task's text where it isn't long, in which it differs from every other."""
    oldest = next((row[3] for row in rows if row[3]), None)
    return as_text(oldest) if oldest and len(oldest) <= MAX_TAIL_SIZE else None


def _behind_tail(rows: Sequence[ListRow]) -> int | None:
    """Return how many tasks arrived after the previous poll's newest; None if that task has left."""
    positions = [row[2] for row in rows if row[2] is not None]
    others = sum(row[0] for row in rows if row[2] is None)
    return positions[0] + others if len(positions) == 1 else None


def list_keys(queue: str) -> list[str]:
    """Return the keys of the lists of *queue*, one for each priority."""
    return [f"{queue}{SEPARATOR}{priority}" if priority else queue for priority in PRIORITIES]


def position_of(number: int, lengths: Mapping[str, int]) -> tuple[str, int]:
    """Return the list, and the index in it, of task *number* of all tasks in lists of *lengths*."""
    for key, length in lengths.items():
        if number < length:
            return key, number
        number -= length
    raise ValueError(number)


def queue_of(member: bytes) -> str:
    """Return the queue in a *member* of an exchange's bindings."""
    return as_text(member).rpartition(SEPARATOR)[2]


def published_at(message: bytes | None) -> int | None:
    """Return when *message* was published, in µs since the epoch; None without slowtask's hook."""
    headers = _headers(message or b"")
    published = headers.slowtask_published if headers else None
    return None if published is None else round(published * 1_000_000)


def task_of(message: bytes) -> str | None:
    """Return the name of the task in *message*; None if it has none."""
    headers = _headers(message)
    return headers.task[:MAX_TASK_NAME] if headers and headers.task else None


def _headers(message: bytes) -> Headers | None:
    """Return the headers of *message*; None if it isn't one of Celery's."""
    try:
        return decode(message).headers
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
