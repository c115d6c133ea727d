"""The memory part: publish faster than workers work, until RabbitMQ's memory alarm blocks publishers.

Then it shows what happens to publishers, with Celery's defaults and with `confirm_publish`, and to workers.

The memory limit is little more than what the node needs at rest, and paging is off. Otherwise a classic queue
would page to disk from half of the limit on, and its depth would hardly change the memory.

Four times as fast, and on a busy machine, the memory would get from below 80 % to its limit between two
statistics of the node. So the fast experiment publishes on when the statistics have followed.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from slowtask.demo.beside import Alert, MonitorBeside, Step
from slowtask.demo.jobs import QUEUE
from slowtask.demo.rabbitmq.publisher import Mails, Publisher, Publishing, sum_up
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
    version,
)
from slowtask.demo.workers import require_celery
from slowtask.errors import BrokerError
from slowtask.watch.settings import Thresholds

#: With these the memory follows the queue; otherwise it falls now and then, and the alarm pauses.
STEADY_MEMORY: Final = {
    "background_gc_enabled": "true",
    "background_gc_target_interval": "1000",  # ms
    # Not what the node got from the system, since it may give that back.
    "vm_memory_calculation_strategy": "erlang",
}
NO_PAGING: Final = "[{rabbit, [{vm_memory_high_watermark_paging_ratio, 10.0}]}].\n"
ROOM: Final = 90_000_000  #: bytes above what the node uses at rest
FAST_ROOM: Final = 60_000_000  #: bytes
RELIEF: Final = 1_000_000_000  #: bytes that are added to end the alarm
RATE: Final = 60  #: tasks a second
TEXT_BYTES: Final = 20_000  #: of a mail
HANG_TIMEOUT: Final = 6.0  #: seconds of silence during an alarm after which a publisher hangs, not pauses
REST_TIME: Final = 1.0  #: seconds in which the memory at rest is measured
MAX_TASKS: Final = 60_000  #: never reached; only ends the loop
UNCONFIRMED_QUEUE: Final = f"{QUEUE}-unconfirmed"  #: a queue that no worker serves
SLOW: Final = Pace(rate=RATE, seconds=10.0, watched=20.0)
FAST: Final = Pace(rate=4 * RATE, seconds=2.0, watched=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What was measured until the alarm blocked publishers."""

    server: str  #: its name and version
    rest: int  #: bytes that the node uses at rest, with a worker
    room: int  #: bytes above that, up to the limit
    tasks: int  #: published until then, each confirmed
    text: int  #: bytes of a mail
    seconds: float  #: from the first task to the last confirmed; with *fast*, as if at 60 a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What publishers and workers could do during the alarm."""

    watched: float  #: seconds
    finished: int  #: tasks that workers finished meanwhile
    newcomer: str  #: what happened to a worker started then
    published: int  #: tasks of the publisher with `confirm_publish`, meanwhile
    resumed: int  #: tasks of the same, after memory was free again
    confirmed: Publishing  #: the publisher with `confirm_publish`
    default: Publishing  #: a publisher with Celery's defaults, started then
    told: str | None  #: the monitor's message about the alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of the memory part."""

    block: Block
    alarms: tuple[Alert, ...]  #: the first alert of each name before publishers were blocked, in order
    aftermath: Aftermath


def run(folder: Path, step: Step, *, fast: bool) -> Result:
    """Fill the memory of a temporary RabbitMQ until it blocks publishers, and see what happens then.

    Args:
        folder: For the files of the node, the worker and the publishers.
        step: Is called with a sentence about what is going on.
        fast: Whether to publish four times as fast, into two thirds of the room, tasks of up to two seconds.

    Raises:
        BrokerError: If RabbitMQ or the worker doesn't start.
    """
    require_celery()
    pace, room = (FAST, FAST_ROOM) if fast else (SLOW, ROOM)
    mails = Mails(queue=QUEUE, confirm=True, rate=pace.rate, bytes=TEXT_BYTES, seconds=pace.seconds)
    with (
        RabbitMQ(folder, conf=CONF | STEADY_MEMORY, advanced=NO_PAGING) as node,
        Worker(folder, node, step) as worker,
        Publisher(folder, node.url, mails) as publisher,
    ):
        rest = measure_rest(node, step)
        limit_memory(node, rest + room)
        defaults = replace(mails, queue=UNCONFIRMED_QUEUE, confirm=False, rate=RATE)
        default = Publisher(folder, node.url, defaults)
        with monitor_beside(node, RATE, fast=fast) as monitor:
            monitor.begin(Thresholds().capacity)
            seconds, tasks = fill(node, publisher, monitor, step, fast=fast), publisher.ok
            alarms = monitor.alerts_before(seconds)
            step("Publishers are blocked. What happens to them and to the workers?")
            aftermath = watch_all(node, worker, (publisher, default), monitor, pace)
        block = Block(
            server=version(node), rest=rest, room=room, tasks=tasks, text=TEXT_BYTES, seconds=seconds
        )
    return Result(block=block, alarms=alarms, aftermath=aftermath)


def measure_rest(node: RabbitMQ, step: Step) -> int:
    """Measure the most bytes that *node* uses during a second without work. Raises `BrokerError`."""
    step("Measuring how much memory RabbitMQ uses at rest.")
    most, end, give_up = 0, None, time.monotonic() + TIMEOUT
    while end is None or time.monotonic() < end:
        used = read_used(node)
        end = time.monotonic() + REST_TIME if used and end is None else end
        most = max(most, used)
        if not used and time.monotonic() > give_up:
            raise BrokerError(f"RabbitMQ reported no memory figures within {TIMEOUT:.0f} s: try again.")
        time.sleep(PAUSE)
    return most


def read_used(node: RabbitMQ) -> int:
    """The bytes that *node* uses, by its last statistics; 0 before the first."""
    return int(node.ask("GET", "/nodes")[0].get("mem_used") or 0)


def await_statistics(node: RabbitMQ) -> None:
    """Return when *node* has new statistics of its memory. Raises `BrokerError`."""
    used, give_up = read_used(node), time.monotonic() + TIMEOUT
    while read_used(node) == used:  # it is never the same to the byte
        if time.monotonic() > give_up:
            raise BrokerError(f"RabbitMQ updated no memory figures within {TIMEOUT:.0f} s: try again.")
        time.sleep(PAUSE)


def limit_memory(node: RabbitMQ, most: int) -> None:
    """Make *node* block publishers from *most* bytes on."""
    node.ctl("set_vm_memory_high_watermark", "absolute", str(most))


def fill(node: RabbitMQ, publisher: Publisher, monitor: MonitorBeside, step: Step, *, fast: bool) -> float:
    """Publish until the alarm is on and the publisher hangs. Returns the seconds; raises `BrokerError`."""
    while publisher.asked < MAX_TASKS:
        publisher.publish(round((FAST if fast else SLOW).rate), HANG_TIMEOUT)
        if fast:
            await_statistics(node)
        view = monitor.poll(publisher.ok)
        if publisher.hangs and view is not None and view.poll.alarms:
            break
        used = view.capacity if view else None
        step(f"{publisher.ok:,} tasks published, {used.ratio if used else 0:.0%} of the memory used.")
    else:
        raise BrokerError(
            f"RabbitMQ raised no memory alarm after {MAX_TASKS:,} tasks: it seems to page to disk."
        )
    return monitor.seconds(publisher.ok, publisher.last)


def watch_all(
    node: RabbitMQ,
    worker: Worker,
    publishers: tuple[Publisher, Publisher],
    monitor: MonitorBeside,
    pace: Pace,
) -> Aftermath:
    """Watch everybody during the alarm, then end it; the second of *publishers* starts now."""
    publisher, default = publishers
    monitor.alerts.clear()  # only what it sends from now on
    before, finished_before, start = publisher.ok, worker.finished(), time.monotonic()
    newcomer = worker.start_another()
    with default:
        default.publish(1, TIMEOUT)  # so that its start takes none of the time
        default.publish(round(RATE * pace.watched) - 1, PAUSE)
        end = time.monotonic() + pace.watched
        while time.monotonic() < end:
            monitor.poll(publisher.ok)
            if not publisher.hangs:  # the alarm paused, since memory falls when garbage is collected
                publisher.publish(RATE, PAUSE)
            publisher.collect(PAUSE)
        default.collect(HANG_TIMEOUT)
    watched = time.monotonic() - start
    during, finished = publisher.ok, worker.finished() - finished_before
    free_memory(node)
    publisher.publish(RATE, TIMEOUT)
    paused = worker.pause()
    alert = monitor.alerts.get("broker-alarm")
    return Aftermath(
        watched=watched, finished=finished, newcomer=newcomer, published=during - before,
        resumed=publisher.ok - during, told=alert.message if alert else None,
        confirmed=sum_up(publisher, count_arrived(node, QUEUE, paused)),
        default=sum_up(default, count_waiting(node, UNCONFIRMED_QUEUE)),
    )  # fmt: skip


def free_memory(node: RabbitMQ) -> None:
    """Raise the memory limit of *node* so far that its alarm ends."""
    limit_memory(node, read_used(node) + RELIEF)
