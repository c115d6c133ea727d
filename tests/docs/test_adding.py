"""The example of docs/adding.md, on a real Redis: Dramatiq's attempts leave a record each."""

import json
import os
import re
import signal
import subprocess
from collections import Counter
from datetime import datetime, timedelta

import pytest
from conftest import PATIENCE, missing, wait_until

from environments import DRAMATIQ, ROOT
from places import EXAMPLES
from slowtask import record
from slowtask.watch.broker import Broker

PAGE = (ROOT / "docs" / "adding.md").read_text()

ACTORS = """
import os, signal, sys, time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, Retries

from recorded import Recorded


class Counted(Middleware):
    def after_process_message(self, broker, message, **ending):
        with open("ended", "a") as ended:
            ended.write(message.message_id + "\\n")

    after_skip_message = after_process_message


broker = RedisBroker(url=os.environ["URL"])
broker.add_middleware(Recorded(), before=Retries)
broker.add_middleware(Counted())
dramatiq.set_broker(broker)


@dramatiq.actor
def sends():
    time.sleep(0.02)


@dramatiq.actor(max_retries=0)
def fails():
    raise ValueError("no such user")


@dramatiq.actor(max_retries=1, min_backoff=1000)
def flaky():
    raise KeyError("x")


@dramatiq.actor(max_retries=0, time_limit=500)
def slow():
    while True:
        time.sleep(0.01)


@dramatiq.actor(max_age=1)
def late():
    pass


@dramatiq.actor
def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@dramatiq.actor(max_retries=0)
def puzzled():
    1 / 0
"""


ENDINGS = {
    ("sends", "finished"),
    ("fails", "failed"),
    ("flaky", "retried"),
    ("flaky", "failed"),
    ("slow", "timed-out"),
    ("late", "stopped"),
}  #: of the attempts of these actors


@pytest.fixture
def site(tmp_path, redis_server, redis):
    """Runs Python with the example in a folder of its own."""
    if not DRAMATIQ.made:
        missing(DRAMATIQ.name)
    (tmp_path / "actors.py").write_text(ACTORS)
    path = os.pathsep.join(map(str, (tmp_path, ROOT / "app", EXAMPLES)))
    environment = os.environ | {"PYTHONPATH": path, "URL": redis_server}
    started = []

    def start(*command, **more):
        with (tmp_path / "said").open("ab") as said:
            process = subprocess.Popen(
                [DRAMATIQ.python, *command], cwd=tmp_path, env=environment | more, stdout=said, stderr=said
            )
        started.append(process)
        return process

    yield start
    for each in started:
        each.send_signal(signal.SIGTERM)
        each.wait(PATIENCE)


@pytest.fixture
def send(site):
    """Sends messages to the actors named."""
    return lambda *names: site("-c", "import actors; " + "; ".join(f"actors.{each}.send()" for each in names))


@pytest.fixture
def work(site):
    """Starts a worker."""
    return lambda **more: site("-m", "dramatiq", "actors", "--processes", "1", "--threads", "2", **more)


@pytest.fixture
def records(tmp_path):
    """What the log has so far."""

    def records():
        log = tmp_path / "slowtask.ndjson"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return records


def test_the_page_shows_the_module_that_is_tested():
    assert f"```python\n{(EXAMPLES / 'recorded.py').read_text()}```\n" in PAGE


def test_the_page_explains_each_name_that_slowtask_record_has():
    explained = set(re.findall(r"`(\w+)`", PAGE.split("## What it builds on")[1].split("\n## ")[0]))

    assert set(record.__all__) <= explained


def test_the_list_of_what_it_builds_on_names_nothing_else():
    section = PAGE.split("## What it builds on")[1].split("\n## ")[0]
    named = {name for row in re.findall(r"^- (`.*?`):", section, re.MULTILINE) for name in row.split(", ")}

    assert named
    assert {name.strip("`") for name in named} <= set(record.__all__)


def test_the_page_names_all_that_a_broker_has_to_answer():
    methods = {name for name, value in vars(Broker).items() if callable(value) and not name.startswith("_")}
    section = PAGE.split("## Its broker, in the monitor")[1]

    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == methods


@pytest.mark.redis
def test_each_attempt_leaves_one_record(send, work, records, tmp_path):
    """As many as ended, by a middleware that only counts."""
    send(*["sends"] * 3, "fails", "flaky", "slow", "late").wait()
    worker = work()
    wait_until(lambda: {(each["task.name"], each["event.action"]) for each in records()} == ENDINGS)
    wait_until(lambda: len({each["task.id"] for each in records()}) == 7)
    worker.send_signal(signal.SIGTERM)
    worker.wait(PATIENCE)

    found = records()
    ended = (tmp_path / "ended").read_text().split()
    assert len(set(ended)) == 7
    assert Counter(each["task.id"] for each in found) == Counter(ended)
    assert len({each["event.id"] for each in found}) == len(found)
    assert {(each["queue.system"], each["queue.name"]) for each in found} == {("dramatiq", "default")}


@pytest.mark.redis
def test_a_record_has_what_the_five_questions_ask(send, work, records):
    send("sends", "flaky", "late").wait()
    work()
    wait_until(lambda: len(records()) == 4)
    by_task = {(each["task.name"], each["task.attempt"]): each for each in records()}

    sent, first, again = by_task["sends", 1], by_task["flaky", 1], by_task["flaky", 2]
    assert sent["event.duration"] > 20_000_000
    assert sent["event.outcome"] == "success"
    assert sent["task.wait"] > 0
    assert first["task.id"] == again["task.id"]
    assert first["error.type"] == "KeyError"
    assert due(again) > ended(first) + timedelta(seconds=0.4)  # it was put off for at least half a second
    assert "event.start" not in by_task["late", 1]


def due(record):
    """When a task could have started: its wait counts from then."""
    start = datetime.fromisoformat(record["event.start"])
    return start - timedelta(microseconds=record["task.wait"] // 1000)


def ended(record):
    start = datetime.fromisoformat(record["event.start"])
    return start + timedelta(microseconds=record["event.duration"] // 1000)


@pytest.mark.redis
def test_nobody_sees_a_death(send, work, records, tmp_path):
    worker = work()
    # A process that dies while it starts may leave Dramatiq's main process waiting for it.
    wait_until(lambda: "ready for action" in (tmp_path / "said").read_text())
    send("killed").wait()
    wait_until(lambda: worker.poll() is not None or "exited" in (tmp_path / "said").read_text().lower())

    assert records() == []


@pytest.mark.redis
def test_a_record_that_can_not_be_made_is_counted_and_the_task_runs(send, work, records, tmp_path):
    """The log is no place for a file; what the actor raises is what Dramatiq sees."""
    send("puzzled").wait()
    work(SLOWTASK_LOG=str(tmp_path / "actors.py" / "no.ndjson"))
    wait_until(lambda: "a record was lost" in (tmp_path / "said").read_text())

    assert "ZeroDivisionError" in (tmp_path / "said").read_text()
