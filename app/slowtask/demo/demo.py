"""The demonstration: real tasks, run by real workers of RQ or Celery, on a broker of its own."""

import importlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slowtask.broker.celery import broker
from slowtask.demo import tasks
from slowtask.demo.server import Given, Server
from slowtask.demo.workers import CeleryWorker, Processes, Workers, require_celery, require_rq
from slowtask.errors import BrokerError

if TYPE_CHECKING:
    from rq import Queue

QUEUE: Final = "slowtask-demo"
KEPT: Final = {"result_ttl": 60, "failure_ttl": 60}  #: seconds that a Redis of the user's keeps a job
WORKERS: Final = 2
SEED: Final = 20210113  #: the same demonstration each time
PAUSE: Final = 0.1  #: seconds between two looks at the log
LOG: Final = "slowtask.ndjson"
CONSOLE: Final = "console"  #: what the programs print, apart: `slowtask top` would read workers' logs too

Job = tuple[Callable[..., str], tuple[Any, ...]]  #: a task and its arguments


def run(folder: Path, jobs: int, url: str | None) -> Iterator[int]:
    """Run *jobs* jobs by RQ, all that they leave in *folder*; yields how many have ended, until all have.

    With a *url* on that Redis, on a queue of their own. Raises `BrokerError` where no Redis starts or can
    be used, or the workers die.
    """
    require_rq()
    queue = importlib.import_module("rq").Queue
    log, console = folder / LOG, folder / CONSOLE
    with Given(url) if url else Server(console) as server, server.client() as redis:
        enqueue(queue(QUEUE, connection=redis), jobs)
        with Workers(console, server.url, WORKERS, queue=QUEUE, log=log) as workers:
            yield from ended(log, jobs, workers, console)


def run_celery(folder: Path, jobs: int, url: str | None) -> Iterator[int]:
    """The same by a Celery worker of two processes; *url* may also be a RabbitMQ's. Raises `UsageError`."""
    require_celery()
    if url:
        broker(url)  # whose mistakes are told in a line
    log, console = folder / LOG, folder / CONSOLE
    with ExitStack() as stack:
        place = url or stack.enter_context(Server(console)).url
        importlib.import_module("slowtask.demo.celery").publish(islice(mix(), jobs), place)
        workers = stack.enter_context(CeleryWorker(console, place, WORKERS, log=log))
        yield from ended(log, jobs, workers, console)


def ended(log: Path, jobs: int, workers: Processes, console: Path) -> Iterator[int]:
    """How many of *jobs* have left a line in *log*, until all have. Raises `BrokerError`."""
    done = 0
    while done < jobs:
        time.sleep(PAUSE)
        if not workers.alive():
            raise BrokerError(f"the workers ended early: see {console / 'worker-1.log'}.")
        done = log.read_bytes().count(b"\n") if log.exists() else 0
        yield min(done, jobs)


def enqueue(queue: "Queue", jobs: int) -> None:
    """Enqueue *jobs* jobs: the first of `mix`."""
    for task, arguments in islice(mix(), jobs):
        queue.enqueue(task, *arguments, **KEPT)


def mix() -> Iterator[Job]:
    """Jobs without end, the same each time: in ten four mails, three computations, three simple tasks."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    for number in count():
        kind = chance.choices(("mail", "compute", "simple"), (4, 3, 3))[0]
        if kind == "mail":
            user = tasks.NOBODY if number % 20 == 0 else f"user{number}"
            yield tasks.send_mail, (user, round(chance.uniform(0, 1), 3))
        elif kind == "compute":
            yield tasks.compute, (chance.randrange(20_000, 400_000),)
        else:
            yield tasks.simple_task, ()
