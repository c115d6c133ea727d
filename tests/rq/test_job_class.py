"""A worker refuses to start with `TimedJob` where the jobs of its queue need a class of their own."""

import sys
from types import SimpleNamespace

import pytest
from rq import Queue, SimpleWorker, Worker
from rq.job import Job

from slowtask.rq import TimedJob, TimedSimpleWorker
from slowtask.rq.job_class import django_tasks_classes, refusal

pytestmark = pytest.mark.redis


class TheirJob(Job):
    """A framework's job class."""


class Both(TimedJob, TheirJob):
    """Theirs, and timed."""


class TheirQueue(Queue):
    """A queue whose jobs are theirs."""

    job_class = TheirJob


@pytest.fixture
def worker(redis):
    """A worker, of *kind*, on their queue, with a job class as settings name it."""

    def make(job_class, kind=Worker):
        queue = TheirQueue("theirs", connection=redis, job_class=job_class)
        return kind([queue], connection=redis, job_class=job_class, prepare_for_work=False)

    return make


def test_a_timed_job_in_place_of_a_queues_own_class_is_refused(worker):
    message = refusal(worker(TimedJob), TimedJob)

    assert message
    first, *settings = message.splitlines()
    assert first.startswith(
        "slowtask: the worker didn't start: jobs of the queue 'theirs' need the job class "
        "test_job_class.TheirJob, and would fail with slowtask.rq.TimedJob."
    )
    assert settings == ["    JOB_CLASS: test_job_class.TheirJob", "    WORKER_CLASS: rq.worker.Worker"]


@pytest.mark.parametrize("job_class", [Both, TheirJob, Job])
def test_any_other_class_is_the_users_own_choice(worker, job_class):
    """Also RQ's own, which would fail there without slowtask too."""
    assert refusal(worker(job_class), TimedJob) is None


def test_a_refused_worker_ends_before_it_takes_a_job(worker):
    with pytest.raises(SystemExit, match="need the job class"):
        worker(TimedJob, TimedSimpleWorker).work(burst=True)


@pytest.mark.parametrize(
    ("backend", "queues", "required"),
    [
        ("django_tasks_rq.RQBackend", {"QUEUES": ["mail"]}, ["django_tasks_rq.Job"]),
        ("django_tasks_rq.RQBackend", {"QUEUES": []}, ["django_tasks_rq.Job"]),
        ("django_tasks_rq.RQBackend", {"QUEUES": ["export"]}, []),
        ("django_tasks_rq.RQBackend", {}, []),
        ("django_tasks.backends.rq.RQBackend", {"QUEUES": ["mail"]}, ["django_tasks.backends.rq.Job"]),
        ("django_tasks.backends.immediate.ImmediateBackend", {"QUEUES": ["mail"]}, []),
    ],
)
def test_djangos_settings_say_which_queues_need_a_class(monkeypatch, backend, queues, required):
    """No queues named are all of them; none given is the one called default."""
    tasks = {"default": {"BACKEND": backend, **queues}}
    monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=SimpleNamespace(TASKS=tasks)))

    assert list(django_tasks_classes("mail")) == required


def test_settings_that_cant_be_read_stop_no_worker(worker, monkeypatch):
    broken = SimpleNamespace(settings=SimpleNamespace(TASKS="no mapping"))
    monkeypatch.setitem(sys.modules, "django.conf", broken)
    monkeypatch.setattr(SimpleWorker, "work", lambda self, **options: options)

    assert worker(Both, TimedSimpleWorker).work(burst=True) == {"burst": True}
