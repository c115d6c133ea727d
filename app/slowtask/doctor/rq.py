"""Check whether RQ's workers that start in this environment record."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from slowtask.doctor.finding import Asked, Finding
from slowtask.doctor.load import LoadError, django_settings, load
from slowtask.units import printable

NO_CLASS: Final = (
    "No worker class is named here, and the stock one records nothing. "
    "Set RQ_WORKER_CLASS=slowtask.rq.TimedWorker. If you start `rq worker` with an option instead, check "
    "that: slowtask doctor --worker-class slowtask.rq.TimedWorker"
)
NO_HOOK: Final = (
    "this worker class records nothing. Use slowtask.rq.TimedWorker, or put the mixin slowtask.rq.Timed "
    "before your own class."
)
JOB_ONLY: Final = (
    "jobs that return, raise or time out are recorded. Those that are killed aren't: "
    "RQ_WORKER_CLASS=slowtask.rq.TimedWorker records them too."
)


def check_rq(asked: Asked) -> Iterator[Finding]:
    """Yield what there is to say of the settings file and the classes that are named."""
    yield from check_config(asked.config or os.environ.get("RQ_CONFIG"))
    django: dict[str, Any] = {}
    backends: list[dict[str, Any]] = []
    try:
        django, backends = load(django_settings)
    except LoadError as error:
        yield Finding("rq", "wrong", f"Django's settings can't be read: {error}.")
    workers = list(named_classes("worker", asked.worker_class, django))
    for label, path in workers:
        yield check_worker_class(label, path)
    for label, path in named_classes("job", asked.job_class, django):
        yield check_job_class(label, path, list(required_job_classes(backends)))
    if not workers:
        yield Finding("rq", "unknown", NO_CLASS)


def check_config(module: str | None) -> Iterator[Finding]:
    """Import RQ's settings file: it may call `configure()`."""
    if module:
        try:
            load(lambda: import_module(module))
            yield Finding("rq", "ok", f"RQ's settings {printable(module)} can be imported.")
        except LoadError as error:
            yield Finding("rq", "wrong", f"RQ's settings {printable(module)} can't be imported: {error}.")


def named_classes(kind: str, option: str | None, django: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each setting of a class of this *kind*, `worker` or `job`: as it is written, and its path."""
    name = f"{kind.upper()}_CLASS"
    for label, path in (
        (f"--{kind}-class {{}}", option),
        (f"RQ_{name}={{}}", os.environ.get(f"RQ_{name}")),
        (f"{name}={{}} in Django's RQ", django.get(name)),
    ):
        if path:
            yield label.format(printable(str(path))), str(path)


def check_worker_class(label: str, path: str) -> Finding:
    """Tell whether the worker class at *path*, which a setting has, records."""
    from slowtask.rq import Timed

    try:
        kind = import_class(path)
    except LoadError as error:
        return Finding("rq", "wrong", f"{label} can't be imported: {error}.")
    if issubclass(kind, Timed):
        return Finding("rq", "ok", f"{label}: its workers record every attempt.", records=True)
    return Finding("rq", "wrong", f"{label}: {NO_HOOK}")


def check_job_class(label: str, path: str, required: list[str]) -> Finding:
    """Tell what the job class at *path* records, and whether it is one that the jobs of Django need."""
    from slowtask.rq import TimedJob

    try:
        kind = import_class(path)
    except LoadError as error:
        return Finding("rq", "wrong", f"{label} can't be imported: {error}.")
    for other in required:
        if not is_subclass(kind, other):
            text = f"{label}: Django's tasks need the job class {other}. Name that one."
            return Finding("rq", "wrong", text)
    if issubclass(kind, TimedJob):
        return Finding("rq", "ok", f"{label}: {JOB_ONLY}", records=True)
    return Finding("rq", "note", f"{label}: a job class of yours. A worker class records its jobs.")


def is_subclass(kind: type, path: str) -> bool:
    """Tell whether *kind* is the class at *path* or of that class; not if there is none."""
    try:
        return issubclass(kind, import_class(path))
    except LoadError:
        return False


def import_class(path: str) -> type:
    """Import the class at *path* as RQ does. Raises `LoadError`."""
    from rq.utils import import_attribute

    found: Any = load(lambda: import_attribute(path))
    if not isinstance(found, type):
        raise LoadError("it isn't a class")
    return found


def required_job_classes(backends: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the job classes that Django's task *backends* need."""
    from slowtask.rq.job_class import BACKENDS

    for backend in backends:
        if backend.get("BACKEND") in BACKENDS:
            yield BACKENDS[backend["BACKEND"]]
