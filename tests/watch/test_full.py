"""A Redis that is full is read like any other, and the verdict has all its figures: for RQ and for Celery."""

import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import rq
from conftest import PATIENCE, wait_until
from redis import Redis
from redis.client import Pipeline

from celery_site import publish
from growing import read_events
from logs import made, written
from slowtask.demo import tasks
from slowtask.demo.server import Server
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.flow import FlowState, flows
from slowtask.watch.broker.rq import Rq

SLOWTASK = Path(sys.executable).parent / "slowtask"
TASKS = {"rq": "slowtask.demo.tasks.send_mail", "celery": "shop.mail"}
LISTS = {"rq": "rq:queue:mail", "celery": "mail"}
OPTIONS = {"rq": "--redis-url", "celery": "--celery-url"}

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module", params=["rq", "celery"])
def system(request):
    return request.param


@pytest.fixture(scope="module")
def full(system, tmp_path_factory):
    """A Redis that took jobs until it refused the next one."""
    with Server(tmp_path_factory.mktemp("full"), maxmemory="4mb") as server, server.client() as client:
        (fill_rq if system == "rq" else fill_celery)(client, server.url)
        keep_full(client)
        yield server


def fill_rq(client, url):
    queue = rq.Queue("mail", connection=client)
    while taken(lambda: queue.enqueue(tasks.send_mail, "x" * 200)):
        pass


def fill_celery(client, url):
    publish(url, "shop.mail", 10, queue="mail", args=["x" * 200])
    task = client.lindex("mail", 0)
    while taken(lambda: client.lpush("mail", *[task] * 10)):
        pass


def taken(act):
    """Whether Redis had room for it."""
    try:
        act()
    except Exception as error:
        if "maxmemory" not in str(error):  # the class differs by library
            raise
        return False
    return True


def keep_full(client):
    """Leave no room, whatever clients give back: MULTI then refuses even reads."""
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)
    assert not taken(lambda: client.pipeline(transaction=True).llen("mail").execute())


def status(server, system, folder, *options):
    runs = written(folder / "runs.ndjson", [made(task=TASKS[system], took=2.0)])
    command = [SLOWTASK, "status", OPTIONS[system], server.url, "--seconds", "0.2", "--runs", runs, *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_the_check_is_critical_with_all_figures(full, system, tmp_path):
    waiting = full.client().llen(LISTS[system])

    done = status(full, system, tmp_path, "--check")

    assert done.returncode == 2
    assert done.stdout.startswith(f"CRITICAL: {full.url} is 100 % full (")
    assert re.search(r"full \(4\.\d+ MB of 4\.\d+ MB\): ", done.stdout)
    assert f"{waiting:,} jobs are waiting" in done.stdout
    assert f"To blame: {TASKS[system]}: {waiting:,} waiting" in done.stdout
    owner = "Queued jobs" if system == "rq" else "Waiting tasks"
    assert re.search(rf"{owner} hold \d+(\.\d)? % of its memory", done.stdout)
    assert "Raise maxmemory now" in done.stdout
    assert "UNKNOWN" not in done.stdout


def test_the_page_is_critical_with_all_figures(full, system, tmp_path):
    waiting = full.client().llen(LISTS[system])

    done = status(full, system, tmp_path)

    assert done.returncode == 0
    assert re.search(r"100 % of 4\.\d+ MB\n", done.stdout)
    assert "CRITICAL: " in done.stdout
    assert "When it is full" not in done.stdout
    assert f" mail     {waiting:,} " in done.stdout
    assert f" {TASKS[system]} " in done.stdout


def test_the_json_has_every_figure(full, system, tmp_path):
    waiting = full.client().llen(LISTS[system])

    found = json.loads(status(full, system, tmp_path, "--json").stdout)

    assert found["capacity"] >= 0.995
    assert (found["memory_used"] > found["memory_max"] > 3_000_000, found["policy"]) == (True, "noeviction")
    assert sum(found["owners"].values()) == pytest.approx(1.0)
    [queue] = [each for each in found["queues"] if each["queue"] == "mail"]
    assert queue["depth"] == waiting
    assert [(each["task"], each["count"]) for each in queue["backlog"]] == [(TASKS[system], waiting)]
    assert queue["arrivals"] == queue["departures"] == 0


def test_the_monitor_s_alert_is_critical_with_the_figures(full, system, tmp_path):
    variable = "SLOWTASK_REDIS_URL" if system == "rq" else "SLOWTASK_CELERY_URL"
    environment = os.environ | {variable: full.url, "SLOWTASK_MONITOR_INTERVAL": "0.2"}
    log = tmp_path / "slowtask-monitor.ndjson"
    process = subprocess.Popen([SLOWTASK, "monitor"], env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
    alerts = wait_until(
        lambda: [each for each in read_events(log) if each["event.dataset"] == "slowtask.alert"]
    )
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)

    [alert] = [each for each in alerts if each["alert.name"] == "broker-capacity"]
    assert (alert["alert.state"], alert["task.name"]) == ("critical", TASKS[system])
    assert f"{full.client().llen(LISTS[system]):,} jobs are waiting" in alert["message"]
    assert b"[broker-capacity]" in said
    assert b"broker-unseen" not in said


def test_a_redis_that_refuses_writes_for_its_disk_is_read(system, tmp_path):
    """MISCONF: it can't save, and refuses writes; reads work."""
    gone = tmp_path / "gone"
    gone.mkdir()
    with Server(tmp_path, dir=str(gone), save="3600 1") as server, server.client() as client:
        if system == "rq":
            rq.Queue("mail", connection=client).enqueue(tasks.send_mail, "a")
        else:
            publish(server.url, "shop.mail", 1, queue="mail")
        gone.rmdir()
        client.bgsave()
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        with pytest.raises(Exception, match="MISCONF"):
            client.set("a", 1)

        done = status(server, system, tmp_path, "--json")
        client.config_set("save", "")  # else it wouldn't end

    assert [each["depth"] for each in json.loads(done.stdout)["queues"] if each["queue"] == "mail"] == [1]


class Between(Pipeline):
    """A pipeline into which another client steps once: right before the first place that is asked for."""

    def lpos(self, name, *arguments, **options):
        if not self.connection_pool.stepped and name.endswith("mail"):
            self.connection_pool.stepped.append(len(self.command_stack))
            self.connection_pool.step(self)
        return super().lpos(name, *arguments, **options)

    def execute(self, *arguments, **options):
        found = super().execute(*arguments, **options)
        for place in self.connection_pool.stepped[:1]:
            if len(found) > place and not self.connection_pool.left_out:
                self.connection_pool.left_out.append(found.pop(place))
        return found


class Crowd(Redis):
    """A client whose pipelines are `Between`."""

    def pipeline(self, *, transaction=True, shard_hint=None):
        assert not transaction  # a full Redis would refuse it
        return Between(self.connection_pool, self.response_callbacks, transaction, shard_hint)


@pytest.mark.parametrize("came", [True, False])
def test_what_comes_or_goes_between_two_commands_is_counted_once(system, redis, redis_server, came):
    key = LISTS[system]
    push = (lambda client, job: client.rpush(key, job)) if system == "rq" else (
        lambda client, job: client.lpush(key, job)
    )  # fmt: skip
    pop = (lambda client: client.lpop(key)) if system == "rq" else (lambda client: client.rpop(key))
    redis.sadd("rq:queues", "rq:queue:mail")
    for number in range(5):
        push(redis, f"job-{number}")
    with Crowd.from_url(redis_server) as client:
        pool = client.connection_pool
        pool.stepped, pool.left_out = [0], [None]  # not yet
        broker = Rq(client, redis_server) if system == "rq" else open_broker(redis_server, "", ["mail"])
        broker._client = client  # noqa: SLF001 - no other way between two commands
        polls = [broker.poll({})]
        pool.stepped, pool.left_out = [], []
        pool.step = (lambda pipe: push(pipe, "late")) if came else pop
        for _ in range(2):
            tails = {each.name: each.tail for each in polls[-1].queues if each.tail}
            polls.append(broker.poll(tails))

    found = [flows(*pair, FlowState())["mail"] for pair in pairwise(polls)]
    assert pool.left_out
    assert [each.round_trips for each in polls] == [3, 4, 3]
    assert sum(each.arrivals for each in found) == int(came)
    assert sum(each.departures for each in found) == int(not came)
