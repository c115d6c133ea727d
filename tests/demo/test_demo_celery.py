"""The stack's Celery on a real RabbitMQ: producer, worker and their healthchecks."""

import json
import os
import socket
import subprocess
import sys
from urllib.parse import quote, urlsplit

import kombu
import pytest
from conftest import PATIENCE, wait_until

from places import ROOT

QUEUE = "slowtask-demo"
WORKER = ("celery", "--app", "slowtask.demo.celery", "worker", "--pool", "prefork", "--concurrency", "2")


@pytest.fixture
def run(vhost, tmp_path):
    """Starts programs with RabbitMQ's address in a folder of their own, and ends them."""
    started = []

    def start(*command, **environment):
        with (tmp_path / "said").open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=tmp_path,
                env=os.environ | {"CELERY_BROKER_URL": vhost} | environment,
                stdout=said,
                stderr=said,
            )
        started.append(process)
        return process

    yield start
    for each in started:
        each.terminate()
        each.wait(PATIENCE)


@pytest.fixture
def healthy(vhost, tmp_path):
    """Whether the container's check finds somebody at work."""

    def check(who):
        command = [sys.executable, ROOT / "docker" / "healthy.py", who]
        environment = os.environ | {"CELERY_BROKER_URL": vhost}
        return (
            subprocess.run(command, cwd=tmp_path, env=environment, check=False, timeout=PATIENCE).returncode
            == 0
        )

    return check


@pytest.fixture
def depth(vhost):
    """How many tasks wait."""

    def depth():
        with kombu.Connection(vhost) as connection, connection.channel() as channel:
            return channel.queue_declare(queue=QUEUE, durable=True, auto_delete=False).message_count

    return depth


def test_a_queue_is_kept_as_long_as_it_may_be_and_no_longer(run, healthy, depth):
    assert not healthy("celery-producer")

    run("slowtask.demo.producer", SLOWTASK_DEMO_RATE="200", SLOWTASK_DEMO_DEPTH="7")
    wait_until(lambda: depth() == 7)

    assert healthy("celery-producer")
    assert depth() == 7


def test_a_producer_goes_on_when_its_connections_were_closed(run, rabbitmq, vhost, depth):
    """Whether it notices, and says so, or kombu has opened another before it does."""
    name = urlsplit(vhost).path[1:]
    run("slowtask.demo.producer", SLOWTASK_DEMO_RATE="100", SLOWTASK_DEMO_DEPTH="100000")
    wait_until(lambda: depth() > 5)
    found = wait_until(lambda: rabbitmq.ask("GET", f"/vhosts/{name}/connections"))
    for each in found:
        rabbitmq.ask("DELETE", f"/connections/{quote(each['name'])}")
    before = depth()

    assert wait_until(lambda: depth() > before + 5)


def test_the_worker_s_runs_are_recorded_under_the_names_they_have_under_rq(run, healthy, tmp_path):
    log = tmp_path / "celery.ndjson"
    assert not healthy("celery-worker")

    run(*WORKER, "--hostname", f"celery@{socket.gethostname()}", SLOWTASK_LOG=str(log))
    run("slowtask.demo.producer", SLOWTASK_DEMO_RATE="50")
    wait_until(lambda: log.exists() and log.read_bytes().count(b"\n") > 20)

    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert {each["task.name"] for each in records} == {
        f"slowtask.demo.tasks.{task}" for task in ("send_mail", "compute", "simple_task")
    }
    assert {(each["queue.system"], each["queue.name"]) for each in records} == {("celery", QUEUE)}
    assert all(each["task.wait"] >= 0 for each in records)
    assert healthy("celery-worker")


def test_a_producer_waits_for_a_broker_that_is_away(run, tmp_path):
    running = run("slowtask.demo.producer", CELERY_BROKER_URL="amqp://guest@127.0.0.1:1//")
    wait_until(lambda: "going on when the broker is back" in (tmp_path / "said").read_text())

    assert running.poll() is None
