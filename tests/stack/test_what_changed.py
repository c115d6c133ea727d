"""A release that made a task slower is named alike by diff, the report and Kibana's panel: a real run."""

import json
import os
import random
import subprocess
import sys
import uuid

import pytest
from click.testing import CliRunner
from conftest import PATIENCE
from elasticsearch import helpers
from rq import Queue

from dashboards import bundle
from documents import actions
from panels import query, saved
from slowtask import cli
from slowtask.demo import tasks
from slowtask.demo.workers import TIMED_OPTIONS

RELEASES = {"1.4": 1, "1.5": 2}  #: how many times as long `compute` takes in each
JOBS = 150  #: of each task, in each release
SLOWER = "slowtask.demo.tasks.compute"


@pytest.fixture(scope="module")
def log(tmp_path_factory, redis_server):
    """The log of two workers of different releases that ran the same jobs at the same time."""
    from redis import Redis

    folder = tmp_path_factory.mktemp("releases")
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
        for release, factor in RELEASES.items():
            enqueue(Queue(release, connection=redis), factor)
        workers = [start(folder, redis_server, release) for release in RELEASES]
        for each in workers:
            assert each.wait(4 * PATIENCE) == 0
    return folder / "slowtask.ndjson"


def enqueue(queue, factor):
    """The jobs of one release, the same in both but for *factor*."""
    chance = random.Random(15)
    for _ in range(JOBS):
        queue.enqueue(tasks.compute, round(20_000 * factor * chance.lognormvariate(0, 0.4)))
        queue.enqueue(tasks.send_mail, "user", round(chance.uniform(0.01, 0.05), 3))


def start(folder, url, release):
    """A worker of *release*, which ends when its queue is empty."""
    command = [sys.executable, "-m", "rq.cli", "worker", "--url", url, "--burst", *TIMED_OPTIONS, release]
    ours = {"SLOWTASK_LOG": str(folder / "slowtask.ndjson"), "SLOWTASK_SERVICE_VERSION": release}
    with (folder / f"console-{release}").open("wb") as said:
        return subprocess.Popen(command, cwd=folder, env=os.environ | ours, stdout=said, stderr=said)


@pytest.fixture(scope="module")
def stream(elasticsearch, log):
    """The data stream that has the same runs."""
    name = f"logs-slowtask.run-{uuid.uuid4().hex}"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(records) == 2 * JOBS * len(RELEASES)
    helpers.bulk(elasticsearch, actions(records, name), refresh=True)
    return name


def found(source):
    """What `slowtask diff` finds in *source*, by task."""
    arguments = ["diff", str(source), "--by", "version", *RELEASES, "--json"]
    done = CliRunner().invoke(cli.slowtask, arguments, catch_exceptions=False)
    return {each["task"]: each for each in json.loads(done.stdout)}


def test_diff_names_the_task(log):
    compute = found(log)[SLOWER]

    assert compute["slower"]
    assert compute["ratio"] > 1.3


def test_diff_of_an_elasticsearch_says_the_same(log, stream, access, monkeypatch):
    for name, value in {
        "USERNAME": access.username,
        "PASSWORD": access.password,
        "CA_FILE": access.ca_file,
    }.items():
        monkeypatch.setenv(f"SLOWTASK_ELASTICSEARCH_{name}", value or "")

    same = found(f"{access.url}/{stream}")

    for task, each in found(log).items():
        assert same[task]["slower"] == each["slower"]
        assert same[task]["ratio"] == pytest.approx(each["ratio"])


def test_the_report_names_the_task(log, tmp_path):
    page = tmp_path / "report.html"
    arguments = ["report", str(log), "--by", "version", *RELEASES, "--out", str(page)]
    CliRunner().invoke(cli.slowtask, arguments, catch_exceptions=False)

    assert f"{SLOWER} got slower" in page.read_text()


def test_kibana_s_panel_shows_the_task_slower_in_the_second_release(elasticsearch, stream, log):
    def request(method, path, body=None):
        headers = {"accept": "application/json", "content-type": "application/json"}
        return elasticsearch.perform_request(method, path, headers=headers, body=body).body

    [board] = [
        each
        for each in saved.boards(saved.objects(bundle.BUNDLE.read_bytes()))
        if each.id == "slowtask-what-changed"
    ]
    [panel] = [each for each in board.panels if each.id == "releases"]
    times = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    rows = query.rows(
        panel,
        "logs-slowtask.run-*",
        query.Store(request=request, namespace=stream.removeprefix("logs-slowtask.run-"), **times),
    )

    means = {(each["service-version"], each["task-name"]): each["mean"] for each in rows}
    ratio = means["1.5", SLOWER] / means["1.4", SLOWER]
    compute = found(log)[SLOWER]
    assert ratio == pytest.approx(compute["after"]["mean"] / compute["before"]["mean"])
    assert ratio > 1.3
