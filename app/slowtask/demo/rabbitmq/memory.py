"""The experiment on RabbitMQ, its memory: publish faster than workers work, until publishers are blocked.

Paging is off, and there is little room over what the node needs at rest: a classic queue pages to disk from
half of the limit on, and its depth would hardly move the memory. What becomes of publishers, with Celery's
defaults and with `confirm_publish`, and of the workers, comes after.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from slowtask.demo.beside import Alarm, Beside, Step
from slowtask.demo.jobs import QUEUE
from slowtask.demo.rabbitmq.publisher import Mails, Publisher, Publishing, publishing
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.rabbitmq.stage import (
    CONF,
    PATIENCE,
    PAUSE,
    Pace,
    Worker,
    beside,
    settled,
    version,
    waiting,
)
from slowtask.demo.workers import require_celery
from slowtask.errors import BrokerError
from slowtask.watch.settings import Thresholds

#: Memory is then what waits: else it falls now and then, and the alarm pauses.
STEADY: Final = {
    "background_gc_enabled": "true",
    "background_gc_target_interval": "1000",  # ms
    "vm_memory_calculation_strategy": "erlang",  # not what it has from the system, and may give back
}
NO_PAGING: Final = "[{rabbit, [{vm_memory_high_watermark_paging_ratio, 10.0}]}].\n"
ROOM: Final = 90_000_000  #: bytes above what the node uses at rest
LESS: Final = 60_000_000  #: the same, where it is to be fast
RELIEF: Final = 1_000_000_000  #: bytes more, which end the alarm
RATE: Final = 60  #: tasks a second
TEXT: Final = 20_000  #: bytes of a mail
HANGS: Final = 6.0  #: seconds without a word, while an alarm is on: it hangs, not merely pauses
REST: Final = 1.0  #: seconds in which the node is looked at before
LIMIT: Final = 60_000  #: tasks; never reached, but no loop is without end
UNCONFIRMED: Final = f"{QUEUE}-unconfirmed"  #: a queue that no worker serves
SLOW: Final = Pace(rate=RATE, seconds=10.0, watched=20.0)
FAST: Final = Pace(rate=4 * RATE, seconds=2.0, watched=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What was measured, up to the alarm that blocks publishers."""

    server: str  #: its name and version
    rest: int  #: bytes that the node uses at rest, with a worker
    room: int  #: bytes above that, up to the limit
    tasks: int  #: published before, each confirmed
    text: int  #: bytes of a mail
    seconds: float  #: from the first task to the last that was confirmed; at 60 a second, however fast it was


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What publishers and workers did while the alarm was on."""

    watched: float  #: seconds
    finished: int  #: tasks that workers ended meanwhile
    newcomer: str  #: what became of a worker started then
    published: int  #: by the publisher that confirms, meanwhile
    resumed: int  #: by the same, once there was room again
    confirmed: Publishing
    default: Publishing  #: another, started then, with Celery's defaults
    told: str | None  #: what the monitor said of it then


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All of it."""

    block: Block
    alarms: tuple[Alarm, ...]  #: the first of each name, in order; all before publishers were blocked
    aftermath: Aftermath


def run(folder: Path, step: Step, *, fast: bool) -> Result:
    """Let a RabbitMQ of its own run short of memory; *step* is told what is going on. Raises `BrokerError`.

    *fast*: four times as fast, into two thirds of the room, and tasks of up to two seconds.
    """
    require_celery()
    pace, room = (FAST, LESS) if fast else (SLOW, ROOM)
    mails = Mails(queue=QUEUE, confirm=True, rate=pace.rate, bytes=TEXT, seconds=pace.seconds)
    with (
        RabbitMQ(folder, conf=CONF | STEADY, advanced=NO_PAGING) as node,
        Worker(folder, node, step) as worker,
        Publisher(folder, node.url, mails) as publisher,
    ):
        rest = at_rest(node, step)
        limit(node, rest + room)
        default = Publisher(folder, node.url, replace(mails, queue=UNCONFIRMED, confirm=False, rate=RATE))
        with beside(node, RATE, fast=fast) as monitor:
            monitor.begin(Thresholds().capacity)
            seconds, tasks = fill(publisher, monitor, step), publisher.ok
            alarms = monitor.told(before=seconds)
            step("publishers are blocked: what do they and the workers do now?")
            aftermath = look_on(node, worker, (publisher, default), monitor, pace)
        block = Block(server=version(node), rest=rest, room=room, tasks=tasks, text=TEXT, seconds=seconds)
    return Result(block=block, alarms=alarms, aftermath=aftermath)


def at_rest(node: RabbitMQ, step: Step) -> int:
    """The most bytes that *node* uses in a few seconds without work. Raises `BrokerError`."""
    step("a RabbitMQ at rest: how much memory does it need?")
    most, end, patience = 0, None, time.monotonic() + PATIENCE
    while end is None or time.monotonic() < end:
        used = int(node.ask("GET", "/nodes")[0].get("mem_used") or 0)
        end = time.monotonic() + REST if used and end is None else end
        most = max(most, used)
        if not used and time.monotonic() > patience:
            raise BrokerError("RabbitMQ doesn't tell its memory: try again.")
        time.sleep(PAUSE)
    return most


def limit(node: RabbitMQ, most: int) -> None:
    """Have *node* block publishers from *most* bytes on."""
    node.ctl("set_vm_memory_high_watermark", "absolute", str(most))


def fill(publisher: Publisher, monitor: Beside, step: Step) -> float:
    """Publish until the alarm is on and the publisher hangs: the seconds until then. Raises `BrokerError`."""
    while publisher.asked < LIMIT:
        publisher.publish(RATE, HANGS)
        view = monitor.poll(publisher.ok)
        if publisher.hangs and view is not None and view.poll.alarms:
            break
        used = view.capacity if view else None
        step(f"{publisher.ok:,} tasks published, {used.ratio if used else 0:.0%} of the memory used")
    else:
        raise BrokerError(f"{LIMIT:,} tasks raised no alarm: this RabbitMQ pages what waits.")
    return monitor.seconds(publisher.ok, publisher.last)


def look_on(
    node: RabbitMQ, worker: Worker, publishers: tuple[Publisher, Publisher], monitor: Beside, pace: Pace
) -> Aftermath:
    """What all do while the alarm is on, and when there is room again; the second publisher begins now."""
    publisher, default = publishers
    monitor.alarms.clear()  # what it says now counts
    before, ended, start = publisher.ok, worker.ended(), time.monotonic()
    newcomer = worker.another()
    with default:
        default.publish(round(RATE * pace.watched), PAUSE)
        end = time.monotonic() + pace.watched
        while time.monotonic() < end:
            monitor.poll(publisher.ok)
            if not publisher.hangs:  # the alarm paused: memory falls when garbage is collected
                publisher.publish(RATE, PAUSE)
            publisher.collect(PAUSE)
        default.collect(HANGS)
    watched = time.monotonic() - start
    during, finished = publisher.ok, worker.ended() - ended
    relieve(node)
    publisher.publish(RATE, HANGS)
    held = worker.hold()
    alarm = monitor.alarms.get("broker-alarm")
    return Aftermath(
        watched=watched, finished=finished, newcomer=newcomer, published=during - before,
        resumed=publisher.ok - during, told=alarm.message if alarm else None,
        confirmed=publishing(publisher, settled(node, QUEUE, held)),
        default=publishing(default, waiting(node, UNCONFIRMED)),
    )  # fmt: skip


def relieve(node: RabbitMQ) -> None:
    """Give *node* room enough that its alarm ends."""
    limit(node, int(node.ask("GET", "/nodes")[0]["mem_used"]) + RELIEF)
