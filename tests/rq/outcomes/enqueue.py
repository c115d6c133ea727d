"""`enqueue.py CASE…` enqueues what the cases of the matrix need, with the RQ of their environment.

Prints the id of each case's job as JSON, `{case: id}`.
"""

import json
import os
import sys

import jobs
from redis import Redis
from rq import Callback, Queue, Retry

from slowtask.rq import TimedJob

redis = Redis.from_url(os.environ["RQ_REDIS_URL"])
queue = Queue(connection=redis)
last = Queue("last", connection=redis)  #: for a job after which the worker has nothing more to do


def undeserialisable():
    """A job whose data no pickle can load."""
    job = queue.enqueue(jobs.finishes)
    redis.hset(job.key, "data", b"\x00 not a pickle")
    return job


def synchronous():
    """A job run at once, by whoever enqueues it."""
    return Queue(connection=redis, is_async=False, job_class=TimedJob).enqueue(jobs.finishes)


CASES = {
    "finished": lambda: queue.enqueue(jobs.finishes),
    "finished, async": lambda: queue.enqueue(jobs.finishes_async),
    "raised": lambda: queue.enqueue(jobs.raises),
    "no such task": lambda: queue.enqueue("jobs.nowhere"),
    "timed out": lambda: queue.enqueue(jobs.overruns, job_timeout=1),
    "retried": lambda: queue.enqueue(jobs.raises, retry=Retry(max=1)),
    "returned Retry": lambda: queue.enqueue(jobs.asks_retry),
    "killed": lambda: queue.enqueue(jobs.is_killed),
    "killed, retried": lambda: queue.enqueue(jobs.is_killed, retry=Retry(max=1)),
    "exited": lambda: queue.enqueue(jobs.exits),
    "killed at exit": lambda: queue.enqueue(jobs.is_killed_at_exit),
    # RQ kills a horse a minute past its limit; a limit of less than nothing makes that now
    "killed by worker": lambda: queue.enqueue(jobs.overruns_its_worker, job_timeout=-61),
    "Redis full": lambda: last.enqueue(jobs.fills_redis),
    "stopped": lambda: queue.enqueue(jobs.waits),
    "cold shutdown": lambda: queue.enqueue(jobs.waits),
    "abandoned": lambda: queue.enqueue(jobs.waits),
    "stuck": lambda: queue.enqueue(jobs.finishes),
    "orphaned": lambda: queue.enqueue(jobs.outlives_worker),
    "undeserialisable": undeserialisable,
    "failing callback": lambda: queue.enqueue(jobs.finishes, on_success=Callback(jobs.breaks_callback)),
    "is_async=False": synchronous,
}

print(json.dumps({case: CASES[case]().id for case in sys.argv[1:]}))
