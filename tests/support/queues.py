"""Real runs to replay: bursts of short jobs, on two queues of RQ's workers, on one of Celery's."""

import os
import random
import subprocess
import sys

from conftest import PATIENCE, wait_until
from rq import Queue

from slowtask.demo import tasks
from slowtask.demo.workers import Workers

BURSTS = (100, 140, 120)
LEFT = 40  #: jobs that still wait when the next burst comes
WORKERS = 3


def run(folder, redis, url):
    """The log of jobs that came in bursts to workers of the queues `high` and `low`, in this order."""
    log, total = folder / "slowtask.ndjson", 0
    with Workers(folder, url, WORKERS, queue="high low", log=log):
        wait_until(lambda: redis.scard("rq:workers") == WORKERS)
        for burst in BURSTS:
            enqueue(redis, total, burst)
            total += burst
            left = LEFT if burst != BURSTS[-1] else 0
            wait_until(lambda count=total - left: ended(log) >= count)
    return log


def run_celery(folder, url):
    """The log of tasks that came in bursts to one Celery worker of three processes."""
    log, total = folder / "slowtask.ndjson", 0
    environ = os.environ | {"CELERY_BROKER_URL": url, "SLOWTASK_LOG": str(log)}
    command = [sys.executable, "-m", "celery", "-A", "slowtask.demo.celery", "worker", "-c", str(WORKERS)]
    with (folder / "console").open("wb") as said:
        worker = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, stderr=said)
    for burst in BURSTS:
        publish = [sys.executable, "-c", PUBLISH.format(total, burst)]
        subprocess.run(publish, cwd=folder, env=environ, check=True)
        total += burst
        left = LEFT if burst != BURSTS[-1] else 0
        wait_until(lambda count=total - left: ended(log) >= count)
    worker.terminate()
    worker.wait(PATIENCE)
    return log


PUBLISH = """
import random
from slowtask.demo import celery, tasks
for number in range({0}, {0} + {1}):
    chance = random.Random(number)
    if number % 5:
        job = tasks.send_mail, ("user", round(chance.uniform(0.02, 0.14), 3))
    else:
        job = tasks.compute, (chance.randrange(20_000, 80_000),)
    celery.app.send_task(celery.name(job[0]), job[1])
"""


def enqueue(redis, first, count):
    """Jobs number *first* and on: a quarter on `high`, one in five computes."""
    for number in range(first, first + count):
        chance = random.Random(number)
        queue = Queue("low" if number % 4 else "high", connection=redis)
        if number % 5:
            queue.enqueue(tasks.send_mail, "user", round(chance.uniform(0.02, 0.14), 3))
        else:
            queue.enqueue(tasks.compute, chance.randrange(20_000, 80_000))


def ended(log):
    """How many lines *log* has."""
    return log.read_bytes().count(b"\n") if log.exists() else 0
