"""The stack as a user starts it, undisturbed and with its parts killed: as many records as attempts.

The tests are one story, in the order of the file: `make up` by each setting of what runs, what is open and
secret, then one service after the other is killed while lines flow, a disk is filled, and `make clean`.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from panels import query, saved
from places import ROOT
from stack.clone import RUNS, until
from stack.engine import docker, inspected

pytestmark = pytest.mark.stack

SLOWTASK = Path(sys.executable).parent / "slowtask"
ALWAYS = {"filebeat", "elasticsearch", "setup", "logstash", "kibana", "rollup"}
RQ = {"redis", "worker", "monitor"}
CELERY = {"rabbitmq", "celery-worker", "celery-producer", "celery-monitor"}
#: What runs by each setting. The last stays for the tests that follow.
PROFILES = {
    "queue": ALWAYS | RQ,
    "": ALWAYS,
    "celery": ALWAYS | CELERY,
    "demo": ALWAYS | RQ | {"producer"},
    "demo,celery": ALWAYS | RQ | {"producer"} | CELERY,
}
OBJECTS = len(saved.objects((ROOT / "kibana" / "slowtask.ndjson").read_bytes()))  #: that setup imports
UNPARSED = "logs-slowtask.unparsed-default"
HOURS = "metrics-slowtask.hour-default"
HOUR = 3600 * 2 * 2  #: lines that both producers cause in an hour, at two jobs a second each
#: An alert in a state that there is none of.
ODD = {
    "@timestamp": "2026-11-25T12:00:00.000000Z",
    "event.id": "odd",
    "event.dataset": "slowtask.alert",
    "alert.name": "queue-load",
    "alert.state": "odd",
}
UNREAD = ["torn-json", "wrong-field"]  #: the reasons of the lines that a test makes
FEW = 30  #: attempts that are made while a service is away
MANY = 1000  #: lines of attempts that are written at once
LIGHT = "docker-compose.yml:docker/light.yml"

ENQUEUE = """
import os, sys
from redis import Redis
from rq import Queue
from slowtask.demo.demo import QUEUE, enqueue
enqueue(Queue(QUEUE, connection=Redis.from_url(os.environ["RQ_REDIS_URL"])), int(sys.argv[1]))
"""
#: Puts two jobs of a minute on the queue, before them one whose process dies, and prints the ids of the two.
LONG = """
import os
from redis import Redis
from rq import Queue
queue = Queue("slowtask-demo", connection=Redis.from_url(os.environ["RQ_REDIS_URL"]))
long = [queue.enqueue("time.sleep", 60, at_front=True).id for _ in range(2)]
queue.enqueue("os.abort", at_front=True)
print(*long)
"""
#: Prints the ids of the jobs that run, and when RQ takes them for lost, in seconds since 1970.
RUNNING = """
import json, os
from redis import Redis
found = Redis.from_url(os.environ["RQ_REDIS_URL"]).zrange("rq:wip:slowtask-demo", 0, -1, withscores=True)
print(json.dumps({name.decode().partition(":")[0]: score for name, score in found}))
"""
#: Writes *n* lines as a worker did yesterday.
YESTERDAY = """
import itertools, json, sys, uuid
from datetime import UTC, datetime, timedelta
time = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="microseconds").replace("+00:00", "Z")
lines = [json.loads(line) for line in open("/var/log/slowtask/slowtask.ndjson")]
with open("/var/log/slowtask/yesterday.ndjson", "a") as log:
    for each in itertools.islice(itertools.cycle(lines), int(sys.argv[1])):
        changed = {"@timestamp": time, "event.start": time, "event.id": uuid.uuid4().hex}
        log.write(json.dumps(each | changed) + chr(10))
"""
#: Writes *n* lines as a worker does: those that there are, under new ids.
REPEAT = """
import itertools, json, sys, uuid
lines = [json.loads(line) for line in open("/var/log/slowtask/slowtask.ndjson")]
with open("/var/log/slowtask/hour.ndjson", "a") as log:
    for each in itertools.islice(itertools.cycle(lines), int(sys.argv[1])):
        log.write(json.dumps(each | {"event.id": uuid.uuid4().hex}) + chr(10))
"""


def test_a_port_that_is_taken_stops_it_before_it_starts_anything(clone):
    port = int(clone.settings["KIBANA_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        done = clone.make("up")

    assert done.returncode != 0
    assert f"make: port {port} of 127.0.0.1 is used by " in done.stderr
    assert "set another KIBANA_PORT in .env" in done.stderr
    assert clone.left()["container"] == []


def test_the_light_stack_stores_each_attempt_once_whatever_is_killed(clone, tell):
    """Without Logstash. What it stored is there when Logstash joins, in the next test."""
    clone.set(COMPOSE_PROFILES="demo", COMPOSE_FILE=LIGHT)
    clone.up()
    assert set(clone.containers()) == (ALWAYS | RQ | {"producer"}) - {"logstash"}
    clone.python("worker", ENQUEUE, FEW)
    clone.settle(least=FEW)
    for service in ("filebeat", "elasticsearch"):
        clone.kill(service)
        before = len(clone.attempts())
        clone.python("worker", REPEAT, MANY // 2)
        until(
            lambda before=before: len(clone.attempts()) > before + MANY // 2, "no attempt is made meanwhile"
        )
        clone.start(service)
        tell(f"{service} of the light stack killed", clone.settle(least=before + MANY // 2))
    clone.set(COMPOSE_FILE="docker-compose.yml")

    assert sum(task["count"] for task in top(clone)) > MANY


@pytest.mark.parametrize("profiles", PROFILES, ids=lambda profiles: profiles or "none")
def test_make_up_starts_what_the_setting_says(clone, tell, profiles):
    """Healthy, with the dashboards in place; what was stored before a `make down` is there again."""
    before = set(clone.stored()) if clone.left()["container"] else set()
    if before:
        assert clone.make("down").returncode == 0
        assert clone.left()["container"] == clone.left()["network"] == []
    clone.set(COMPOSE_PROFILES=profiles)
    started = time.monotonic()
    said = clone.up()
    took = time.monotonic() - started
    found = clone.containers()

    assert set(found) == PROFILES[profiles]
    assert (found["setup"]["State"]["Status"], found["setup"]["State"]["ExitCode"]) == ("exited", 0)
    assert {clone.health(name) for name in set(found) - {"setup"}} == {"healthy"}
    assert f"{OBJECTS} objects" in said
    if profiles == "queue":
        clone.python("worker", ENQUEUE, FEW)
    attempts = clone.settle(least=len(before) + FEW * bool(profiles))
    assert before <= set(clone.stored())
    tell(f"make up, COMPOSE_PROFILES={profiles} ({took:.0f} s)", attempts)


def test_make_up_again_changes_nothing(clone):
    before = {name: each["Id"] for name, each in clone.containers().items() if name != "setup"}
    said = clone.up()

    assert {name: each["Id"] for name, each in clone.containers().items() if name != "setup"} == before
    assert f"0 objects new, {OBJECTS} replaced" in said


# What is open, and what is secret


def test_no_password_is_in_what_docker_shows_or_the_logs_say(clone):
    shown = {
        "inspect": json.dumps([*clone.containers().values(), *inspected("slowtask:stack")]),
        "history": docker("image", "history", "--no-trunc", "slowtask:stack"),
        "logs": clone.compose("logs", "--no-color"),
    }

    assert len(clone.secrets) == 7
    for name, value in clone.secrets.items():
        assert [place for place in shown if value in shown[place]] == [], name


def test_no_password_is_in_a_layer_of_the_image(clone):
    values = " ".join(f"-e {value}" for value in clone.secrets.values())

    assert clone.in_volumes(f"! grep -rlF {values} /usr /opt /etc /tmp /root") == ""


def test_every_port_is_open_on_loopback_only(clone):
    open_ports = [
        (name, binding["HostIp"])
        for name, each in clone.containers().items()
        for bindings in (each["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or []
    ]

    assert len(open_ports) == 5
    assert {address for _, address in open_ports} == {"127.0.0.1"}


def test_no_process_of_a_container_is_root_s(clone):
    for name, each in clone.containers().items():
        if each["State"]["Running"]:
            _, *rows = docker("top", each["Id"], "-eo", "uid,pid,comm").splitlines()
            assert [row for row in rows if row.split()[0] == "0"] == [], name


def test_its_memory_is_enough_for_an_hour_s_lines_at_once(clone, tell):
    clone.python("worker", REPEAT, HOUR)
    tell("an hour's lines at once", clone.settle(least=HOUR))

    for name, each in clone.containers().items():
        assert not each["State"]["OOMKilled"], name
        assert each["RestartCount"] == 0, name


# What it is for


def test_hours_that_are_over_are_rolled_up_without_a_call(clone):
    """By the service, whose first round begins as soon as it starts; the next test counts each run once."""
    clone.python("worker", YESTERDAY, FEW)
    clone.settle()
    docker("restart", clone.containers()["rollup"]["Id"])

    until(lambda: rolled_up(clone) == FEW, "the runs of yesterday aren't rolled up")


def rolled_up(clone):
    """How many runs the rolled-up hours of yesterday hold."""
    total = {"runs": {"sum": {"field": "rollup.runs"}}}
    hours = {"term": {"rollup.span": "hour"}}, {"range": {"@timestamp": {"lt": "now-12h"}}}
    found = clone.elasticsearch().search(
        index=HOURS, size=0, query={"bool": {"filter": [*hours]}}, aggs=total
    )
    return found["aggregations"]["runs"]["value"]


def test_top_counts_every_record(clone):
    before, ranking, after = len(clone.stored()), top(clone), len(clone.stored())

    assert before <= sum(task["count"] for task in ranking) <= after
    assert ranking[0]["task"] == "slowtask.demo.tasks.send_mail"


def top(clone):
    """What `slowtask top URL` says of all tasks."""
    done = subprocess.run(
        [SLOWTASK, "top", clone.url, "--json", "-n", "0"],
        env=os.environ | {
            "SLOWTASK_ELASTICSEARCH_USERNAME": "slowtask_reader",
            "SLOWTASK_ELASTICSEARCH_PASSWORD": clone.settings["SLOWTASK_READER_PASSWORD"],
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_line_that_cannot_be_read_is_kept_with_the_reason(clone):
    """One with a word that isn't known, and a torn one, as a full disk leaves it."""
    line = json.dumps(ODD, separators=(",", ":"))
    clone.in_volumes(f"printf '%s\\n' '{line}' '{line[:-9]}' >/volumes/logs/odd.ndjson", "logs")

    until(lambda: unparsed(clone) == UNREAD, "the two lines aren't stored")


def unparsed(clone):
    """The reasons of all lines that can't be read."""
    found = clone.elasticsearch().search(index=UNPARSED, source=False, fields=["event.reason"], size=100)
    return sorted(hit["fields"]["event.reason"][0] for hit in found["hits"]["hits"])


# Killed


@pytest.mark.parametrize("service", ["filebeat", "logstash", "elasticsearch", "redis", "rabbitmq"])
def test_a_service_that_is_killed_costs_no_record(clone, tell, service):
    before, alerts = len(clone.attempts()), len(clone.lines("slowtask.alert"))
    clone.kill(service)
    if service in ("redis", "rabbitmq"):
        until(lambda: len(clone.lines("slowtask.alert")) > alerts, "the monitor doesn't tell of it")
    else:
        until(lambda: len(clone.attempts()) >= before + FEW, "no attempt is made meanwhile")
    clone.start(service)
    tell(f"{service} killed", clone.settle(least=before + 2 * FEW))


def test_a_worker_that_is_killed_leaves_its_attempts_abandoned(clone, tell):
    long = clone.python("monitor", LONG.replace("RQ_REDIS_URL", "SLOWTASK_REDIS_URL")).split()

    def running():
        return json.loads(clone.python("monitor", RUNNING.replace("RQ_REDIS_URL", "SLOWTASK_REDIS_URL")))

    until(lambda: set(long) <= set(running()), "the long jobs don't run")
    clone.kill("worker")
    until(lambda: all(running()[name] < time.time() for name in long), "RQ never takes them for lost")
    clone.start("worker")
    tell("worker killed", clone.settle())

    until(lambda: actions(clone, long) == dict.fromkeys(long, "abandoned"), "they aren't stored as abandoned")


def actions(clone, jobs):
    """How the attempts of *jobs* ended, by what is stored."""
    fields = ["task.id", "event.action"]
    found = clone.elasticsearch().search(
        index=RUNS, size=1000, source=False, fields=fields, query={"term": {"event.action": "abandoned"}}
    )
    told = [hit["fields"] for hit in found["hits"]["hits"]]
    return {each["task.id"][0]: each["event.action"][0] for each in told if each["task.id"][0] in jobs}


def test_a_celery_worker_that_is_killed_costs_no_record(clone, tell):
    before = len(clone.attempts())
    clone.kill("celery-worker")
    clone.start("celery-worker")
    tell("celery-worker killed", clone.settle(least=before + FEW))


def test_a_disk_that_fills_up_costs_no_record(clone, tell):
    """Elasticsearch refuses writes below a gigabyte of free disk, until there is more again."""
    indices = clone.administrator().indices

    def refuses():
        found = indices.get_settings(index="*slowtask*", expand_wildcards="all", flat_settings=True)
        return any("index.blocks.read_only_allow_delete" in each["settings"] for each in found.body.values())

    clone.in_volumes("fallocate -l 3300M /volumes/elasticsearch/filler", "elasticsearch")
    until(refuses, "Elasticsearch takes records with a full disk")
    before = len(clone.attempts())
    until(lambda: len(clone.attempts()) >= before + FEW, "no attempt is made meanwhile")
    assert len(clone.stored()) < len(clone.attempts())
    clone.in_volumes("rm /volumes/elasticsearch/filler", "elasticsearch")
    tell("Elasticsearch's disk filled", clone.settle(least=before + FEW))


def test_no_other_line_is_torn_or_unread(clone):
    """Whatever was killed meanwhile."""
    assert unparsed(clone) == UNREAD


#: Nothing was wrong with the stack's queues and its Redis, so they have no cause. Those of
#: tests/stack/test_watched_path.py have one.
WELL = [
    f"slowtask-queues/{panel}: {column} shows nothing"
    for panel in ("verdict", "verdict-brokers")
    for column in ("cause (Cause)", "since (Since)")
]


def test_every_panel_of_both_dashboards_is_answered(clone):
    """By what has happened: runs, failures, a kill, abandoned jobs, a torn line, a monitor's alarms."""
    client = clone.elasticsearch()

    def request(method, target, body=None):
        headers = {"accept": "application/json", "content-type": "application/json"}
        return client.perform_request(method, target, headers=headers, body=body).body

    ever = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    store = query.Store(request=request, namespace="default", **ever)
    found = saved.objects((clone.folder / "kibana" / "slowtask.ndjson").read_bytes())
    bundle = [each for each in found if each["id"] != "slowtask-what-changed"]  # has no week before

    assert [fault for fault in query.faults(bundle, store) if fault not in WELL] == []


def test_make_clean_leaves_nothing(clone):
    assert clone.make("clean").returncode == 0
    assert clone.left() == {"container": [], "volume": [], "network": []}
    assert (clone.folder / ".env").exists()
