"""A real Collector gets each attempt, over its own restarts and those of `slowtask otel`."""

import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from conftest import wait_until

from collector import Collector
from logs import line, made
from otlp import TO_FILES, read_files

pytestmark = pytest.mark.server

#: How attempts end, and whether they have a run time.
ENDINGS = [
    *[({"outcome": "success", "action": "finished"}, True)] * 16,
    ({"outcome": "failure", "action": "failed", "error": "ValueError"}, True),
    ({"outcome": "failure", "action": "killed", "reason": "signal 9"}, True),
    ({"outcome": "failure", "action": "abandoned"}, False),
    ({"outcome": "failure", "action": "stopped", "reason": "revoked"}, False),
]


@pytest.fixture
def collector(tmp_path):
    """A Collector that writes what it gets into files."""
    folder = tmp_path / "collector"
    folder.mkdir()
    with Collector(folder, TO_FILES) as found:
        yield found


@contextmanager
def sending(collector, folder, **environment):
    """The real command, which is stopped at the end and must have sent all."""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
    }
    command = [sys.executable, "-m", "slowtask", "otel"]
    process = subprocess.Popen(command, cwd=folder, env=os.environ | settings | environment)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def attempts(first, count):
    """So many attempts that end in all ways, of tasks and queues of two services."""
    dice = random.Random(first)
    for number in range(first, first + count):
        how, known = dice.choice(ENDINGS)
        yield made(
            f"jobs.t{number % 30}", took=dice.lognormvariate(0, 2) if known else None, number=number,
            queue=f"q{number % 3}", system="rq", service=f"shop-{number % 2}", host="worker-1", **how,
        )  # fmt: skip


def append(path, runs):
    with path.open("ab") as file:
        file.write(b"".join(line(run) + b"\n" for run in runs))


def sum_of(received, name, value, **wanted):
    """The sum of a metric over its series that have the *wanted* attributes."""
    names = {key.replace("_", "."): each for key, each in wanted.items()}
    return sum(
        getattr(point, value)
        for _, attributes, point in received.metrics(name)
        if names.items() <= attributes.items()
    )


def test_it_gets_as_many_points_as_there_are_attempts_over_restarts_of_both(collector, tmp_path):
    log = tmp_path / "slowtask.ndjson"
    runs = [*attempts(0, 4000)]
    received = lambda: read_files(collector.folder)  # noqa: E731
    append(log, runs[:1000])
    with sending(collector, tmp_path):
        wait_until(lambda: len(received().events) >= 1000)
        collector.stop()
        append(log, runs[1000:2000])
        collector.start()
        append(log, runs[2000:3000])
        wait_until(lambda: len(received().events) >= 3000)
    append(log, runs[3000:])
    with sending(collector, tmp_path):
        wait_until(lambda: len(received().events) >= 4000)
    collector.stop()

    found = received()
    assert {*found.events} == {run.id for run in runs}
    assert sum_of(found, "slowtask.attempts", "as_int") == 4000
    timed = [run for run in runs if run.duration is not None]
    assert sum_of(found, "messaging.process.duration", "count") == len(timed)
    total = sum(run.duration for run in timed) / 1e9
    assert sum_of(found, "messaging.process.duration", "sum") == pytest.approx(total)
    killed = [run for run in runs if run.action == "killed"]
    assert sum_of(found, "slowtask.attempts", "as_int", error_type="killed") == len(killed) > 100


def test_it_takes_delta_metrics_too(collector, tmp_path):
    runs = [*attempts(0, 500)]
    append(tmp_path / "slowtask.ndjson", runs)
    with sending(
        collector,
        tmp_path,
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
        OTEL_LOGS_EXPORTER="none",
    ):
        wait_until(lambda: sum_of(read_files(collector.folder), "slowtask.attempts", "as_int") >= 500)
    collector.stop()

    assert sum_of(read_files(collector.folder), "slowtask.attempts", "as_int") == 500
    assert read_files(collector.folder).logs == []


def test_it_is_reached_by_grpc_too(collector, tmp_path):
    append(tmp_path / "slowtask.ndjson", attempts(0, 100))
    settings = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.grpc}",
    }
    with sending(collector, tmp_path, **settings):
        wait_until(lambda: len(read_files(collector.folder).events) == 100)
    collector.stop()

    assert sum_of(read_files(collector.folder), "slowtask.attempts", "as_int") == 100
