"""A `Timed…Worker` is enough: it records jobs of any class, one record for each attempt.

The rarer ends, where the worker or the machine dies too, are in the outcome matrix; they don't depend on
the job's class.
"""

import copy
import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from conftest import missing
from redis import Redis
from rq.job import Job

from environments import MATRIX, ROOT
from places import OUTCOMES
from slowtask.rq.attempt import Attempt
from slowtask.rq.worker import wrap

pytestmark = [pytest.mark.redis, pytest.mark.xdist_group("worker alone")]

HERE = Path(__file__).parent
IN_PROCESS = {
    "finished": ["finished"],
    "finished, async": ["finished"],
    "raised": ["failed"],
    "no such task": ["failed"],
    "timed out": ["timed-out"],
    "retried": ["retried", "failed"],
    "returned Retry": ["retried", "failed"],
    "failing callback": ["failed"],
    "undeserialisable": ["failed"],
}
IN_HORSE = {
    "killed": ["killed"],
    "killed, retried": ["killed", "killed"],
    "exited": ["killed"],
    "killed at exit": ["finished"],
    "stopped": ["stopped"],
}
FEW = {case: (IN_PROCESS | IN_HORSE)[case] for case in ("finished", "raised", "killed")}
OWN = ["--job-class", "own.OwnJob"]
NEWEST, *_, OLDEST = MATRIX
#: By queue: the environment, the command and the cases.
WORKERS = {
    "worker": (NEWEST, ["worker", "-w", "slowtask.rq.TimedWorker"], IN_PROCESS | IN_HORSE),
    "simple": (NEWEST, ["worker", "-w", "slowtask.rq.TimedSimpleWorker", *OWN], IN_PROCESS),
    "spawn": (NEWEST, ["worker", "-w", "slowtask.rq.TimedSpawnWorker", *OWN], FEW),
    "pool": (NEWEST, ["worker-pool", "-n", "1", "-w", "slowtask.rq.TimedWorker"], FEW),
    "own": (NEWEST, ["worker", "-w", "own.OwnWorker", *OWN], IN_PROCESS | IN_HORSE),
    "both": (NEWEST, ["worker", "-w", "own.OwnWorker", "-j", "slowtask.rq.TimedJob"], IN_PROCESS | IN_HORSE),
    "oldest": (
        OLDEST,
        ["worker", "-w", "slowtask.rq.TimedWorker", *OWN],
        {case: actions for case, actions in (IN_PROCESS | IN_HORSE).items() if case != "returned Retry"},
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("alone")


@pytest.fixture(scope="module")
def recorded(folder, redis_server):
    """By queue and case: the records of its job, from workers that ran at the same time."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "app", HERE / "alone", OUTCOMES))),
        "RQ_REDIS_URL": redis_server,
        "OWN_LOG": str(folder / "performed"),
    }
    ids, processes = {}, []
    for release in {release for release, _, _ in WORKERS.values()}:
        if not release.made:
            missing(release.name)
        by_queue = {queue: list(cases) for queue, (of, _, cases) in WORKERS.items() if of is release}
        command = [release.python, HERE / "alone" / "alone.py", json.dumps(by_queue)]
        ids |= json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    for queue, (release, arguments, _) in WORKERS.items():
        with (folder / f"{queue}.log").open("w") as output:
            processes.append(
                subprocess.Popen(
                    [release.python.parent / "rq", *arguments, "--burst", queue],
                    env=environment | {"SLOWTASK_LOG": str(folder / f"{queue}.ndjson")},
                    cwd=folder,
                    stdout=output,
                    stderr=output,
                )
            )
    for process in processes:
        process.wait(120)
    return {queue: by_case(folder / f"{queue}.ndjson", cases) for queue, cases in ids.items()}


def by_case(log, ids):
    records = defaultdict(list)
    case_of = {task_id: case for case, task_id in ids.items()}
    for line in log.read_text().splitlines():
        record = json.loads(line)
        records[case_of[record["task.id"]]].append(record)
    return records


@pytest.mark.parametrize("queue", WORKERS)
def test_a_worker_class_alone_records_every_attempt_once(recorded, folder, queue):
    """Of plain jobs, of a class of the user's own, and of `TimedJob` too."""
    actions = {case: [each["event.action"] for each in records] for case, records in recorded[queue].items()}

    assert actions == WORKERS[queue][2], (folder / f"{queue}.log").read_text()[-3000:]
    for records in recorded[queue].values():
        assert [each["task.attempt"] for each in records] == list(range(1, len(records) + 1))
        assert len({each["event.id"] for each in records}) == len(records)


def test_only_the_task_is_timed(recorded):
    """Not what RQ does before and after it; 10 ms for the task that sleeps so long."""
    for queue in WORKERS:
        [record] = recorded[queue]["finished"]

        assert record["task.name"] == "jobs.finishes"
        assert record["event.duration"] >= 10_000_000
        assert "event.start" not in recorded[queue].get("undeserialisable", [{}])[0]


def test_a_job_class_of_ones_own_runs_as_it_is(recorded, folder):
    """Its `perform` is called once an attempt, on an object that looks unchanged."""
    own = {queue: recorded[queue] for queue, (_, command, _) in WORKERS.items() if "own.OwnJob" in command}
    ran = [line.split(" ", 1) for line in (folder / "performed").read_text().splitlines()]
    attempts = [
        record["task.id"]
        for cases in own.values()
        for case, records in cases.items()
        for record in records
        if case != "undeserialisable"  # it never ran
    ]

    assert {state for _, state in ran} == {"['OwnJob', True, False]"}
    assert sorted(task_id for task_id, _ in ran) == sorted(attempts)


def test_what_times_a_job_is_no_part_of_its_copies():
    """Nor of a pickle, which asks the same method: its class may leave out what else can't be pickled."""
    job = Job.create("jobs.finishes", connection=Redis(), id="a")
    wrap(job, Attempt(job))

    assert copy.deepcopy(vars(job)["slowtask_attempt"]) is None


class Stubborn(Job):
    """A job class that refuses what isn't its own."""

    def __setattr__(self, name, value):
        if name in ("perform", "slowtask_attempt"):
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_a_class_that_takes_no_attribute_is_timed_too():
    job = Stubborn.create("jobs.finishes", connection=Redis(), id="a")
    wrap(job, Attempt(job))

    assert vars(job)["perform"] is job.perform
