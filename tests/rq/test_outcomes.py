"""The outcome matrix: however an attempt ends, under whichever worker and version, it leaves one record.

A site is one worker class in one environment. One worker runs all cases of its site that leave it alive.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import PATIENCE, missing, wait_until
from redis import Redis

from environments import MATRIX, NEWEST, ROOT, Environment
from growing import read_events
from places import OUTCOMES

pytestmark = pytest.mark.redis

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
#: What `TimedJob` alone records: attempts that end by themselves.
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
#: Cases of which the worker itself dies: one worker for each.
FATAL = ["cold shutdown", "abandoned", "orphaned"]
WORKERS = ["TimedJob", "TimedWorker", "TimedSimpleWorker", "TimedSpawnWorker", "worker-pool"]
#: A Python between the oldest and the newest ones: nothing of a worker differs there that doesn't in these.
BETWEEN = "3.12"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One worker class in one environment."""

    environment: Environment
    worker: str

    @property
    def name(self):
        return f"{self.environment.name} {self.worker}"

    @property
    def rare(self):
        """Whether `make test` leaves it out: of older RQs it runs one worker, of RQ's newest all."""
        return self.environment != NEWEST and (
            self.environment.release == "3" or self.worker != "TimedWorker"
        )

    @property
    def cases(self):
        return [case for case in EXPECTED if self.has(case)]

    @property
    def shared(self):
        """The cases that one worker runs."""
        return [case for case in self.cases if not self.is_fatal(case)]

    def is_fatal(self, case):
        """Whether the worker itself dies of it, as RQ 2.0's pool does of a job that it finds stuck."""
        return case in FATAL or (case == "stuck" and self.environment.release == "2.0")

    def has(self, case):
        if case == "returned Retry" and self.environment.release == "2.0":
            return False  # RQ 2.1 was the first to take one
        if self.worker == "TimedJob":
            return case in BY_JOB
        return self.worker != "TimedSimpleWorker" or case not in BY_HORSE


def sites():
    for environment in MATRIX:
        for worker in WORKERS if environment.version != BETWEEN else ["TimedWorker"]:
            # RQ before 3.0 starts spawned horses with its own classes only
            if worker != "TimedSpawnWorker" or environment.release == "3":
                yield Site(environment=environment, worker=worker)


def grouped(site, case):
    """A parameter of which all of one site run in one process: that starts its worker once."""
    marks = [pytest.mark.xdist_group(site.name), *([pytest.mark.rare] if site.rare else [])]
    return pytest.param(site, case, id=f"{site.name} {case}", marks=marks)


class Workers:
    """Starts the workers of one site in *folder*, and ends them."""

    def __init__(self, site, folder, url):
        self.site = site
        self.python = site.environment.python
        self.folder = folder
        self.log = folder / "runs.ndjson"
        self.environ = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(OUTCOMES)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "RQ_REDIS_URL": url,
            "SLOWTASK_LOG": str(self.log),
        }
        self._started = []

    def enqueue(self, *cases):
        """The id of each case's job."""
        command = [self.python, OUTCOMES / "enqueue.py", *cases]
        done = subprocess.run(
            command, env=self.environ, cwd=self.folder, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments, worker=None, job_class="slowtask.rq.TimedJob"):
        worker = worker or self.site.worker
        command = [self.python.parent / "rq"]
        command += ["worker-pool", "-n", "1"] if worker == "worker-pool" else ["worker"]
        if worker != "TimedJob":
            in_pool = worker == "worker-pool"
            command += ["--worker-class", f"slowtask.rq.{'TimedWorker' if in_pool else worker}"]
        # a worker reads from the second queue when nothing is left in the first
        command += ["--job-class", job_class, *arguments, "default", "last"]
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

    def work(self, worker=None):
        """Run a worker until the queues are empty."""
        self.start("--burst", worker=worker).wait(PATIENCE)

    def output(self):
        log = self.folder / "worker.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def records(self):
        return read_events(self.log)

    def has_started(self):
        """Whether a task that waits to be disturbed runs."""
        return (self.folder / "started").exists()

    def worker_pids(self, redis):
        """The workers' process ids, as RQ registered them."""
        keys = [key for key in redis.keys("rq:worker:*") if redis.type(key) == b"hash"]
        return [int(redis.hget(key, "pid")) for key in keys]

    def close(self):
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def run_all_cases(redis_server, tmp_path_factory):
    """Runs, once for each site, all cases that its worker survives; returns its workers and the jobs' ids."""
    done = {}

    def work(site):
        if site not in done:
            workers = Workers(site, tmp_path_factory.mktemp("rq"), redis_server)
            with Redis.from_url(redis_server) as redis, contextlib.closing(workers):
                done[site] = workers, all_cases(workers, redis)
        return done[site]

    return work


def all_cases(workers, redis):
    """Run all cases that a worker survives; return each job's id. The tests find what is missing."""
    redis.config_set("maxmemory", "0")
    redis.flushall()
    ids = {}
    with contextlib.suppress(pytest.fail.Exception, AssertionError, subprocess.SubprocessError):
        ids = workers.enqueue(*workers.site.shared)
        if "stuck" in ids:
            strand(redis, ids["stuck"])
        process = workers.start("--burst")
        if "stopped" in ids:
            stop_by_command(workers, ids["stopped"], process)
        process.wait(PATIENCE)
        if redis.llen("rq:queue:last"):  # RQ 2.0's worker trips over the second death of a job
            workers.work()
    return ids


@pytest.fixture
def workers(tmp_path, redis_server, redis):
    """Makes the workers of a site, for a case that its worker doesn't survive."""
    made = []

    def make(site):
        made.append(Workers(site, tmp_path, redis_server))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(("site", "case"), [grouped(site, case) for site in sites() for case in site.cases])
def test_every_attempt_leaves_one_record(site, case, run_all_cases, workers, redis, record_property):
    """Neither none nor two."""
    if not site.environment.made:
        missing(site.environment.name)
    if site.is_fatal(case):
        site_workers = workers(site)
        ids = site_workers.enqueue(case)
        DISTURBED[case](site_workers, redis, ids[case])
    else:
        site_workers, ids = run_all_cases(site)

    all_records = site_workers.records()
    records = [record for record in all_records if record["task.id"] == ids.get(case)]
    actions = [record["event.action"] for record in records]
    record_property("matrix", (case, site.name, ", ".join(actions)))
    expected = IN_PROCESS.get(case) if site.worker == "TimedSimpleWorker" else None
    assert actions == (expected or EXPECTED[case]), site_workers.output()[-3000:]
    assert [record["task.attempt"] for record in records] == list(range(1, len(records) + 1))
    assert len({record["event.id"] for record in all_records}) == len(all_records)
    assert {record["task.id"] for record in all_records} <= set(ids.values())
    for record in records:
        CHECKS.get(case, lambda record: None)(record)


def strand(redis, job_id):
    """A worker died between taking the job and starting it."""
    redis.lrem("rq:queue:default", 1, job_id)
    redis.lpush("rq:queue:default:intermediate", job_id)
    redis.set(f"rq:queue:default:intermediate:first_seen:{job_id}", "1.0")


def work_off_stranded(workers, redis, job_id):
    strand(redis, job_id)
    workers.work()


def stop_by_command(workers, job_id, process):
    wait_until(lambda: workers.has_started() or process.poll() is not None)
    script = """import sys, redis, rq.command
rq.command.send_stop_job_command(redis.from_url(sys.argv[1]), sys.argv[2])"""
    subprocess.run([workers.python, "-c", script, workers.environ["RQ_REDIS_URL"], job_id], check=True)


def signal_twice(workers, redis, _job_id):
    """RQ takes a second signal within a second of the first for the same one."""
    process = workers.start()
    wait_until(workers.has_started)
    [pid] = workers.worker_pids(redis)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: "shut down" in workers.output())
    heard = time.monotonic()
    wait_until(lambda: time.monotonic() - heard > 1.1)
    os.kill(pid, signal.SIGTERM)
    wait_until(workers.records)
    os.killpg(process.pid, signal.SIGKILL)
    abandon(redis)  # RQ finds the job again; its record is there
    workers.work("TimedWorker")


def lose_machine(workers, redis, _job_id):
    """Worker and horse die at once, as with their machine."""
    process = workers.start()
    wait_until(workers.has_started)
    for pid in workers.worker_pids(redis):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGSTOP)
            os.kill(pid, signal.SIGKILL)
            os.kill(int(child), signal.SIGKILL)
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    abandon(redis)
    workers.work("TimedWorker" if workers.site.worker == "worker-pool" else None)


def abandon(redis):
    """Make RQ's waiting for started jobs end now, and drop the lock and the pause of its clean-up."""
    for key in redis.keys("rq:wip:*"):
        if redis.type(key) == b"zset":
            for member in redis.zrange(key, 0, -1):
                redis.zadd(key, {member: 1})
    redis.delete(*redis.keys("rq:worker*"), *redis.keys("rq:clean_registries:*"), "rq:none")


def lose_worker(workers, _redis, _job_id):
    process = workers.start()
    wait_until(workers.records)
    process.terminate()


DISTURBED = {
    "cold shutdown": signal_twice,
    "abandoned": lose_machine,
    "orphaned": lose_worker,
    "stuck": work_off_stranded,
}


def ended(outcome, **fields):
    def check(record):
        assert record["event.outcome"] == outcome
        assert {key: record.get(key) for key in fields} == fields

    return check


def began(record):
    assert 0 <= record["event.duration"] < 100_000_000_000
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
