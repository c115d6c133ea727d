"""Status 0 where the container's own worker or producer is at work: `healthy.py worker`."""

import os
import socket
import sys
from pathlib import Path

from redis import Redis
from rq import Worker

from slowtask.demo.producer import BEAT


def worker(redis: Redis) -> bool:
    """Whether a worker of this host is registered, and its process runs."""
    ours = (each for each in Worker.all(connection=redis) if each.hostname == socket.gethostname())
    return any(Path(f"/proc/{each.pid}").exists() for each in ours)


def producer(redis: Redis) -> bool:
    """Whether the producer has looked at the queue of late."""
    return bool(redis.exists(BEAT))


if __name__ == "__main__":
    check = {"worker": worker, "producer": producer}[sys.argv[1]]
    sys.exit(not check(Redis.from_url(os.environ["RQ_REDIS_URL"], socket_timeout=5)))
