"""The outcome matrix: however an attempt ends, under whichever worker and version, it leaves one record."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import missing, wait_until
from environments import MATRIX, ROOT

pytestmark = pytest.mark.redis

HERE = Path(__file__).parent / "outcomes"
#: For each case the actions that a job's attempts are recorded with, in order.
EXPECTED = {
    "finished": ["finished"],
    "finished, async": ["finished"],
    "raised": ["failed"],
    "no such task": ["failed"],
    "timed out": ["timed-out"],
    "retried": ["retried", "failed"],
    "returned Retry": ["retried", "failed"],
    "killed": ["killed"],
    "killed, retried": ["killed", "killed"],
    "exited": ["killed"],
    "killed at exit": ["finished"],
    "killed by worker": ["killed"],
    "Redis full": ["finished"],
    "stopped": ["stopped"],
    "cold shutdown": ["killed"],
    "abandoned": ["abandoned"],
    "stuck": ["abandoned"],
    "orphaned": ["finished"],
    "undeserialisable": ["failed"],
    "failing callback": ["failed"],
    "is_async=False": ["finished"],
}
#: What differs in a worker that runs jobs in its own process: RQ takes its SystemExit for the task's.
IN_PROCESS = {"cold shutdown": ["failed"]}
#: What a job alone sees: it ends by itself.
BY_JOB = ["finished", "finished, async", "raised", "no such task", "timed out", "retried", "returned Retry"]
BY_JOB += ["Redis full", "is_async=False"]
#: What needs a process of its own to die in.
BY_HORSE = [
    "killed",
    "killed, retried",
    "killed at exit",
    "killed by worker",
    "exited",
    "stopped",
    "orphaned",
]
WORKERS = ["TimedJob", "TimedWorker", "TimedSimpleWorker", "TimedSpawnWorker", "worker-pool"]


def cases():
    for environment in MATRIX:
        for worker in WORKERS:
            for case in EXPECTED:
                if applies(case, worker, environment):
                    yield pytest.param(environment, worker, case, id=f"{environment.name} {worker} {case}")


def applies(case, worker, environment):
    if worker == "TimedSpawnWorker" and environment.release != "3":
        return False  # RQ before 3.0 starts spawned horses with its own classes only
    if case == "returned Retry" and environment.release == "2.0":
        return False  # RQ 2.1 was the first to take one
    if worker == "TimedJob":
        return case in BY_JOB
    if worker == "worker-pool" and case == "killed by worker":
        return False  # its command can't shorten the half minute between two looks at a horse
    if worker == "TimedSimpleWorker":
        return case not in BY_HORSE
    return True


class Workers:
    """Starts the workers of one test, and ends them with it."""

    def __init__(self, environment, folder, url):
        self.python = environment.python
        self.folder = folder
        self.log = folder / "runs.ndjson"
        self.environ = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(HERE)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "RQ_REDIS_URL": url,
            "SLOWTASK_LOG": str(self.log),
        }
        self._started = []

    def enqueue(self, case):
        command = [self.python, HERE / "enqueue.py", case]
        done = subprocess.run(
            command, env=self.environ, cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def start(self, worker, *arguments, job_class="slowtask.rq.TimedJob"):
        command = [self.python.parent / "rq"]
        command += ["worker-pool", "-n", "1"] if worker == "worker-pool" else ["worker"]
        if worker not in ("worker-pool", "TimedJob"):
            command += ["--worker-class", f"slowtask.rq.{worker}"]
        if worker == "worker-pool":
            command += ["--worker-class", "slowtask.rq.TimedWorker"]
        else:
            command += ["--job-monitoring-interval", "1"]
        command += ["--job-class", job_class, *arguments, "default"]
        with (self.folder / "worker.log").open("a") as output:
            process = subprocess.Popen(
                command,
                env=self.environ,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def work(self, worker):
        """Run *worker* until the queue is empty."""
        self.start(worker, "--burst").wait(60)

    def records(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def await_start(self):
        wait_until((self.folder / "started").exists)

    def worker_pids(self, redis):
        """The workers' process ids, as RQ registered them."""
        keys = [key for key in redis.keys("rq:worker:*") if redis.type(key) == b"hash"]
        return [int(redis.hget(key, "pid")) for key in keys]

    def close(self):
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def workers(request, tmp_path, redis_server, redis):
    environment = request.node.callspec.params["environment"]
    if not environment.made:
        missing(environment.name)
    started = Workers(environment, tmp_path, redis_server)
    yield started
    started.close()


@pytest.mark.parametrize(("environment", "worker", "case"), list(cases()))
def test_every_attempt_leaves_one_record(environment, worker, case, workers, redis, record_property):
    """Not none, not two."""
    job_id = workers.enqueue(case)
    DISTURBED.get(case, run_to_end)(workers, worker, redis, job_id)

    records = workers.records()
    actions = [record["event.action"] for record in records]
    record_property("matrix", (case, f"{environment.name} {worker}", ", ".join(actions)))
    expected = IN_PROCESS.get(case) if worker == "TimedSimpleWorker" else None
    assert actions == (expected or EXPECTED[case]), (workers.folder / "worker.log").read_text()[-3000:]
    assert [record["task.attempt"] for record in records] == list(range(1, len(records) + 1))
    assert len({record["event.id"] for record in records}) == len(records)
    assert {record["task.id"] for record in records} == {job_id}
    for record in records:
        CHECKS.get(case, lambda record: None)(record)


def run_to_end(workers, worker, _redis, _job_id):
    workers.work(worker)


def stop_by_command(workers, worker, redis, job_id):
    process = workers.start(worker)
    workers.await_start()
    script = """import sys, redis, rq.command
rq.command.send_stop_job_command(redis.from_url(sys.argv[1]), sys.argv[2])"""
    subprocess.run([workers.python, "-c", script, workers.environ["RQ_REDIS_URL"], job_id], check=True)
    wait_until(workers.records)
    process.terminate()
    process.wait(20)


def signal_twice(workers, worker, redis, _job_id):
    """RQ takes a second signal within a second of the first for the same one."""
    process = workers.start(worker)
    workers.await_start()
    [pid] = workers.worker_pids(redis)
    os.kill(pid, signal.SIGTERM)
    asked = time.monotonic()
    wait_until(lambda: time.monotonic() - asked > 1.1)
    os.kill(pid, signal.SIGTERM)
    wait_until(workers.records)
    os.killpg(process.pid, signal.SIGKILL)
    abandon(redis)  # RQ finds the job again; its record is there
    workers.work("TimedWorker")


def lose_machine(workers, worker, redis, _job_id):
    """Worker and horse die at once, as with their machine."""
    process = workers.start(worker)
    workers.await_start()
    for pid in workers.worker_pids(redis):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGSTOP)
            os.kill(pid, signal.SIGKILL)
            os.kill(int(child), signal.SIGKILL)
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
    abandon(redis)
    workers.work("TimedWorker" if worker == "worker-pool" else worker)


def abandon(redis):
    """Let RQ's patience with started jobs end now, and with it the lock and the pause of its clean-up."""
    for key in redis.keys("rq:wip:*"):
        if redis.type(key) == b"zset":
            for member in redis.zrange(key, 0, -1):
                redis.zadd(key, {member: 1})
    redis.delete(*redis.keys("rq:worker*"), *redis.keys("rq:clean_registries:*"), "rq:none")


def strand(workers, worker, redis, job_id):
    """A worker died between taking the job and starting it."""
    redis.lmove("rq:queue:default", "rq:queue:default:intermediate", "LEFT", "RIGHT")
    redis.set(f"rq:queue:default:intermediate:first_seen:{job_id}", "1.0")
    workers.work(worker)


def lose_worker(workers, worker, _redis, _job_id):
    process = workers.start(worker)
    wait_until(workers.records)
    process.terminate()


def synchronously(workers, _worker, _redis, _job_id):
    """It ran when it was enqueued."""


DISTURBED = {
    "stopped": stop_by_command,
    "cold shutdown": signal_twice,
    "abandoned": lose_machine,
    "stuck": strand,
    "orphaned": lose_worker,
    "is_async=False": synchronously,
}


def ended(outcome, **fields):
    def check(record):
        assert record["event.outcome"] == outcome
        assert {key: record.get(key) for key in fields} == fields

    return check


def began(record):
    assert 0 <= record["event.duration"] < 25_000_000_000
    assert record["task.wait"] >= 0
    assert record["task.memory"] > 1_000_000
    assert record["worker.name"]


def both(*checks):
    return lambda record: [check(record) for check in checks]


def reason(text):
    return lambda record: ended("failure", **{"event.reason": text})(record)


def error(kind):
    return lambda record: ended("failure", **{"error.type": kind})(record)


def never_began(record):
    assert "event.duration" not in record
    assert "event.start" not in record


def held_64_mb(record):
    assert record["task.memory"] > 64_000_000


CHECKS = {
    "finished": both(began, ended("success", **{"task.name": "jobs.finishes"})),
    "finished, async": both(began, ended("success")),
    "raised": both(began, error("ValueError")),
    "timed out": both(began, error("rq.timeouts.JobTimeoutException")),
    "killed": both(
        began, held_64_mb, reason("signal 9"), ended("failure", **{"task.name": "jobs.is_killed"})
    ),
    "killed by worker": both(began, reason("signal 9")),
    "exited": both(began, reason("exit status 3")),
    "stopped": both(began, ended("failure")),
    "undeserialisable": both(never_began, error("rq.exceptions.DeserializationError")),
    "failing callback": both(began, error("RuntimeError")),
    "abandoned": ended("failure", **{"task.name": "jobs.waits"}),
    "stuck": never_began,
}
