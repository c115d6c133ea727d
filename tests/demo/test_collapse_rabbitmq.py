"""The experiment on RabbitMQ: real nodes, real Celery workers, a real monitor."""

import json
import os
import subprocess
import sys
from itertools import takewhile

import pytest
from conftest import PATIENCE, missing, wait_until
from test_demo import processes_in, slowtask

from slowtask.demo.rabbitmq.publisher import Mails, Publisher
from slowtask.demo.rabbitmq.server import find_program
from slowtask.errors import BrokerError

pytestmark = pytest.mark.redis

MAIL = "slowtask.demo.tasks.send_mail"


@pytest.fixture
def collapsed(tmp_path):
    """Has one part of it run, fast; its figures."""
    try:
        find_program("rabbitmq-server")
    except BrokerError as problem:
        missing(str(problem))

    def run(limit):
        asked = ("--broker", "rabbitmq", "--limit", limit, "--fast", "--json")
        done = slowtask("collapse", *asked, cwd=tmp_path, patience=4 * PATIENCE, TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert processes_in(tmp_path) == []
        assert list(tmp_path.iterdir()) == []
        return json.loads(done.stdout)

    return run


def test_short_of_memory_it_blocks_publishers_loses_what_nobody_confirms_and_workers_go_on(collapsed):
    [found] = collapsed("memory").values()
    block, seen = found["block"], found["aftermath"]
    before_the_alarm = takewhile(lambda name: name != "broker-alarm", told(found))

    assert "broker-capacity" in before_the_alarm
    assert all(each["seconds"] < block["seconds"] for each in found["alarms"])
    assert {each["task"] for each in found["alarms"]} == {MAIL}
    assert seen["published"] < 60 * seen["watched"] / 2  # of those that it would have published
    assert seen["resumed"] > 0
    assert seen["finished"] > 0
    assert seen["newcomer"] == "started"
    assert "it blocks publishers, workers go on" in seen["told"]
    assert (seen["confirmed"]["errors"], seen["confirmed"]["lost"]) == (0, 0)
    assert (seen["default"]["ok"], seen["default"]["errors"]) == (300, 0)
    assert seen["default"]["lost"] > 0


def told(found):
    return [each["name"] for each in found["alarms"]]


def test_a_full_queue_refuses_tasks_or_drops_them_without_a_word(collapsed):
    refusing, dropping = collapsed("length")["length"]
    refused, dropped = refusing["aftermath"], dropping["aftermath"]

    assert [each["name"] for each in refusing["alarms"]] == ["queue-full-soon", "queue-capacity"]
    assert [each["name"] for each in dropping["alarms"]] == [
        "queue-drops",
        "queue-full-soon",
        "queue-capacity",
    ]
    assert refused["error"] == "OperationalError() of MessageNacked"
    assert refused["confirmed"]["errors"] > 0
    assert refused["confirmed"]["errors"] + refused["finished"] > 150  # of 200: each that ends makes room
    assert refused["confirmed"]["lost"] == 0
    assert refused["default"]["errors"] == 0
    assert refused["default"]["lost"] > 100
    assert (dropped["error"], dropped["confirmed"]["errors"]) == (None, 0)
    assert dropped["confirmed"]["lost"] > 0
    assert dropped["confirmed"]["lost"] + dropped["finished"] > 150
    assert (dropped["waiting"], dropped["last"] - dropped["first"]) == (400, 399)  # the oldest are gone
    assert min(refused["finished"], dropped["finished"]) > 0


def test_a_publisher_that_ends_is_told_with_its_last_word(tmp_path):
    mails = Mails(queue="mail", confirm=True, rate="many")
    with (
        Publisher(tmp_path, "nonsense://", mails) as publisher,
        pytest.raises(BrokerError, match="the publisher exited early: TypeError"),
    ):
        wait_until(lambda: publisher.publish(1, 0.1) is None)


def test_what_makes_no_sense_is_told_in_one_line(tmp_path):
    done = slowtask("collapse", "--limit", "memory", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "slowtask: --limit is for RabbitMQ, since Redis has only one limit: add --broker rabbitmq."
    ]


def test_without_a_rabbitmq_one_line_says_what_to_install(tmp_path):
    nowhere = "from pathlib import Path\nfrom slowtask.demo.rabbitmq import server\n"
    nowhere += "server.DEBIAN_PROGRAMS = Path('/none')\n"
    command = [sys.executable, "-c", f"{nowhere}from slowtask.cli import main; main()"]
    done = subprocess.run(
        [*command, "collapse", "--broker", "rabbitmq"],
        cwd=tmp_path,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("slowtask: there is no rabbitmq-server on PATH: install")
    assert "Traceback" not in done.stderr
