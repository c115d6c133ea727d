"""Look at everything that decides whether a worker records."""

import contextlib
import io
import os
from collections.abc import Iterator
from importlib import import_module

from slowtask.doctor.celery import check_celery
from slowtask.doctor.finding import Asked, Finding, Report, Topic
from slowtask.doctor.installed import check_versions, installed_versions
from slowtask.doctor.load import LoadError, load, search_folder
from slowtask.doctor.log import check_log
from slowtask.doctor.rq import check_rq
from slowtask.doctor.settings import check_settings, list_settings
from slowtask.record.settings import current_settings


def examine(asked: Asked) -> Report:
    """Look at the environment, and at what *asked* names: the modules of it are imported."""
    search_folder()
    versions = installed_versions()
    findings = [*check_versions(versions), *check_hooks(asked, versions)]
    with contextlib.redirect_stderr(io.StringIO()):  # invalid settings are among the findings
        settings, environment = current_settings(), dict(os.environ)  # what was imported may have configured
        listed = list_settings(settings, environment)
        findings += check_settings(settings, environment)
    findings += check_log(settings)
    return Report(versions=versions, settings=listed, findings=findings)


def check_hooks(asked: Asked, versions: dict[str, str]) -> Iterator[Finding]:
    """Yield what there is to say of the hooks of the queue systems that are installed."""
    found: list[Finding] = []
    if "rq" in versions:
        found += hooks_error("rq", "slowtask.rq") or check_rq(asked)
    elif asked.worker_class or asked.job_class or asked.config:
        found.append(Finding("rq", "wrong", "RQ isn't installed here."))
    if "celery" in versions:
        found += hooks_error("celery", "slowtask.celery") or check_celery(asked)
    elif asked.app:
        found.append(Finding("celery", "wrong", "Celery isn't installed here."))
    yield from found
    if found and not any(finding.records or finding.state == "wrong" for finding in found):
        text = "No hook is known to be active, so what runs here leaves no records. Set one as written above."
        yield Finding("hooks", "wrong", text)


def hooks_error(topic: Topic, module: str) -> list[Finding]:
    """Return why the hooks in *module* can't be imported; nothing if they can."""
    try:
        load(lambda: import_module(module))
    except LoadError as error:
        return [Finding(topic, "wrong", f"{module} can't be imported: {error}.")]
    return []
