"""Handle frameworks whose jobs need a job class of their own, which `TimedJob` can't replace.

A `Timed…Worker` refuses to start with a `TimedJob` that isn't of the required class. A stock worker can't be
stopped from here, so there `TimedJob` also becomes one of that class, for the jobs that need it.
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
#: By the path of a backend: the path of the job class that it needs.
BACKENDS: Final = {
    "django_tasks_rq.RQBackend": "django_tasks_rq.Job",
    **{f"{module}.RQBackend": f"{module}.Job" for module in DJANGO_TASKS},
}
REFUSAL: Final = """\
slowtask: the worker didn't start: jobs of the queue {queue!r} need the job class {required}, and would fail \
with {given}. Use these two settings; the worker class alone records all jobs:
    JOB_CLASS: {required}
    WORKER_CLASS: {worker}"""


def refusal(worker: Worker, ours: type[Job]) -> str | None:
    """Return why *worker* must not start with a job class derived from *ours*, and which settings to use.

    None if it may start: also with a class that fails without slowtask too.
    """
    given = worker.job_class
    if not issubclass(given, ours):
        return None
    for queue in worker.queues:
        for required, path in required_classes(queue):
            if not issubclass(given, required):
                return REFUSAL.format(
                    queue=queue.name, required=path, given=path_of(given), worker=path_of(type(worker))
                )
    return None


def required_classes(queue: Queue) -> Iterator[tuple[type[Job], str]]:
    """Yield the job classes that jobs of *queue* are made with, and their dotted paths."""
    for kind in (queue.job_class, type(queue).job_class):
        yield kind, path_of(kind)
    for path in django_tasks_classes(queue.name):
        yield import_job_class(path), path


def django_tasks_classes(queue: str) -> Iterator[str]:
    """Yield the paths of the job classes of the Django task backends on *queue*; none without Django."""
    django = sys.modules.get("django.conf")
    backends: Mapping[str, Mapping[str, Any]] = getattr(django and django.settings, "TASKS", {})
    for backend in backends.values():
        path = BACKENDS.get(backend["BACKEND"])
        queues = backend.get("QUEUES", ["default"])
        if path and (not queues or queue in queues):
            yield path


def add_required_class(job: Job) -> None:
    """Make *job*, which was just read, also one of the class that its callbacks need."""
    # Read as RQ stored it: the property would import the callback of each job.
    callback = str(getattr(job, "_success_callback_name", None) or "")
    module = callback.rpartition(".")[0]
    if module in DJANGO_TASKS:
        ours: type = type(job)
        required: type = import_job_class(f"{module}.Job")
        if not isinstance(job, required):
            job.__class__ = combine_classes(ours, required)


def import_job_class(path: str) -> type[Job]:
    """Import the job class at *path*."""
    return cast("type[Job]", import_attribute(path))


@cache
def combine_classes(ours: type, required: type) -> type:
    """Make a class that is both, with the name of *ours*."""
    return type(ours.__name__, (ours, required), {"__module__": ours.__module__})


def path_of(kind: type) -> str:
    """Return the dotted path by which settings name *kind*: that of the public package, if it has one."""
    package = kind.__module__.rpartition(".")[0]
    if getattr(sys.modules.get(package), kind.__name__, None) is kind:
        return f"{package}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"
