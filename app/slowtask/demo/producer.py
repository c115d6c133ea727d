"""Keeps a queue busy with the demonstration's jobs: `python -m slowtask.demo.producer`, in the stack.

`RQ_REDIS_URL` says where, or for Celery `CELERY_BROKER_URL`; `SLOWTASK_DEMO_RATE` how many jobs a second,
`SLOWTASK_DEMO_DEPTH` how many may wait: above that it pauses, so that it never fills the broker. SIGTERM ends
it.
"""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from slowtask.demo.jobs import KEPT, QUEUE, Job, mix
from slowtask.demo.server import Given
from slowtask.demo.workers import require_rq
from slowtask.errors import SlowtaskError, UsageError

if TYPE_CHECKING:
    from redis import Redis

BEAT: Final = "slowtask-demo:producer"  #: a key of Redis that lasts as long as it is at work
MARK: Final = Path("slowtask-demo.producer")  #: Celery's: a file in the working folder, touched at each look
LASTS: Final = 60  #: seconds, of either without a further look at the queue

Offer = Callable[[Job, int], bool]  #: enqueues a job unless so many wait already; whether it did


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast jobs are made, and how many may wait."""

    rate: float = 2.0  #: jobs a second
    depth: int = 200

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The pace that *environment* asks for. Raises `UsageError` where that makes no sense."""
        given = {name: environment.get(f"SLOWTASK_DEMO_{name.upper()}") for name in ("rate", "depth")}
        try:
            pace = cls(rate=float(given["rate"] or cls().rate), depth=int(given["depth"] or cls().depth))
        except ValueError as error:
            raise UsageError(f"SLOWTASK_DEMO_RATE and SLOWTASK_DEMO_DEPTH are numbers: {error}.") from None
        if not 0 < pace.rate <= 1000 or pace.depth < 1:  # noqa: PLR2004 - what one process can do
            raise UsageError("SLOWTASK_DEMO_RATE is from above 0 to 1000, SLOWTASK_DEMO_DEPTH 1 or more.")
        return pace


def main() -> None:
    """Produce until SIGTERM; a mistake in the settings is one line and status 2."""
    # At once: kombu may be waiting for a broker, or closing a connection, where an exception would be lost.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        pace = Pace.of(os.environ)
        offered, errors = for_celery() if os.environ.get("CELERY_BROKER_URL") else for_rq()
    except SlowtaskError as problem:
        print(f"slowtask: {problem}", file=sys.stderr)
        sys.exit(problem.status)
    produce(offered, pace, errors)


def for_rq() -> tuple[Offer, tuple[type[Exception], ...]]:
    """How to offer RQ a job, and what that raises where Redis is away. Raises `UsageError`."""
    require_rq()
    client = Given(os.environ.get("RQ_REDIS_URL") or "redis://localhost:6379/0").client()
    return partial(offer, client), (importlib.import_module("redis.exceptions").RedisError,)


def for_celery() -> tuple[Offer, tuple[type[Exception], ...]]:
    """The same for Celery."""
    demo = importlib.import_module("slowtask.demo.celery")
    connection = demo.app.connection()
    errors = (*connection.connection_errors, *connection.channel_errors)

    def offered(job: Job, depth: int) -> bool:
        taken: bool = demo.offer(job, depth)
        MARK.touch()
        return taken

    return offered, (importlib.import_module("kombu.exceptions").OperationalError, *errors)


def produce(offered: Offer, pace: Pace, errors: tuple[type[Exception], ...]) -> None:
    """Offer a job at every beat of *pace*, without end. A broker that is away or full is waited for."""
    away = False
    for job in mix():
        try:
            offered(job, pace.depth)
        except errors as problem:
            if not away:  # once, however long it takes
                print(f"slowtask: {problem}; going on when the broker is back", file=sys.stderr)
            away = True
        else:
            away = False
        time.sleep(1 / pace.rate)


def offer(redis: "Redis", job: Job, depth: int) -> bool:
    """Enqueue *job* unless *depth* jobs wait already; whether it was."""
    queue = importlib.import_module("rq").Queue(QUEUE, connection=redis)
    redis.set(BEAT, "1", ex=LASTS)
    room = int(redis.llen(queue.key)) < depth
    if room:
        task, arguments = job
        queue.enqueue(task, *arguments, **KEPT)
    return room


if __name__ == "__main__":
    main()
