"""`alone.py {queue: [case, …]}` enqueues these cases and prints `{queue: {case: id}}`."""

import json
import os
import sys
import time

import jobs
from redis import Redis
from rq import Callback, Queue, Retry

redis = Redis.from_url(os.environ["RQ_REDIS_URL"])


def undeserialisable(queue):
    job = queue.enqueue(jobs.finishes)
    redis.hset(job.key, "data", b"\x00 not a pickle")
    return job


def stops_itself():
    """Asks its worker to stop it, again and again until the worker knows which process this is."""
    from rq import get_current_job
    from rq.command import send_stop_job_command

    job = get_current_job()
    while True:
        send_stop_job_command(job.connection, job.id)
        time.sleep(0.5)


CASES = {
    "finished": lambda queue: queue.enqueue(jobs.finishes),
    "finished, async": lambda queue: queue.enqueue(jobs.finishes_async),
    "raised": lambda queue: queue.enqueue(jobs.raises),
    "no such task": lambda queue: queue.enqueue("jobs.nowhere"),
    "timed out": lambda queue: queue.enqueue(jobs.overruns, job_timeout=1),
    "retried": lambda queue: queue.enqueue(jobs.raises, retry=Retry(max=1)),
    "returned Retry": lambda queue: queue.enqueue(jobs.asks_retry),
    "failing callback": lambda queue: queue.enqueue(jobs.finishes, on_success=Callback(jobs.breaks_callback)),
    "undeserialisable": undeserialisable,
    "killed": lambda queue: queue.enqueue(jobs.is_killed),
    "killed, retried": lambda queue: queue.enqueue(jobs.is_killed, retry=Retry(max=1)),
    "exited": lambda queue: queue.enqueue(jobs.exits),
    "killed at exit": lambda queue: queue.enqueue(jobs.is_killed_at_exit),
    "stopped": lambda queue: queue.enqueue("alone.stops_itself"),
}

if __name__ == "__main__":
    ids = {
        name: {case: CASES[case](Queue(name, connection=redis)).id for case in cases}
        for name, cases in json.loads(sys.argv[1]).items()
    }
    print(json.dumps(ids))
