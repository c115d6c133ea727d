"""Django's tasks on RQ, and django-rq's jobs: one worker for many tasks, all of them at once."""

import json
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import missing

from environments import DJANGO_TASKS, ROOT
from growing import read_events

pytestmark = [pytest.mark.redis, pytest.mark.xdist_group("django-tasks")]

HERE = Path(__file__).parent / "django_project"
SUCCESSFUL = {"finishes": ["finished"], "finishes_async": ["finished"], "takes_context": ["finished"]}
FAILED = {"raises": ["failed"], "asks_retry": ["retried", "failed"], "retried": ["retried", "failed"]}
#: What the one process of a simple worker doesn't survive.
KILLED = {"is_killed": ["killed"]}
PLAIN = {"plain": ["finished"]}
THEIRS = "django_tasks_rq.Job"


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker by its settings, and the tasks it gets."""

    rq: dict[str, str]
    options: tuple[str, ...] = ()
    cases: dict[str, list[str]] = field(default_factory=lambda: SUCCESSFUL | FAILED | KILLED)


def ours(kind="TimedWorker"):
    return {"WORKER_CLASS": f"slowtask.rq.{kind}"}


def timed(path="slowtask.rq.TimedJob"):
    return {"JOB_CLASS": path}


WORKERS = {
    "worker-class": Worker(rq=ours() | timed(THEIRS)),
    "simple": Worker(
        rq=ours("TimedSimpleWorker"), options=("--job-class", "shop.jobs.Both"), cases=SUCCESSFUL | FAILED
    ),
    "spawn": Worker(
        rq=ours("TimedSpawnWorker") | timed(THEIRS),
        cases={"finishes": ["finished"], "raises": ["failed"]},
    ),
    "both-in-one": Worker(rq=timed("shop.jobs.Both"), cases=SUCCESSFUL | FAILED),
    "job-class": Worker(rq=timed(), cases=SUCCESSFUL | FAILED | PLAIN),
    "jobs-worker-class": Worker(rq=ours(), cases=PLAIN),
}
SENTENCE = """\
slowtask: the worker didn't start: jobs of the queue 'default' need the job class django_tasks_rq.Job, and \
would fail with slowtask.rq.TimedJob. Use these two settings; the worker class alone records all jobs:
    JOB_CLASS: django_tasks_rq.Job
    WORKER_CLASS: slowtask.rq.TimedWorker
"""
#: The job class that breaks the tasks, on the queue that every Django task needs.
REFUSED = {"default": Worker(rq=ours() | timed(), cases=SUCCESSFUL)}


class Project:
    """The Django project, on one Redis; the records of each queue in a log of its own."""

    def __init__(self, folder, url):
        self.folder = folder
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(HERE)]),
            "DJANGO_SETTINGS_MODULE": "settings",
            "RQ_REDIS_URL": url,
            "QUEUES": ",".join(WORKERS | REFUSED),
        }

    def ask(self, question, *arguments):
        """What `enqueue.py` answers."""
        done = subprocess.run(
            [DJANGO_TASKS.python, HERE / "enqueue.py", *arguments],
            input=json.dumps(question),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, queue, worker):
        ours = {"RQ_SETTING": json.dumps(worker.rq), "SLOWTASK_LOG": str(self.folder / f"{queue}.ndjson")}
        with self.output(queue).open("w") as output:
            return subprocess.Popen(
                [DJANGO_TASKS.python, HERE / "manage.py", "rqworker", "--burst", *worker.options, queue],
                env=self.environment | ours,
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )

    def output(self, queue):
        return self.folder / f"{queue}.log"

    def actions(self, queue):
        """The actions recorded of each job, by its id."""
        actions = defaultdict(list)
        for record in read_events(self.folder / f"{queue}.ndjson"):
            actions[record["task.id"]].append(record["event.action"])
        return actions


@pytest.fixture(scope="module")
def project(tmp_path_factory, redis_server):
    if not DJANGO_TASKS.made:
        missing(DJANGO_TASKS.name)
    return Project(tmp_path_factory.mktemp("project"), redis_server)


@pytest.fixture(scope="module")
def ended(project):
    """For each queue and case: the status that Django gives, and the actions that were recorded."""
    workers = WORKERS | REFUSED
    ids = project.ask({queue: list(worker.cases) for queue, worker in workers.items()})
    processes = [project.start(queue, worker) for queue, worker in workers.items()]
    for process in processes:
        process.wait(120)
    results = project.ask(ids, "--results")
    actions = {queue: project.actions(queue) for queue in workers}
    return {
        queue: {
            case: (results[queue][case], actions[queue].pop(task_id, [])) for case, task_id in cases.items()
        }
        | actions[queue]
        for queue, cases in ids.items()
    }


@pytest.mark.parametrize("queue", WORKERS)
def test_every_task_ends_as_it_would_and_leaves_one_record_an_attempt(ended, project, queue):
    """slowtask's settings don't change the result that Django gets, and nothing is recorded twice."""
    cases = WORKERS[queue].cases
    results = dict.fromkeys(SUCCESSFUL, "SUCCESSFUL") | {"plain": "finished"}

    assert ended[queue] == {
        case: (results.get(case, "FAILED"), actions) for case, actions in cases.items()
    }, project.output(queue).read_text()[-3000:]


def test_a_job_class_that_would_break_djangos_tasks_is_refused_at_the_start(ended, project):
    """With the two settings to make instead; the tasks stay where they are."""
    assert project.output("default").read_text() == SENTENCE
    assert ended["default"] == dict.fromkeys(SUCCESSFUL, ("READY", []))
