"""The demonstration: real tasks, run by real workers of RQ or Celery, on a broker of its own."""

import importlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slowtask.demo.jobs import KEPT, QUEUE, mix
from slowtask.demo.server import Given, Server
from slowtask.demo.workers import CeleryWorker, Processes, Workers, require_celery, require_rq
from slowtask.errors import BrokerError
from slowtask.watch.broker.address import open_broker

if TYPE_CHECKING:
    from rq import Queue

WORKERS: Final = 2
PAUSE: Final = 0.1  #: seconds between two looks at the log
LOG: Final = "slowtask.ndjson"
CONSOLE: Final = "console"  #: what the programs print, apart: `slowtask top` would read workers' logs too


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
        open_broker(url)  # whose mistakes are told in a line
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
