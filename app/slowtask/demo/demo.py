"""The demonstration: run example tasks with real workers of RQ or Celery."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slowtask.demo.jobs import KEEP_TIMES, QUEUE, mix
from slowtask.demo.server import ExistingServer, Server
from slowtask.demo.workers import CeleryWorker, Processes, Workers, require_celery, require_rq
from slowtask.errors import BrokerError
from slowtask.watch.broker.address import open_broker

if TYPE_CHECKING:
    from rq import Queue

WORKERS: Final = 2
PAUSE: Final = 0.1  #: seconds between two counts of the log's lines
LOG: Final = "slowtask.ndjson"
CONSOLE: Final = (
    "console"  #: a folder for what the programs print, since `slowtask top` reads workers' logs too
)


def run(folder: Path, jobs: int, url: str | None) -> Iterator[int]:
    """Run *jobs* jobs with RQ; yields how many have finished, until all have.

    All files go to *folder*. With a *url*, the jobs run on that Redis, on a queue of their own. Raises
    `BrokerError` if Redis can't be started or used, or if the workers die.
    """
    require_rq()
    from rq import Queue

    log, console = folder / LOG, folder / CONSOLE
    with ExistingServer(url) if url else Server(console) as server, server.client() as redis:
        enqueue(Queue(QUEUE, connection=redis), jobs)
        with Workers(console, server.url, WORKERS, queue=QUEUE, log=log) as workers:
            yield from count_finished(log, jobs, workers, console)


def run_celery(folder: Path, jobs: int, url: str | None) -> Iterator[int]:
    """Run *jobs* jobs like `run`, with a Celery worker of two processes; *url* may also be a RabbitMQ's.

    Raises `UsageError` if *url* is wrong, else like `run`.
    """
    require_celery()
    if url:
        open_broker(url)  # checks it
    from slowtask.demo import celery

    log, console = folder / LOG, folder / CONSOLE
    with ExitStack() as stack:
        place = url or stack.enter_context(Server(console)).url
        celery.publish(islice(mix(), jobs), place)
        workers = stack.enter_context(CeleryWorker(console, place, WORKERS, log=log))
        yield from count_finished(log, jobs, workers, console)


def count_finished(log: Path, jobs: int, workers: Processes, console: Path) -> Iterator[int]:
    """Yield how many of *jobs* have a line in *log*, until all have. Raises `BrokerError` if workers die."""
    finished = 0
    while finished < jobs:
        time.sleep(PAUSE)
        if not workers.alive():
            raise BrokerError(f"the workers exited before all jobs had run: see {console / 'worker-1.log'}.")
        finished = log.read_bytes().count(b"\n") if log.exists() else 0
        yield min(finished, jobs)


def enqueue(queue: "Queue", jobs: int) -> None:
    """Enqueue the first *jobs* jobs of `mix`."""
    for task, arguments in islice(mix(), jobs):
        queue.enqueue(task, *arguments, **KEEP_TIMES)
