"""Keep a queue busy with the demonstration's jobs: `python -m slowtask.demo.producer`, as in the stack.

`RQ_REDIS_URL` or, for Celery, `CELERY_BROKER_URL` names the broker. `SLOWTASK_DEMO_RATE` is the number of
jobs a second. `SLOWTASK_DEMO_DEPTH` is how many may wait: at that depth the producer pauses, so that it never
fills the broker. SIGTERM ends it.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from slowtask.demo.jobs import KEEP_TIMES, QUEUE, Job, mix
from slowtask.demo.server import ExistingServer
from slowtask.demo.workers import require_rq
from slowtask.errors import SlowtaskError, UsageError

if TYPE_CHECKING:
    from redis import Redis

#: What the container's check looks for: with RQ a key in Redis, with Celery a file in the working folder.
HEARTBEAT_KEY: Final = "slowtask-demo:producer"
HEARTBEAT_FILE: Final = Path("slowtask-demo.producer")
HEARTBEAT_TIMEOUT: Final = 60  #: seconds after which the producer counts as gone
MAX_RATE: Final = 1000  #: jobs a second that one process can publish

Offer = Callable[[Job, int], bool]  #: publishes a job unless so many wait already; returns whether it did
Errors = tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast jobs are published, and how many may wait."""

    rate: float = 2.0  #: jobs a second
    depth: int = 200  #: jobs

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the pace from *environment*. Raises `UsageError` if a value is wrong."""
        given = {name: environment.get(f"SLOWTASK_DEMO_{name.upper()}") for name in ("rate", "depth")}
        try:
            pace = cls(rate=float(given["rate"] or cls().rate), depth=int(given["depth"] or cls().depth))
        except ValueError as error:
            raise UsageError(
                f"SLOWTASK_DEMO_RATE and SLOWTASK_DEMO_DEPTH must be numbers: {error}."
            ) from None
        if not 0 < pace.rate <= MAX_RATE or pace.depth < 1:
            raise UsageError(
                "SLOWTASK_DEMO_RATE must be above 0 and at most 1000, SLOWTASK_DEMO_DEPTH at least 1."
            )
        return pace


def main() -> None:
    """Publish jobs until SIGTERM. A wrong setting is one line on stderr and exit status 2."""
    # At once: kombu may be waiting for a broker, or closing a connection, where an exception would be lost.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        pace = Pace.of(os.environ)
        offer_job, errors = for_celery() if os.environ.get("CELERY_BROKER_URL") else for_rq()
    except SlowtaskError as problem:
        print(f"slowtask: {problem}", file=sys.stderr)
        sys.exit(problem.status)
    produce(offer_job, pace, errors)


def for_rq() -> tuple[Offer, Errors]:
    """How to offer a job to RQ, and the errors that mean that Redis can't take it. Raises `UsageError`."""
    require_rq()
    from redis.exceptions import RedisError

    client = ExistingServer(os.environ.get("RQ_REDIS_URL") or "redis://localhost:6379/0").client()
    return partial(offer, client), (RedisError,)


def for_celery() -> tuple[Offer, Errors]:
    """How to offer a job to Celery, and the errors that mean that its broker can't take it."""
    from kombu.exceptions import OperationalError

    from slowtask.demo import celery

    connection = celery.app.connection()

    def offer_job(job: Job, depth: int) -> bool:
        published = celery.offer(job, depth)
        HEARTBEAT_FILE.touch()
        return published

    return offer_job, (OperationalError, *connection.connection_errors, *connection.channel_errors)


def produce(offer_job: Offer, pace: Pace, errors: Errors) -> None:
    """Offer a job at each beat of *pace*, without end; wait for a broker that is away or full."""
    away = False
    for job in mix():
        try:
            offer_job(job, pace.depth)
        except errors as problem:
            if not away:  # say it only once
                print(f"slowtask: {problem}; going on when the broker is back", file=sys.stderr)
            away = True
        else:
            away = False
        time.sleep(1 / pace.rate)


def offer(redis: "Redis", job: Job, depth: int) -> bool:
    """Enqueue *job* with RQ unless *depth* jobs wait already. Returns whether it did."""
    from rq import Queue

    queue = Queue(QUEUE, connection=redis)
    redis.set(HEARTBEAT_KEY, "1", ex=HEARTBEAT_TIMEOUT)
    room = int(redis.llen(queue.key)) < depth
    if room:
        task, arguments = job
        queue.enqueue(task, *arguments, **KEEP_TIMES)
    return room


if __name__ == "__main__":
    main()
