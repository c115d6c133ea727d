"""Exit with status 0 if the worker or producer of this container works: `healthy.py worker`."""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Worker

from slowtask.demo.producer import HEARTBEAT_FILE, HEARTBEAT_KEY, HEARTBEAT_TIMEOUT


def worker(redis: Redis) -> bool:
    """Whether a worker of this host is registered and its process runs."""
    workers = (each for each in Worker.all(connection=redis) if each.hostname == socket.gethostname())
    return any(Path(f"/proc/{each.pid}").exists() for each in workers)


def producer(redis: Redis) -> bool:
    """Whether the producer has offered a job within HEARTBEAT_TIMEOUT."""
    return bool(redis.exists(HEARTBEAT_KEY))


def celery_worker() -> bool:
    """Whether the Celery worker of this host answers."""
    from slowtask.demo.celery import app  # noqa: PLC0415 - takes a second, which the others save

    return bool(app.control.ping(destination=[f"celery@{socket.gethostname()}"], timeout=5))


def celery_producer() -> bool:
    """Whether the producer of Celery's tasks has offered one within HEARTBEAT_TIMEOUT."""
    return HEARTBEAT_FILE.exists() and time.time() - HEARTBEAT_FILE.stat().st_mtime < HEARTBEAT_TIMEOUT


def by_redis(check: Callable[[Redis], bool]) -> Callable[[], bool]:
    """Give *check* a client of RQ's Redis."""
    return lambda: check(Redis.from_url(os.environ["RQ_REDIS_URL"], socket_timeout=5))


CHECKS: dict[str, Callable[[], Any]] = {
    "worker": by_redis(worker),
    "producer": by_redis(producer),
    "celery-worker": celery_worker,
    "celery-producer": celery_producer,
}

if __name__ == "__main__":
    sys.exit(not CHECKS[sys.argv[1]]())
