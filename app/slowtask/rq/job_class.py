"""RUN: job classes that `TimedJob` can't stand in for, because a framework's jobs need its own.

A worker of ours refuses to start with a `TimedJob` that isn't of such a class. A stock worker can't be
stopped from here, so there `TimedJob` becomes one of that class too, for the jobs that need it.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

from rq.job import Job
from rq.queue import Queue
from rq.utils import import_attribute
from rq.worker import Worker

#: The modules that have django-tasks-rq's `Job`, its backend and its callbacks, before 0.12 and since.
DJANGO_TASKS: Final = ("django_tasks_rq.backend", "django_tasks.backends.rq")
BACKENDS: Final = {
    "django_tasks_rq.RQBackend": "django_tasks_rq.Job",
    **{f"{module}.RQBackend": f"{module}.Job" for module in DJANGO_TASKS},
}
REFUSAL: Final = """\
slowtask: jobs of the queue {queue!r} need the job class {needed}, which {given} isn't: they would fail. \
Keep that job class, the worker class is enough to record them:
    JOB_CLASS: {needed}
    WORKER_CLASS: {worker}"""


def refusal(worker: Worker, ours: type[Job]) -> str | None:
    """Why *worker* must not start with a job class that is *ours*, and the two settings to make instead."""
    given = worker.job_class
    if not issubclass(given, ours):
        return None  # what the user chose without us is none of our business
    for queue in worker.queues:
        for needed, path in classes_needed(queue):
            if not issubclass(given, needed):
                return REFUSAL.format(
                    queue=queue.name, needed=path, given=path_of(given), worker=path_of(type(worker))
                )
    return None


def classes_needed(queue: Queue) -> Iterator[tuple[type[Job], str]]:
    """The job classes that jobs of *queue* are made with, and their dotted paths."""
    for kind in (queue.job_class, type(queue).job_class):
        yield kind, path_of(kind)
    for path in django_tasks_classes(queue.name):
        yield job_class(path), path


def django_tasks_classes(queue: str) -> Iterator[str]:
    """The paths of the job classes of the Django task backends on *queue*; none without Django."""
    django = sys.modules.get("django.conf")
    backends: Mapping[str, Mapping[str, Any]] = getattr(django and django.settings, "TASKS", {})
    for backend in backends.values():
        path = BACKENDS.get(backend["BACKEND"])
        queues = backend.get("QUEUES", ["default"])
        if path and (not queues or queue in queues):
            yield path


def join_class(job: Job) -> None:
    """Make *job*, which was just read, one of the class that its callbacks need too."""
    # Read as RQ stored it: the property would import the callback of each job.
    callback = str(getattr(job, "_success_callback_name", None) or "")
    module = callback.rpartition(".")[0]
    if module in DJANGO_TASKS:
        ours: type = type(job)
        needed: type = job_class(f"{module}.Job")
        if not isinstance(job, needed):
            job.__class__ = joined(ours, needed)


def job_class(path: str) -> type[Job]:
    """The job class at *path*."""
    return cast("type[Job]", import_attribute(path))


@cache
def joined(ours: type, needed: type) -> type:
    """A class that is both, under our name."""
    return type(ours.__name__, (ours, needed), {"__module__": ours.__module__})


def path_of(kind: type) -> str:
    """The dotted path by which settings name *kind*: a public module's, where it has one."""
    package = kind.__module__.rpartition(".")[0]
    if getattr(sys.modules.get(package), kind.__name__, None) is kind:
        return f"{package}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"
