"""Publish jobs at a steady pace: `feed.py URL '{"task": …, "args": […], "queue": …, "rate": …, "count": …}'`.

A broker that can't take a job is tried again at the next beat, as an application's users do.
"""

import itertools
import json
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta

import rq.job
import rq.queue


def make_enqueue(system, url):
    """Return how to publish one job of *system*."""
    return make_rq(url) if system == "rq" else make_celery(url)


def make_rq(url):
    from redis import Redis

    client = Redis.from_url(url)

    def enqueue(task, args, queue, options):
        target, after = rq.Queue(queue, connection=client), options.pop("after", None)
        skew_clock(options.pop("skew", 0))
        if padding := options.pop("padding", 0):
            options["description"] = f"{task}({args[0]})" + "x" * padding
        if after is None:
            target.enqueue(task, args=args, **options)
        else:
            target.enqueue_in(timedelta(seconds=after), task, *args, **options)

    return enqueue


def skew_clock(seconds):
    """Have RQ's own idea of now be wrong by so much."""
    if seconds and not hasattr(rq.queue, "right_now"):
        rq.queue.right_now = rq.queue.now
        rq.queue.now = rq.job.now = lambda: rq.queue.right_now() + timedelta(seconds=seconds)


def make_celery(url):
    os.environ["BROKER"] = url
    import celery_jobs

    return lambda task, args, queue, options: celery_jobs.app.send_task(task, args, queue=queue, **options)


def main(url, order):
    enqueue = make_enqueue(order["system"], url)
    beat = time.monotonic()
    for _ in range(order["count"]) if order["count"] else itertools.count():
        with suppress(Exception):
            enqueue(order["task"], order["args"], order["queue"], dict(order["options"]))
        if order["rate"]:
            beat += 1 / order["rate"]
            time.sleep(max(0, beat - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
