"""A broker that dies or fills up under a job: RQ can't save how the attempt ended, and gives it up later."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE, missing, wait_until
from redis.exceptions import ConnectionError as NotConnected
from rq import Queue

from environments import ROOT
from growing import read_events
from places import OUTCOMES
from slowtask.demo.server import Server
from slowtask.errors import BrokerError
from slowtask.rq.facts import KEY_PREFIX

pytestmark = pytest.mark.redis

HERE = Path(__file__).parent
RQ = Path(sys.executable).parent / "rq"


@pytest.fixture
def server(tmp_path):
    """A Redis that keeps its data when it is killed."""
    try:
        with Server(tmp_path, appendonly="yes", appendfsync="always") as server:
            yield server
    except BrokerError as problem:
        missing(str(problem))


@pytest.fixture
def start(server, tmp_path):
    """Start a worker of a class, with the command line's *options*."""
    started = []

    def start_worker(name, *options, **environment):
        command = [RQ, "worker", "-u", server.url, "-w", name, *options]
        variables = {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "app", HERE / "alone", OUTCOMES))),
            "SLOWTASK_LOG": str(tmp_path / "runs.ndjson"),
        }
        with (tmp_path / "worker.log").open("ab") as output:
            process = subprocess.Popen(
                command, env=os.environ | variables | environment, stdout=output, stderr=output
            )
        started.append(process)
        return process

    yield start_worker
    for process in started:
        process.kill()
        process.wait()


def read_runs(folder):
    return read_events(folder / "runs.ndjson")


@pytest.mark.parametrize(
    ("worker", "begins"), [("Patient", True), ("PatientSimple", True), ("CutOff", False)]
)
def test_a_broker_that_dies_under_a_job_leaves_one_record(server, start, tmp_path, worker, begins):
    with server.client() as redis:
        broker = redis.info()["process_id"]
        job = Queue(connection=redis).enqueue("os.kill", broker, signal.SIGKILL)
    process = start(f"patient.{worker}", BROKER=str(broker), CLAIM_PATIENCE=str(PATIENCE))
    wait_until(lambda: read_runs(tmp_path))
    with server, server.client() as redis:
        [run] = read_runs(tmp_path)
        wait_until(lambda: redis.exists(f"{KEY_PREFIX}:slowtask:{run['event.id']}"))
        process.terminate()
        process.wait()
        for member in redis.zrange("rq:wip:default", 0, -1):
            redis.zadd("rq:wip:default", {member: 1})
        assert start("slowtask.rq.TimedWorker", "--burst").wait() == 0

        assert read_runs(tmp_path) == [run]
        assert (run["task.id"], run["event.action"]) == (job.id, "finished" if begins else "failed")
        assert ("event.duration" in run) == begins
        assert run.get("error.type", "").startswith("" if begins else f"{NotConnected.__module__}.")
        assert redis.zcard("rq:wip:default") == 0


@pytest.mark.parametrize("stopped", [False, True], ids=["ends by itself", "is stopped"])
def test_no_worker_waits_for_ever(server, start, tmp_path, stopped):
    with server.client() as redis:
        Queue(connection=redis).enqueue("os.kill", redis.info()["process_id"], signal.SIGKILL)
    process = start("patient.PatientSimple", CLAIM_PATIENCE="1000" if stopped else "0.5")
    wait_until(lambda: b"to claim slowtask's records" in (tmp_path / "worker.log").read_bytes())
    if stopped:
        process.terminate()
    wait_until(lambda: process.poll() is not None)

    [run] = read_runs(tmp_path)
    assert run["event.action"] == "finished"


def test_a_full_broker_is_not_waited_for(server, start, tmp_path):
    with server.client() as redis:
        Queue(connection=redis).enqueue("jobs.fills_redis")
    process = start("patient.PatientSimple", CLAIM_PATIENCE="1000")
    wait_until(lambda: process.poll() is not None)

    [run] = read_runs(tmp_path)
    assert run["event.action"] == "finished"
