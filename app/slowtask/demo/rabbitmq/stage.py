"""What both parts of the experiment need: a Celery worker, a read-only monitor, and counts of tasks.

The node updates its statistics every second instead of every five, since the experiment takes only a minute.
Depths are asked for by AMQP, and are current.
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

from slowtask.demo.beside import MonitorBeside, Step
from slowtask.demo.jobs import QUEUE
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.workers import CeleryWorker
from slowtask.errors import BrokerError
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.amqp import Amqp
from slowtask.watch.broker.celery_rabbitmq import CeleryRabbitMQ as WatchedRabbitMQ
from slowtask.watch.view import Watch

SLOTS: Final = 2  #: tasks that the worker runs at a time
#: How often the node makes statistics, and how often its management plugin reads them.
CONF: Final = {
    "collect_statistics_interval": "500",  # ms
    "management.sample_retention_policies.global.minute": "1",  # s
    "management.sample_retention_policies.basic.minute": "1",
    "management.sample_retention_policies.detailed.minute": "1",
}
MONITOR_USER: Final = "watcher"
MONITOR_QUEUES: Final = r"^celeryev\.slowtask-.*$"  #: in which the monitor receives the workers' events
EVENT_EXCHANGES: Final = r"^celeryev(\.slowtask-.*)?$"  #: to which the workers send them
TIMEOUT: Final = 60.0  #: seconds in which a worker starts, a publisher answers, statistics appear
PAUSE: Final = 0.2  #: seconds between two polls
#: Seconds, and one more, after which RabbitMQ's statistics have every task that workers have begun.
STATISTICS_DELAY: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the experiment goes."""

    rate: float  #: tasks a second; 0: as fast as possible
    seconds: float  #: run time of a task at most
    watched: float  #: seconds in which workers and publishers are watched after the failure


class Worker:
    """A Celery worker on *node* that is ready when the block begins, and counts its finished tasks."""

    def __init__(self, folder: Path, node: RabbitMQ, step: Step) -> None:
        self._step = step
        self._folder = folder
        self._log = folder / "slowtask.ndjson"
        self._processes = CeleryWorker(folder, node.url, SLOTS, log=self._log)

    def __enter__(self) -> Self:
        """Start it, and return when it is ready. Raises `BrokerError`."""
        self._step(f"Starting a Celery worker of {SLOTS} processes.")
        self._processes.__enter__()
        try:
            self._await(lambda: is_ready(self._folder / "worker-1.log"), "the worker didn't start")
        except BrokerError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._processes.__exit__()

    def pause(self) -> float:
        """Stop its processes with what they have prefetched, so that tasks can be counted; returns when."""
        self._processes.signal(signal.SIGSTOP)
        return time.monotonic()

    def finished(self) -> int:
        """Count the tasks that have ended."""
        return self._log.read_bytes().count(b"\n") if self._log.exists() else 0

    def start_another(self) -> str:
        """Start another worker. Returns `started`, `hangs`, or its exit status."""
        log = self._folder / "newcomer.log"
        newcomer = self._processes.start(log.name)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end and newcomer.poll() is None and not is_ready(log):
            time.sleep(PAUSE)
        if newcomer.poll() is not None:
            return f"exit status {newcomer.returncode}"
        return "started" if is_ready(log) else "hangs"

    def _await(self, condition: Callable[[], bool], failure: str) -> None:
        """Return when *condition* holds. Raises `BrokerError` with *failure* and the worker's last line."""
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end or not self._processes.alive():
                log = (self._folder / "worker-1.log").read_text(errors="replace").strip()
                raise BrokerError(f"{failure}: {log.rpartition(chr(10))[2] or 'it printed nothing'}.")
            time.sleep(PAUSE)


def is_ready(log: Path) -> bool:
    """Whether the worker that writes *log* takes tasks."""
    return log.exists() and " ready." in log.read_text(errors="replace")


def open_watched(node: RabbitMQ) -> WatchedRabbitMQ:
    """Open *node* as the monitor does, with a user who may only read and receive the workers' events."""
    password = token_hex(16)
    node.add_user(MONITOR_USER, password, "monitoring")
    node.permit(MONITOR_USER, "/", configure=MONITOR_QUEUES, write=MONITOR_QUEUES, read=EVENT_EXCHANGES)
    watched = open_broker(node.vhost_url("/", MONITOR_USER, password), node.management, [QUEUE])
    if not isinstance(watched, WatchedRabbitMQ):
        raise TypeError("an amqp:// URL must open a RabbitMQ")
    return watched


@contextmanager
def monitor_beside(node: RabbitMQ, rate: float, *, fast: bool) -> Iterator[MonitorBeside]:
    """Open a monitor of *node*; *rate* and *fast* are those of `MonitorBeside`."""
    watched = open_watched(node)
    try:
        yield MonitorBeside(partial(Watch, watched, max_keys=0), rate, fast=fast)
    finally:
        watched.close()


def version(node: RabbitMQ) -> str:
    """The server's name and version: `RabbitMQ 3.10.8`."""
    return f"RabbitMQ {node.ask('GET', '/overview')['rabbitmq_version']}"


def count_arrived(node: RabbitMQ, queue: str, paused: float) -> int:
    """Count the tasks that wait in *queue* or that workers have taken; all are *paused* since then."""
    time.sleep(max(0.0, paused + STATISTICS_DELAY - time.monotonic()))
    return count_waiting(node, queue) + count_taken(node, queue)


def count_waiting(node: RabbitMQ, queue: str) -> int:
    """Count the tasks that wait in *queue* at this moment; 0 if it doesn't exist."""
    amqp = Amqp(node.url)
    try:
        depth, _ = amqp.read_depths([queue]).get(queue, (0, 0))
    finally:
        amqp.close()
    return depth


def count_taken(node: RabbitMQ, queue: str) -> int:
    """Count the tasks of *queue* that workers have prefetched or begun, by RabbitMQ's last statistics."""
    [statistics] = [each for each in node.ask("GET", "/queues/%2F") if each["name"] == queue] or [{}]
    begun = (statistics.get("message_stats") or {}).get("ack", 0)
    return int(statistics.get("messages_unacknowledged", 0)) + int(begun)


def take_numbers(node: RabbitMQ, queue: str) -> list[int]:
    """Empty *queue*, and return the numbers of its mails in order."""
    kombu: Any = importlib.import_module("kombu")  # without types
    numbers: list[int] = []
    with kombu.Connection(node.url) as connection, connection.channel() as channel:
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            numbers.append(mail_number(message.body))
    return numbers


def mail_number(body: str | bytes) -> int:
    """The number of a mail, from its message *body* as Celery writes it: 12 for the mail to `user12`."""
    arguments = json.loads(body)[0]
    return int(str(arguments[0]).removeprefix("user"))
