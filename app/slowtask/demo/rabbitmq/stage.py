"""What an experiment on RabbitMQ needs: a node of its own, a user who may only look, and what is in a queue.

The node tells its figures every half second instead of every five: an experiment of a minute is too short for
those. Depths are asked for by AMQP, and are of the moment.
"""

import importlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Self

from slowtask.demo.beside import Beside, Step
from slowtask.demo.jobs import QUEUE
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.workers import CeleryWorker
from slowtask.errors import BrokerError
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.amqp import Amqp
from slowtask.watch.broker.celery_rabbitmq import RabbitMQ as Eyes
from slowtask.watch.view import Watch

SLOTS: Final = 2  #: tasks that the worker runs at once
CONF: Final = {"collect_statistics_interval": "500"}  #: ms
WATCHER: Final = "watcher"
OWN: Final = r"^celeryev\.slowtask-.*$"  #: where it hears
EVENTS: Final = r"^celeryev(\.slowtask-.*)?$"  #: what workers tell of themselves
PATIENCE: Final = 60.0  #: seconds
PAUSE: Final = 0.2  #: seconds
LAG: Final = 6.0  #: seconds by which RabbitMQ's counts of what workers have begun may lag, and one more


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long it takes."""

    rate: float  #: tasks a second; 0: without waiting
    seconds: float  #: that a task takes at most
    watched: float  #: seconds after the failure


class Worker:
    """A Celery worker on *node*, at work when the block begins, and how many tasks it has ended."""

    def __init__(self, folder: Path, node: RabbitMQ, step: Step) -> None:
        self._node = node
        self._step = step
        self._folder = folder
        self._log = folder / "slowtask.ndjson"
        self._processes = CeleryWorker(folder, node.url, SLOTS, log=self._log)

    def __enter__(self) -> Self:
        self._step(f"starting a Celery worker of {SLOTS} processes")
        self._processes.__enter__()
        try:
            self._await(lambda: ready(self._folder / "worker-1.log"), "the worker didn't start")
        except BrokerError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.__exit__()

    def hold(self) -> float:
        """Stop it where it is, with what it has fetched: only so can all tasks be counted. When that was."""
        self._processes.signal(signal.SIGSTOP)
        return time.monotonic()

    def ended(self) -> int:
        """How many tasks it has run to their end."""
        return self._log.read_bytes().count(b"\n") if self._log.exists() else 0

    def another(self) -> str:
        """What becomes of one more, started now."""
        log = self._folder / "newcomer.log"
        newcomer = self._processes.start(log.name)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and newcomer.poll() is None and not ready(log):
            time.sleep(PAUSE)
        if newcomer.poll() is not None:
            return f"exit status {newcomer.returncode}"
        return "started" if ready(log) else "hangs"

    def _await(self, holds: Callable[[], bool], wrong: str) -> None:
        """Return when *holds*. Raises `BrokerError`."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end or not self._processes.alive():
                log = (self._folder / "worker-1.log").read_text(errors="replace").strip()
                raise BrokerError(f"{wrong}: {log.rpartition(chr(10))[2] or 'it said nothing'}.")
            time.sleep(PAUSE)


def ready(log: Path) -> bool:
    """Whether the worker that writes *log* takes tasks."""
    return log.exists() and " ready." in log.read_text(errors="replace")


def watcher(node: RabbitMQ) -> Eyes:
    """The monitor's eyes on *node*, by a user who may look, hear the workers, and nothing else."""
    password = token_hex(16)
    node.add_user(WATCHER, password, "monitoring")
    node.permit(WATCHER, "/", configure=OWN, write=OWN, read=EVENTS)
    found = open_broker(node.vhost_url("/", WATCHER, password), node.management, [QUEUE])
    if not isinstance(found, Eyes):
        raise TypeError("an amqp:// address is RabbitMQ's")
    return found


@contextmanager
def beside(node: RabbitMQ, rate: float, *, fast: bool) -> Iterator[Beside]:
    """A monitor of *node*, by that user."""
    eyes = watcher(node)
    try:
        yield Beside(partial(Watch, eyes, keys=0), rate, fast=fast)
    finally:
        eyes.close()


def version(node: RabbitMQ) -> str:
    """`RabbitMQ 3.10.8`."""
    return f"RabbitMQ {node.ask('GET', '/overview')['rabbitmq_version']}"


def settled(node: RabbitMQ, queue: str, held: float) -> int:
    """Tasks that wait in *queue*, or that workers hold or have begun, all workers being *held* since."""
    time.sleep(max(0.0, held + LAG - time.monotonic()))
    return waiting(node, queue) + fetched(node, queue)


def waiting(node: RabbitMQ, queue: str) -> int:
    """Tasks that wait in *queue*, at this moment; 0 where it isn't there."""
    amqp = Amqp(node.url)
    try:
        depth, _ = amqp.depths([queue]).get(queue, (0, 0))
    finally:
        amqp.close()
    return depth


def fetched(node: RabbitMQ, queue: str) -> int:
    """Tasks of *queue* that workers hold or have begun, by RabbitMQ's last statistics."""
    [found] = [each for each in node.ask("GET", "/queues/%2F") if each["name"] == queue] or [{}]
    begun = (found.get("message_stats") or {}).get("ack", 0)
    return int(found.get("messages_unacknowledged", 0)) + int(begun)


def numbers(node: RabbitMQ, queue: str) -> list[int]:
    """The numbers of the mails that wait in *queue*, in order; it is emptied."""
    kombu: Any = importlib.import_module("kombu")
    found: list[int] = []
    with kombu.Connection(node.url) as connection, connection.channel() as channel:
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            found.append(number(message.body))
    return found


def number(body: str | bytes) -> int:
    """Of the mail to `user12` that is *body*, as Celery writes it."""
    arguments = json.loads(body)[0]
    return int(str(arguments[0]).removeprefix("user"))
