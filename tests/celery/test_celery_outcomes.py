"""Celery's outcome matrix: in every pool, broker and version, an attempt leaves one record.

A site is one worker of one environment and pool on one broker; all of its cases are published to it at once.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle
from urllib.parse import urlsplit

import pytest
from conftest import PATIENCE, missing, wait_until
from redis import Redis

from environments import CELERIES, ROOT, Environment
from expected import EXPECTED
from growing import read_events
from places import CELERY_OUTCOMES

BROKERS = ["RabbitMQ", "Redis"]
POOLS = ["prefork", "threads", "solo", "gevent"]
#: What differs where tasks run in the worker's own process: SystemExit is taken for the task's.
IN_PROCESS = {"exited": ["failed"]}
#: What needs a process of its own to die in.
BY_PREFORK = ["killed", "killed, redelivered", "killed at exit", "soft time limit"]
#: Cases of which the worker itself dies: one worker for each.
FATAL = ["cold shutdown", "worker lost"]


@dataclass(frozen=True, kw_only=True)
class Site:
    """One worker, and what it is given."""

    environment: Environment
    pool: str
    broker: str

    @property
    def name(self):
        return f"{self.environment.name} {self.pool} {self.broker}"

    @property
    def rare(self):
        """Whether `make test` leaves it out: it runs the newest with every pool, the oldest with prefork."""
        if self.pool == "prefork":
            return self.environment not in CELERIES[:2]
        return self.environment != CELERIES[0] or self.broker != "Redis"

    @property
    def cases(self):
        return [case for case in EXPECTED if case not in FATAL and self.has(case)]

    def has(self, case):
        if self.pool == "prefork":
            return True
        if case == "hard time limit":
            return self.pool == "gevent"
        if case == "revoked, running":
            return self.pool == "gevent" and self.environment.release != "5.3"
        if case == "exited":
            return self.pool != "solo"  # Celery trips over it, and the worker ends
        return case not in BY_PREFORK


def sites():
    for place, environment in enumerate(CELERIES):
        for pool in POOLS if place < 2 else POOLS[:1]:
            for broker in BROKERS:
                yield Site(environment=environment, pool=pool, broker=broker)


def grouped(site, *case):
    """A parameter of which all of one site run in one process: that starts its worker once."""
    marks = [pytest.mark.xdist_group(site.name), *([pytest.mark.rare] if site.rare else [])]
    return pytest.param(site, *case, id=" ".join([site.name, *case]), marks=marks)


class Worker:
    """A Celery worker of *site* in *folder*, on the broker at *url*; results go to the Redis at *backend*."""

    def __init__(self, site, folder, url, backend):
        self.site, self.folder, self.log = site, folder, folder / "runs.ndjson"
        self._python = site.environment.python
        self._environ = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(CELERY_OUTCOMES)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CELERY_BROKER_URL": url,
            "CELERY_RESULT_BACKEND": backend,
            "SLOWTASK_LOG": str(self.log),
        }
        self.began = None  #: to publish
        self._process = None

    def start(self):
        command = [self._python, "-m", "celery", "-A", "tasks", "worker", "-P", self.site.pool, "-c", "4"]
        command += ["-l", "INFO", "-n", f"celery@{self.site.pool}", "--without-mingle", "--without-gossip"]
        with (self.folder / "worker.log").open("a") as output:
            self._process = subprocess.Popen(
                command, env=self._environ, cwd=self.folder, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: " ready." in self.output() or self._process.poll() is not None)
        assert self._process.poll() is None, self.output()[-3000:]

    def output(self):
        return (self.folder / "worker.log").read_text(errors="replace")

    def publish(self, *cases):
        """The ids of the tasks of each case."""
        self.began = datetime.now(UTC)
        done = subprocess.run(
            [self._python, CELERY_OUTCOMES / "publish.py", *cases],
            env=self._environ, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        (self.folder / "worker.log").open("a").write(done.stderr)
        assert done.returncode == 0
        return json.loads(done.stdout.splitlines()[-1])

    def records(self, ids):
        """The records of the tasks *ids*, in order."""
        records = [record for record in read_events(self.log) if record["task.id"] in ids]
        return sorted(
            records, key=lambda record: (record["task.attempt"], record["@timestamp"])
        )  # attempts may overlap

    def signal(self, number):
        self._process.send_signal(number)
        self.wait()

    def wait(self):
        self._process.wait(PATIENCE)

    def close(self):
        """End a worker whose tasks have ended, and kill what is left of it."""
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            self._process.terminate()
            self._process.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="session")
def brokers(redis_server, request):
    """For a site the address of a broker that nobody else uses, and of a Redis for results."""
    databases = cycle(range(1, 15))

    def address(site):
        if site.broker == "RabbitMQ":
            vhost = f"outcomes-{os.getpid()}-{time.monotonic_ns()}"
            return request.getfixturevalue("rabbitmq").add_vhost(vhost), f"{redis_server[:-1]}15"
        parts = urlsplit(redis_server)
        url = f"{parts.scheme}://{parts.netloc}/{next(databases)}"
        with Redis.from_url(url) as client:
            client.flushdb()
        return url, f"{parts.scheme}://{parts.netloc}/15"

    return address


def all_cases(worker):
    """Run all cases, and return each case's records. A test of each case finds what is missing."""
    ids = {}
    with suppress(pytest.fail.Exception, AssertionError):
        worker.start()
        ids = worker.publish(*worker.site.cases)
        due = sum(len(EXPECTED[case]) for case in ids)
        wait_until(lambda: len(worker.records(set(chain.from_iterable(ids.values())))) >= due)
    worker.close()
    return {case: worker.records(set(ids[case])) for case in ids}


@pytest.fixture(scope="session")
def run_all_cases(brokers, tmp_path_factory):
    """Runs all cases of a site, once; returns the records of each case, read after the worker has ended."""
    done = {}

    def work(site):
        if not site.environment.made:
            missing(site.environment.name)
        if site.name not in done:
            worker = Worker(site, tmp_path_factory.mktemp("celery"), *brokers(site))
            done[site.name] = all_cases(worker), worker
        return done[site.name]

    return work


@pytest.mark.parametrize(("site", "case"), [grouped(site, case) for site in sites() for case in site.cases])
def test_every_attempt_leaves_one_record(site, case, run_all_cases, record_property):
    """Neither none nor two."""
    by_case, worker = run_all_cases(site)
    records = by_case.get(case, [])
    actions = [each["event.action"] for each in records]
    record_property("matrix", (case, site.name, ", ".join(actions)))

    expected = IN_PROCESS.get(case) if site.pool != "prefork" else None
    assert actions == (expected or EXPECTED[case]), worker.output()[-3000:]
    assert len({each["event.id"] for each in records}) == len(records)
    for record in records:
        assert record["queue.system"] == "celery"
        assert record["worker.name"] == f"celery@{site.pool}"
        assert record["queue.name"] == ("other" if case == "another queue" else "default")
    CHECKS.get(case, lambda *records: None)(*records)
    if case == "countdown":
        assert due(records[0]) > worker.began + timedelta(seconds=1.5)


@pytest.fixture
def worker(brokers, tmp_path):
    """Makes the worker of a site, which dies in its test."""
    made = []

    def make(site):
        if not site.environment.made:
            missing(site.environment.name)
        made.append(Worker(site, tmp_path, *brokers(site)))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close()


FORKS = [site for site in sites() if site.pool == "prefork"]


@pytest.mark.parametrize("site", [grouped(site) for site in FORKS])
def test_a_cold_shutdown_leaves_a_record_of_what_ran(site, worker, record_property):
    started = worker(site)
    ids = started.publish("waits")["waits"]
    wait_until((started.folder / "started").exists)
    started.signal(signal.SIGQUIT)

    [record] = started.records(ids)
    record_property("matrix", ("cold shutdown", site.name, record["event.action"]))
    assert record["event.action"] == "killed"
    before = site.environment.release in ("5.3", "5.4")
    assert record["event.reason"] == ("signal 15" if before else "cancelled by its worker")
    began(record)
    held_memory(record)


@pytest.mark.parametrize("site", [grouped(site) for site in sites() if site.pool == "solo"])
def test_an_exit_that_ends_a_solo_worker_leaves_a_record(site, worker, record_property):
    started = worker(site)
    ids = started.publish("exited")["exited"]
    started.wait()

    [record] = started.records(ids)
    record_property("matrix", ("exited", site.name, record["event.action"]))
    assert record["event.action"] == "failed"
    assert record["error.type"] == "SystemExit"
    began(record)


LONGEST = 100e9  #: ns; less than a task sleeps that is to be disturbed


def began(record):
    assert 0 <= record["event.duration"] < LONGEST
    assert 0 <= record["task.wait"] < LONGEST
    assert record["process.pid"]


def ended(outcome="failure", **fields):
    def check(*records):
        record = records[-1]
        assert record["event.outcome"] == outcome
        assert {key: record.get(key) for key in fields} == fields

    return check


def error(kind):
    return ended(**{"error.type": kind})


def reason(text):
    return ended(**{"event.reason": text})


def both(*checks):
    return lambda *records: [check(*records) for check in checks]


def all_began(*records):
    for record in records:
        began(record)


def never_began(*records):
    for record in records:
        assert "event.duration" not in record
        assert "event.start" not in record


def reached_its_limit(*records):
    """Which is a second, and not much less by another clock."""
    assert records[-1]["event.duration"] > 900_000_000


def held_memory(*records):
    """At least what Python and Celery need."""
    assert all(each["task.memory"] > 10_000_000 for each in records)


def counted(*records):
    assert [each["task.attempt"] for each in records] == list(range(1, len(records) + 1))


def delivered_twice(*records):
    """The same attempt, to another process."""
    assert [each["task.attempt"] for each in records] == [1, 1]
    assert records[0]["process.pid"] != records[1]["process.pid"]


def due(record):
    """When a task could have started: its wait counts from then."""
    return start(record) - timedelta(microseconds=record["task.wait"] // 1000)


def start(record):
    return datetime.fromisoformat(record["event.start"])


def due_a_second_after_the_first_attempt(*records):
    """And not when it was published, just after that attempt began.

    Celery's timer may run a task a little before its eta; then the wait is 0.
    """
    first, again = records
    assert due(again) > start(first) + timedelta(seconds=0.5)


CHECKS = {
    "finished": both(all_began, ended("success", **{"task.name": "tasks.finishes", "task.attempt": 1})),
    "named by hand": both(all_began, ended("success", **{"task.name": "named by hand"})),
    "custom class": both(all_began, ended("success")),
    "raised": both(all_began, error("ValueError")),
    "wrong arguments": error("TypeError"),
    "unknown task": both(never_began, ended(**{"task.name": "no.such.task"})),
    "soft time limit": both(all_began, reached_its_limit, error("billiard.exceptions.SoftTimeLimitExceeded")),
    "hard time limit": both(all_began, reached_its_limit),
    "retried": both(all_began, counted, error("KeyError")),
    "retried later": both(all_began, counted, ended("success"), due_a_second_after_the_first_attempt),
    "autoretry": both(all_began, counted, error("KeyError")),
    "killed": both(all_began, held_memory, reason("signal 9"), ended(**{"task.name": "tasks.is_killed"})),
    "killed, redelivered": both(all_began, delivered_twice, ended("success")),
    "killed at exit": both(all_began, ended("success")),
    "exited": all_began,
    "Reject": both(all_began, ended("unknown")),
    "Reject, requeued": both(all_began, ended("success")),
    "Ignore": both(all_began, ended("unknown")),
    "expired": both(never_began, reason("expired")),
    "revoked, waiting": both(never_began, reason("revoked")),
    "revoked, running": all_began,
    "countdown": all_began,
    "chain": all_began,
}
