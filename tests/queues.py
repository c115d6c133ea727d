"""A real run to replay: bursts of short jobs on two queues, real RQ workers."""

import random

from rq import Queue

from conftest import wait_until
from slowtask.demo import tasks
from slowtask.demo.workers import Workers

BURSTS = (120, 150, 130)
CALM = 40  #: jobs left when the next burst comes


def run(folder, redis, url, workers=3):
    """The log of jobs that came in bursts to *workers* of the queues `high` and `low`."""
    log, chance = folder / "slowtask.ndjson", random.Random(7)
    ended = lambda: log.read_bytes().count(b"\n") if log.exists() else 0  # noqa: E731
    with Workers(folder, url, workers, queue="high low", log=log):
        wait_until(lambda: redis.scard("rq:workers") == workers)
        total = 0
        for burst in BURSTS:
            for number in range(burst):
                queue = Queue("high" if number % 4 == 0 else "low", connection=redis)
                if number % 5:
                    queue.enqueue(tasks.send_mail, "user", round(chance.uniform(0.01, 0.09), 3))
                else:
                    queue.enqueue(tasks.compute, chance.randrange(20_000, 60_000))
            total += burst
            wait_until(lambda last=total: ended() >= last - CALM, 60)
        wait_until(lambda: ended() >= total, 60)
    return log
