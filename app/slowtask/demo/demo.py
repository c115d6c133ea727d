"""The demonstration: run example tasks with real workers of RQ or Celery."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slowtask.demo.jobs import KEEP_TIMES, QUEUE, Job, mix, release_mix
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


def run(folder: Path, jobs: int, url: str | None, releases: Sequence[str] = ()) -> Iterator[int]:
    """Run *jobs* jobs with RQ; yields how many have finished, until all have.

    All files go to *folder*. With a *url*, the jobs run on that Redis, on a queue of their own. Each of
    *releases* runs as many. Raises `BrokerError` if Redis can't be started or used, or if the workers die.
    """
    require_rq()
    from rq import Queue

    log, console = folder / LOG, folder / CONSOLE
    with ExistingServer(url) if url else Server(console) as server, server.client() as redis:
        for place, version in enumerate(releases or (None,), 1):
            enqueue(Queue(QUEUE, connection=redis), jobs, version)
            output = make_output(console, version)
            with Workers(output, server.url, WORKERS, queue=QUEUE, log=log, version=version) as workers:
                yield from count_finished(log, place * jobs, workers, output)


def run_celery(folder: Path, jobs: int, url: str | None, releases: Sequence[str] = ()) -> Iterator[int]:
    """Run *jobs* jobs like `run`, with a Celery worker of two processes; *url* may also be a RabbitMQ's.

    Raises `UsageError` if *url* is wrong, else like `run`.
    """
    require_celery()
    if url:
        open_broker(url)  # checks it
    from slowtask.demo import celery

    log, console = folder / LOG, folder / CONSOLE
    with ExitStack() as stack:
        address = url or stack.enter_context(Server(console)).url
        for place, version in enumerate(releases or (None,), 1):
            celery.publish(choose_jobs(jobs, version), address)
            output = make_output(console, version)
            with CeleryWorker(output, address, WORKERS, log=log, version=version) as workers:
                yield from count_finished(log, place * jobs, workers, output)


def choose_jobs(count: int, version: str | None) -> Iterator[Job]:
    """Return the jobs to run, the same for each *version*."""
    return islice(release_mix() if version else mix(), count)


def make_output(console: Path, version: str | None) -> Path:
    """Make the folder for what the workers of *version* print."""
    folder = console / version if version else console
    folder.mkdir(exist_ok=True)
    return folder


def count_finished(log: Path, jobs: int, workers: Processes, console: Path) -> Iterator[int]:
    """Yield how many of *jobs* have a line in *log*, until all have. Raises `BrokerError` if workers die."""
    finished = 0
    while finished < jobs:
        time.sleep(PAUSE)
        if not workers.alive():
            raise BrokerError(f"the workers exited before all jobs had run: see {console / 'worker-1.log'}.")
        finished = log.read_bytes().count(b"\n") if log.exists() else 0
        yield min(finished, jobs)


def enqueue(queue: "Queue", jobs: int, version: str | None = None) -> None:
    """Enqueue *jobs* jobs, those of a release if there is a *version*."""
    for task, arguments in choose_jobs(jobs, version):
        queue.enqueue(task, *arguments, **KEEP_TIMES)
