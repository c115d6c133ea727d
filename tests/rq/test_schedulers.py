"""Jobs that a scheduler enqueues, by a clock: the class of the worker is enough to record them."""

import json
import os
import subprocess

import pytest
from conftest import PATIENCE, missing, wait_until

from environments import DJANGO_TASKS, ROOT
from places import OUTCOMES

pytestmark = pytest.mark.redis

SCHEDULE = """
import datetime, os
from redis import Redis
from rq import Queue
from rq_scheduler import Scheduler

redis, soon = Redis.from_url(os.environ["RQ_REDIS_URL"]), datetime.datetime.now(datetime.timezone.utc)
Scheduler(connection=redis).enqueue_at(soon, "jobs.finishes")
Queue(connection=redis).enqueue_at(soon, "jobs.finishes_async")
"""
CRONTAB = """
import jobs
from rq import cron
cron.register(jobs.raises, queue_name="default", interval=3600)
"""


def test_jobs_of_rq_scheduler_rq_cron_and_rqs_own_scheduler_are_recorded(redis, redis_server, tmp_path):
    if not DJANGO_TASKS.made:
        missing(DJANGO_TASKS.name)
    (tmp_path / "our_cron.py").write_text(CRONTAB)
    programs = DJANGO_TASKS.python.parent
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "app", OUTCOMES))),
        "RQ_REDIS_URL": redis_server,
        "RQ_WORKER_CLASS": "slowtask.rq.TimedWorker",
    }

    def run(*command):
        done = subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr

    run(DJANGO_TASKS.python, "-c", SCHEDULE)
    run(programs / "rqscheduler", "--burst", "--interval", "0.1")
    cron = subprocess.Popen(
        [programs / "rq", "cron", "our_cron.py"], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: redis.llen("rq:queue:default") == 2)
    cron.terminate()
    cron.wait(PATIENCE)
    run(programs / "rq", "worker", "--with-scheduler", "--burst", "default")
    records = [json.loads(line) for line in (tmp_path / "slowtask.ndjson").read_text().splitlines()]

    assert sorted((each["task.name"], each["event.action"]) for each in records) == [
        ("jobs.finishes", "finished"),
        ("jobs.finishes_async", "finished"),
        ("jobs.raises", "failed"),
    ]
    assert all(each["task.wait"] >= 0 for each in records)
