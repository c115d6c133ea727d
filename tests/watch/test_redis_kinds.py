"""Workers record, and the status is right, on other versions of Redis than the machine's, and on valkey."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import rq
from conftest import PATIENCE, missing
from redis.exceptions import OutOfMemoryError

from redis_kinds import KINDS, make_program
from slowtask.demo import tasks
from slowtask.demo.server import Server
from slowtask.errors import BrokerError

pytestmark = [pytest.mark.server, pytest.mark.rare, pytest.mark.xdist_group("a rabbitmq of its own")]
PROGRAMS = Path(sys.executable).parent
ROOM = 300_000  #: bytes that are left for jobs


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    """A server of that kind."""
    folder = tmp_path_factory.mktemp("kind")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        try:
            make_program(request.param, folder)
            with Server(folder) as server:
                yield server
        except (BrokerError, subprocess.CalledProcessError) as problem:
            missing(str(problem))


def run(server, folder, program, *arguments):
    done = subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout


def look(server, folder):
    """What `slowtask status --json` says."""
    return json.loads(
        run(server, folder, "slowtask", "status", "--redis-url", server.url, "--seconds", "0.2", "--json")
    )


def test_it_is_the_version_that_is_meant(server, request):
    info = server.client().info("server")
    kind = request.node.callspec.params["server"]
    name, number = kind.split()

    assert info.get("server_name", "redis") == name
    assert info[f"{name}_version"].startswith(number)


def test_a_worker_records_each_attempt_with_its_wait(server, tmp_path):
    queue = rq.Queue("recorded", connection=server.client())
    for _ in range(3):
        queue.enqueue(tasks.simple_task)
    run(
        server,
        tmp_path,
        "rq",
        "worker",
        "--burst",
        "-u",
        server.url,
        "-w",
        "slowtask.rq.TimedWorker",
        "recorded",
    )
    runs = [json.loads(line) for line in (tmp_path / "slowtask.ndjson").read_text().splitlines()]

    assert [run["event.action"] for run in runs] == ["finished"] * 3
    assert all(run["task.wait"] > 0 for run in runs)


def test_the_status_has_the_queue_and_what_waits_in_it(server, tmp_path):
    rq.Queue("waiting", connection=server.client()).enqueue(tasks.simple_task)

    [queue] = [each for each in look(server, tmp_path)["queues"] if each["queue"] == "waiting"]

    assert queue["depth"] == 1
    assert [each["task"] for each in queue["backlog"]] == ["slowtask.demo.tasks.simple_task"]


def fill(queue):
    while True:
        queue.enqueue(tasks.send_mail, "x" * 200)


def test_a_server_that_refuses_jobs_is_full(server, tmp_path):
    client = server.client()
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", client.info("memory")["used_memory"] + ROOM)
    queue = rq.Queue("full", connection=client)
    with pytest.raises(OutOfMemoryError):
        fill(queue)

    found = look(server, tmp_path)

    assert found["capacity"] > 0.95
    assert (found["policy"], found["verdict"]["state"]) == ("noeviction", "critical")
