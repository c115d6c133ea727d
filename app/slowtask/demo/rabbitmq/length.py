"""The length part: publish faster than workers work, until a queue with a maximum length is full.

Once with the overflow policy `reject-publish` and confirms, where RabbitMQ refuses tasks. Once with
`drop-head`, the default, where it drops tasks without an error. The limit `max-length` comes from a policy;
the argument `x-max-length` of a queue does the same.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from slowtask.demo.beside import Alert, MonitorBeside, Step
from slowtask.demo.jobs import QUEUE
from slowtask.demo.rabbitmq.publisher import OK, Mails, Publisher, Publishing, sum_up
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.rabbitmq.stage import (
    CONF,
    PAUSE,
    TIMEOUT,
    Pace,
    Worker,
    count_arrived,
    count_waiting,
    monitor_beside,
    take_numbers,
    version,
)
from slowtask.demo.workers import require_celery
from slowtask.errors import BrokerError
from slowtask.watch.settings import Thresholds

ROOM: Final = 400  #: tasks that may wait
RATE: Final = 10  #: tasks a second
MORE_TASKS: Final = 200  #: that each publisher publishes when the queue is full
MAX_TASKS: Final = 5_000  #: never reached; only ends the loop
OVERFLOWS: Final = ("reject-publish", "drop-head")
SLOW: Final = Pace(rate=RATE, seconds=10.0, watched=20.0)
FAST: Final = Pace(rate=10 * RATE, seconds=1.0, watched=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """What was measured until the first task too many."""

    server: str  #: its name and version
    overflow: str  #: the overflow policy, `reject-publish` or `drop-head`
    room: int  #: tasks that may wait
    tasks: int  #: published by then
    seconds: float  #: since the first task; with *fast*, as if at ten a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What happened to all tasks, after more had been published to the full queue."""

    watched: float  #: seconds since it was full
    finished: int  #: tasks that workers finished meanwhile
    confirmed: Publishing  #: the publisher with `confirm_publish`, from the beginning
    error: str | None  #: its first error
    default: Publishing  #: a publisher with Celery's defaults, after that
    first: int  #: number of the oldest waiting task; 1 was published first
    last: int  #: number of the newest
    waiting: int  #: tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """The result for one overflow policy."""

    full: Full
    alarms: tuple[Alert, ...]  #: the first alert of each name before it was full, in order
    aftermath: Aftermath


def run(folder: Path, step: Step, *, fast: bool) -> tuple[Overflow, ...]:
    """Fill a queue of a temporary RabbitMQ, under each overflow policy, and see what happens to more tasks.

    Args:
        folder: For the files of the node, the worker and the publishers.
        step: Is called with a sentence about what is going on.
        fast: Whether to publish ten times as fast, tasks of up to a second.

    Raises:
        BrokerError: If RabbitMQ or the worker doesn't start.
    """
    require_celery()
    with RabbitMQ(folder, conf=CONF) as node:
        return tuple(run_policy(folder, node, step, overflow, fast=fast) for overflow in OVERFLOWS)


def run_policy(folder: Path, node: RabbitMQ, step: Step, overflow: str, *, fast: bool) -> Overflow:
    """Fill the queue under one overflow policy, and delete it afterwards."""
    pace = FAST if fast else SLOW
    mails = Mails(queue=QUEUE, confirm=True, rate=pace.rate, seconds=pace.seconds)
    node.ask("PUT", "/policies/%2F/room", policy(overflow))
    with (
        Worker(folder, node, step) as worker,
        Publisher(folder, node.url, mails) as publisher,
        monitor_beside(node, RATE, fast=fast) as monitor,
    ):
        await_limit(monitor)
        monitor.begin(Thresholds().capacity)
        full = fill(node, publisher, monitor, step, overflow)
        step(f"The queue is full, with {overflow}. What happens to more tasks?")
        defaults = replace(mails, confirm=False, before=publisher.asked + MORE_TASKS)
        unconfirmed = Publisher(folder, node.url, defaults)
        aftermath = watch_all(node, worker, (publisher, unconfirmed), step, pace)
        alarms = monitor.alerts_before(full.seconds)
    node.ask("DELETE", f"/queues/%2F/{QUEUE}")
    return Overflow(full=full, alarms=alarms, aftermath=aftermath)


def policy(overflow: str) -> dict[str, Any]:
    """The policy that limits the queue, for the management API."""
    definition = {"max-length": ROOM, "overflow": overflow}
    return {"pattern": f"^{QUEUE}$", "apply-to": "queues", "definition": definition}


def await_limit(monitor: MonitorBeside) -> None:
    """Return when RabbitMQ's statistics have the queue's limit. Raises `BrokerError`."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        view = monitor.poll(0)
        if view and any(capacity.limit.queue == QUEUE for capacity in view.capacities):
            return
        time.sleep(PAUSE)
    raise BrokerError(f"RabbitMQ didn't report the queue's limit within {TIMEOUT:.0f} s: try again.")


def fill(node: RabbitMQ, publisher: Publisher, monitor: MonitorBeside, step: Step, overflow: str) -> Full:
    """Publish until the queue is full. Raises `BrokerError` if it doesn't fill."""
    while publisher.asked < MAX_TASKS:
        publisher.publish(RATE, TIMEOUT)
        view = monitor.poll(publisher.asked)
        depth = next((each.queue.depth for each in view.queues if each.queue.name == QUEUE), 0) if view else 0
        if depth >= ROOM or publisher.ok < len(publisher.results):
            break
        step(f"{overflow}: {publisher.ok:,} tasks published, {depth:,} of {ROOM:,} wait.")
    else:
        raise BrokerError(f"{MAX_TASKS:,} tasks didn't fill a queue of {ROOM:,}: the worker is too fast.")
    return Full(
        server=version(node), overflow=overflow, room=ROOM, tasks=publisher.ok,
        seconds=monitor.seconds(publisher.ok, publisher.last),
    )  # fmt: skip


def watch_all(
    node: RabbitMQ, worker: Worker, publishers: tuple[Publisher, Publisher], step: Step, pace: Pace
) -> Aftermath:
    """Publish more tasks with confirms, then as many with Celery's defaults, and count what arrived."""
    publisher, default = publishers
    start, finished_before = time.monotonic(), worker.finished()
    publisher.publish(MORE_TASKS, TIMEOUT)
    time.sleep(max(0.0, start + pace.watched - time.monotonic()))
    watched, finished = time.monotonic() - start, worker.finished() - finished_before
    paused = worker.pause()
    before = count_waiting(node, QUEUE)
    step("What happens to tasks published with Celery's defaults?")
    with default:
        default.publish(MORE_TASKS, TIMEOUT)
    arrived = count_arrived(node, QUEUE, paused)
    more = count_waiting(node, QUEUE) - before
    left = take_numbers(node, QUEUE)
    return Aftermath(
        watched=watched, finished=finished, confirmed=sum_up(publisher, arrived - more),
        error=next((result for result in publisher.results if result != OK), None),
        default=sum_up(default, more),
        first=min(left), last=max(left), waiting=len(left),
    )  # fmt: skip
