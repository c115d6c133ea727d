"""The experiment on RabbitMQ, a queue's own limit: publish faster than workers work, until it is full.

Once with the overflow `reject-publish` and confirms: tasks are refused. Once with `drop-head`, the default:
tasks are dropped, and nobody is told. The limit is a policy's, `max-length`; the argument `x-max-length` does
the same.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from slowtask.demo.beside import Alarm, Beside, Step
from slowtask.demo.jobs import QUEUE
from slowtask.demo.rabbitmq.publisher import OK, Mails, Publisher, Publishing, publishing
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.rabbitmq.stage import (
    CONF,
    PATIENCE,
    PAUSE,
    Pace,
    Worker,
    beside,
    numbers,
    settled,
    version,
    waiting,
)
from slowtask.demo.workers import require_celery
from slowtask.errors import BrokerError
from slowtask.watch.settings import Thresholds

ROOM: Final = 400  #: tasks that may wait
RATE: Final = 10  #: tasks a second
MORE: Final = 200  #: tasks that are published when it is full
LIMIT: Final = 5_000  #: tasks; never reached, but no loop is without end
OVERFLOWS: Final = ("reject-publish", "drop-head")
SLOW: Final = Pace(rate=RATE, seconds=10.0, watched=20.0)
FAST: Final = Pace(rate=10 * RATE, seconds=1.0, watched=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """What was measured, up to the first task too many."""

    server: str  #: its name and version
    overflow: str  #: `reject-publish`, `drop-head`
    room: int  #: tasks that may wait
    tasks: int  #: published by then
    seconds: float  #: from the first; at ten a second, however fast it was


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What became of all tasks, more having been published to the full queue."""

    watched: float  #: seconds since it was full
    finished: int  #: tasks that workers ended meanwhile
    confirmed: Publishing  #: all of them, with `confirm_publish`
    error: str | None  #: the first
    default: Publishing  #: more, then, with Celery's defaults
    first: int  #: the oldest task that waits; 1 was published first
    last: int  #: the newest
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """All of one way to be full."""

    full: Full
    alarms: tuple[Alarm, ...]  #: the first of each name, in order; all before it was full
    aftermath: Aftermath


def run(folder: Path, step: Step, *, fast: bool) -> tuple[Overflow, ...]:
    """Let a queue of a RabbitMQ of its own be full, in both ways. Raises `BrokerError`.

    *fast*: ten times as fast, and tasks of up to a second.
    """
    require_celery()
    with RabbitMQ(folder, conf=CONF) as node:
        return tuple(overflow(folder, node, step, how, fast=fast) for how in OVERFLOWS)


def overflow(folder: Path, node: RabbitMQ, step: Step, how: str, *, fast: bool) -> Overflow:
    """Have the queue be full in one way; it is gone afterwards."""
    pace = FAST if fast else SLOW
    mails = Mails(queue=QUEUE, confirm=True, rate=pace.rate, seconds=pace.seconds)
    node.ask("PUT", "/policies/%2F/room", policy(how))
    with (
        Worker(folder, node, step) as worker,
        Publisher(folder, node.url, mails) as publisher,
        beside(node, RATE, fast=fast) as monitor,
    ):
        await_limit(monitor)
        monitor.begin(Thresholds().capacity)
        full = fill(node, publisher, monitor, step, how)
        step(f"full, {how}: what becomes of more tasks?")
        default = replace(mails, confirm=False, before=publisher.asked + MORE)
        unconfirmed = Publisher(folder, node.url, default)
        aftermath = look_on(node, worker, (publisher, unconfirmed), step, pace)
        alarms = monitor.told(before=full.seconds)
    node.ask("DELETE", f"/queues/%2F/{QUEUE}")
    return Overflow(full=full, alarms=alarms, aftermath=aftermath)


def policy(how: str) -> dict[str, Any]:
    """What limits the queue."""
    definition = {"max-length": ROOM, "overflow": how}
    return {"pattern": f"^{QUEUE}$", "apply-to": "queues", "definition": definition}


def await_limit(monitor: Beside) -> None:
    """Return when RabbitMQ tells of the queue's limit: some statistics later. Raises `BrokerError`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        view = monitor.poll(0)
        if view and any(each.limit.queue == QUEUE for each in view.capacities):
            return
        time.sleep(PAUSE)
    raise BrokerError("RabbitMQ doesn't tell the limit of its queue: try again.")


def fill(node: RabbitMQ, publisher: Publisher, monitor: Beside, step: Step, how: str) -> Full:
    """Publish until the queue holds no more. Raises `BrokerError` where that never comes."""
    while publisher.asked < LIMIT:
        publisher.publish(RATE, PATIENCE)
        view = monitor.poll(publisher.asked)
        depth = next((each.queue.depth for each in view.queues if each.queue.name == QUEUE), 0) if view else 0
        if depth >= ROOM or publisher.ok < len(publisher.said):
            break
        step(f"{how}: {publisher.ok:,} tasks published, {depth:,} of {ROOM:,} wait")
    else:
        raise BrokerError(f"{LIMIT:,} tasks filled no queue of {ROOM:,}: the worker is too fast.")
    return Full(
        server=version(node), overflow=how, room=ROOM, tasks=publisher.ok,
        seconds=monitor.seconds(publisher.ok, publisher.last),
    )  # fmt: skip


def look_on(
    node: RabbitMQ, worker: Worker, publishers: tuple[Publisher, Publisher], step: Step, pace: Pace
) -> Aftermath:
    """What becomes of more, published at the same rate, then of as many by the second publisher."""
    publisher, default = publishers
    start, ended = time.monotonic(), worker.ended()
    publisher.publish(MORE, PATIENCE)
    time.sleep(max(0.0, start + pace.watched - time.monotonic()))
    watched, finished = time.monotonic() - start, worker.ended() - ended
    held = worker.hold()
    before = waiting(node, QUEUE)
    step("and of those that nobody confirms?")
    with default:
        default.publish(MORE, PATIENCE)
    after = settled(node, QUEUE, held)
    more = waiting(node, QUEUE) - before
    left = numbers(node, QUEUE)
    return Aftermath(
        watched=watched, finished=finished, confirmed=publishing(publisher, after - more),
        error=next((each for each in publisher.said if each != OK), None),
        default=publishing(default, more),
        first=min(left), last=max(left), waiting=len(left),
    )  # fmt: skip
