"""A process that is killed takes the span of its task with it; `slowtask otel` sends it, in its trace."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PATIENCE, wait_until

from collector import Collector
from otlp import TO_FILES, read_files
from slowtask.parse.events import events
from slowtask.parse.sources import Source

SITE = Path(__file__).parent / "site"
CELERY = ("celery", "-A", "shop", "worker", "-c", "2")
pytestmark = [pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def environment(tmp_path, redis_server, redis):
    """What publishers and workers are started with."""
    return os.environ | {
        "CELERY_BROKER_URL": redis_server,
        "RQ_REDIS_URL": redis_server,
        "SLOWTASK_LOG": str(tmp_path / "slowtask.ndjson"),
        "PYTHONPATH": str(SITE),
    }


@contextmanager
def working(environment, *command):
    """A real worker."""
    worker = subprocess.Popen([sys.executable, "-m", *command], cwd=SITE, env=environment)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(PATIENCE)


def publish(environment, *arguments):
    """Publish; the ids of trace and span of each, as the instrumentation has them."""
    command = [sys.executable, SITE / "publish.py", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [tuple(line.split()) for line in done.stdout.splitlines()]


def recorded(environment, count):
    """The records of *count* attempts, by their task."""
    path = Path(environment["SLOWTASK_LOG"])
    wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count)
    return {run.task: run for run in events(Source(path=path, kind="lines"))}


def sent(folder, environment):
    """What a real Collector gets of them."""
    with Collector(folder, TO_FILES) as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http}
        command = [sys.executable, "-m", "slowtask", "otel", "--once", "--spans", "lost"]
        subprocess.run(command, cwd=folder, env=environment | settings, check=True)
    return read_files(folder)


def test_celerys_killed_tasks_have_their_span_in_the_trace_that_published_them(tmp_path, environment):
    published = publish(environment, "celery", "opentelemetry", "work", "die", "hang")
    with working(environment, *CELERY):
        runs = recorded(environment, 3)
    traces = dict(zip(["shop.work", "shop.die", "shop.hang"], published, strict=True))
    found = sent(tmp_path, environment)

    assert {task: run.trace for task, run in runs.items()} == {task: ids[0] for task, ids in traces.items()}
    assert runs["shop.work"].span not in (None, traces["shop.work"][1])  # the task's own
    spans = {
        attributes["slowtask.task.name"]: (span.trace_id.hex(), span.parent_span_id.hex())
        for _, span, attributes in found.spans
    }
    assert spans == {task: traces[task] for task in ("shop.die", "shop.hang")}
    exemplars = {
        (each.trace_id.hex(), each.span_id.hex())
        for _, _, point in found.metrics("messaging.process.duration")
        for each in point.exemplars
    }
    assert exemplars == {(run.trace, run.span) for run in runs.values()}


def test_celerys_killed_task_is_in_the_trace_of_sentry_that_published_it(environment):
    [(trace, _)] = publish(environment, "celery", "sentry")
    with working(environment, *CELERY):
        run = recorded(environment, 1)["shop.die"]

    assert run.trace == trace
    assert run.span is not None


@pytest.mark.parametrize("kind", ["opentelemetry", "sentry"])
def test_rqs_killed_job_has_its_span_in_the_trace_that_published_it(tmp_path, environment, kind):
    [(trace, span)] = publish(environment, "rq", kind)
    with working(environment, "rq.cli", "worker", "--worker-class", "slowtask.rq.TimedWorker", "--burst"):
        run = recorded(environment, 1)["jobs.die"]
    [(_, lost, attributes)] = sent(tmp_path, environment).spans

    assert (run.trace, run.span) == (trace, span)
    assert (lost.trace_id.hex(), lost.parent_span_id.hex()) == (trace, span)
    assert attributes["slowtask.reason"] == "signal 9"
