"""Hooks never hurt: whatever goes wrong in slowtask, the task runs as it would without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE, TROUBLES
from rq import Queue
from rq.job import Job

from places import OUTCOMES
from slowtask.rq import TimedJob

pytestmark = pytest.mark.redis
RQ = Path(sys.executable).parent / "rq"


@pytest.fixture
def burst(redis, redis_server, tmp_path):
    """Work off `jobs.finishes`, *times* times: the worker's output, and the jobs' statuses."""

    def work(times=2, worker="slowtask.rq.TimedWorker", folder=tmp_path, **environment):
        queue = Queue(connection=redis)
        jobs = [queue.enqueue("jobs.finishes") for _ in range(times)]
        path = os.pathsep.join([str(folder), str(OUTCOMES)])
        timed_job = [] if worker.startswith("slowtask.") else ["-j", "slowtask.rq.TimedJob"]
        done = subprocess.run(
            [RQ, "worker", "--burst", "-u", redis_server, "-w", worker, *timed_job],
            env=os.environ | {"PYTHONPATH": path} | environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stderr, [job.get_status() for job in jobs]

    return work


@pytest.mark.parametrize(
    "worker", ["slowtask.rq.TimedWorker", "slowtask.rq.TimedSimpleWorker", "rq.worker.Worker"]
)
@pytest.mark.parametrize("environment", TROUBLES.values(), ids=TROUBLES)
def test_trouble_costs_the_task_nothing_and_is_warned_of_once(burst, worker, environment):
    output, statuses = burst(times=3, worker=worker, **environment)

    assert statuses == ["finished"] * 3
    assert output.count("slowtask: ") == 1


def test_a_project_with_a_package_called_app_keeps_it(redis, redis_server, tmp_path):
    """Ours is a folder without `__init__.py`, so theirs wins."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    (tmp_path / "app" / "jobs.py").write_text("def mine(): return 'mine'\n")
    job = Queue(connection=redis).enqueue("app.jobs.mine")
    command = [RQ, "worker", "--burst", "-u", redis_server, "-j", "slowtask.rq.TimedJob"]
    subprocess.run(
        command, env=os.environ | {"PYTHONPATH": "."}, cwd=tmp_path, capture_output=True, check=True
    )

    assert job.return_value() == "mine"
    assert json.loads((tmp_path / "slowtask.ndjson").read_text())["task.name"] == "app.jobs.mine"


@pytest.mark.parametrize(
    "variable",
    [
        {"RQ_WORKER_CLASS": "slowtask.rq.TimedWorker"},
        {"RQ_JOB_CLASS": "slowtask.rq.TimedJob"},
    ],
)
def test_one_variable_is_enough(variable, redis, redis_server, tmp_path):
    """The worker's, as the first page of the documentation has it, or where that can't be, the job's."""
    Queue(connection=redis).enqueue("jobs.finishes")
    ours = variable | {"RQ_REDIS_URL": redis_server}
    environment = os.environ | ours | {"PYTHONPATH": str(OUTCOMES)}
    subprocess.run([RQ, "worker", "--burst"], env=environment, cwd=tmp_path, capture_output=True, check=True)

    assert json.loads((tmp_path / "slowtask.ndjson").read_text())["task.name"] == "jobs.finishes"


def test_an_alarm_due_while_the_record_is_written_costs_neither_task_nor_record(tmp_path):
    """RQ's time limit is an alarm; here it would go off in the middle of our own work, if it were on."""
    script = """
import signal, time
from redis import Redis
from rq.job import Job
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from slowtask import record
from slowtask.rq import TimedJob

write = record.write
def slowly(run):
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    time.sleep(left + 0.1 if left else 0)
    write(run)
record.write = slowly
job = TimedJob.create("jobs.finishes", connection=Redis(), id="a")
with UnixSignalDeathPenalty(10, JobTimeoutException):
    job.perform()
print("performed")
"""
    log = tmp_path / "runs.ndjson"
    environment = os.environ | {"PYTHONPATH": str(OUTCOMES), "SLOWTASK_LOG": str(log)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "performed\n"
    assert [json.loads(line)["event.action"] for line in log.read_text().splitlines()] == ["finished"]


def test_a_job_stays_an_rq_job():
    assert issubclass(TimedJob, Job)


def test_the_time_limit_of_a_job_survives_one_that_runs_inside_it(tmp_path):
    """A task enqueues with `is_async=False`: the outer job's alarm still strikes."""
    script = """
import time
from redis import Redis
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from slowtask.rq import TimedJob

inner = TimedJob.create("jobs.finishes", connection=Redis(), id="inner")
try:
    with UnixSignalDeathPenalty(1, JobTimeoutException):
        inner.perform()
        time.sleep(5)
except JobTimeoutException:
    print("struck")
"""
    environment = os.environ | {"PYTHONPATH": str(OUTCOMES)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "struck\n"
