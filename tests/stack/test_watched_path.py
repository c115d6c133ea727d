"""The monitor's whole path, from a real Redis that fills to every panel of the dashboard Queues.

The lines are those that the monitor wrote, as Logstash hands them on, in a real Elasticsearch.
"""

import json
import threading
from contextlib import suppress

import pytest
import rq
from conftest import wait_until
from elasticsearch import helpers
from redis.exceptions import ResponseError

from dashboards import bundle
from documents import actions, nested
from panels import query, saved
from pipeline import logstash
from slowtask.demo import tasks
from slowtask.demo.server import Server
from slowtask.demo.workers import Workers
from slowtask.parse.ndjson import flatten
from slowtask.watch.broker.redis import open_redis
from slowtask.watch.broker.rq import Rq
from slowtask.watch.judge import Typical
from slowtask.watch.monitor import Monitor
from slowtask.watch.settings import MonitorSettings, Thresholds
from slowtask.watch.view import Watch

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("watched path")]

MAIL = "slowtask.demo.tasks.send_mail"
#: What a stream is called, by its dataset.
STREAMS = {"slowtask.queue": "metrics-slowtask.queue", "slowtask.alert": "logs-slowtask.alert"}


def mails(queue, stop):
    """Thirty every tenth of a second, until Redis refuses one."""
    with suppress(ResponseError):
        for _ in range(200):
            for _ in range(30):
                queue.enqueue(tasks.send_mail, "a", 0.2)
            stop.wait(0.1)


def is_critically_full(line):
    """Whether *line* tells that the broker is critically full."""
    return b'"broker-capacity"' in line and b'"critical"' in line


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What a monitor writes while more mails come than one worker sends, up to the alert, and after it."""
    folder, found = tmp_path_factory.mktemp("watched"), []
    with Server(folder) as server, server.client() as redis, open_redis(server.url) as client:
        queue = rq.Queue("mail", connection=redis)
        with Workers(folder, server.url, 1, queue="mail"):
            wait_until(lambda: redis.scard("rq:workers"))
            redis.config_set("maxmemory", int(redis.info("memory")["used_memory"]) + 2_500_000)
            watch = Watch(
                Rq(client, server.url), Thresholds(), lambda: {MAIL: Typical(mean=0.2, p99=0.5)}, max_keys=0
            )
            settings = MonitorSettings(interval=0.2, calm=0.0)
            monitor = Monitor(watch, server.url, settings, write=found.append)
            stop = threading.Event()
            thread = threading.Thread(target=monitor.run, args=(stop,))
            thread.start()
            queue.enqueue(tasks.send_mail, tasks.NOBODY, 0)  # fails, and is kept
            rq.Queue("unserved", connection=redis).enqueue(tasks.send_mail, "a", 0.2)  # a cause of its own
            mails(queue, stop)
            wait_until(lambda: any(is_critically_full(line) for line in found))
            stop.set()
            thread.join()
    return [line.decode().rstrip("\n") for line in found]


@pytest.fixture(scope="module")
def store(lines, elasticsearch, jruby, tmp_path_factory):
    """Those lines in a real Elasticsearch, by way of the Logstash filter."""
    log = tmp_path_factory.mktemp("monitor") / "slowtask-monitor.ndjson"
    log.write_text("".join(f"{line}\n" for line in lines))
    records = [flatten(each) for each in logstash.filtered(logstash.shipped(log, joined=False))]
    for dataset, stream in STREAMS.items():
        mine = [each for each in records if each["event.dataset"] == dataset]
        helpers.bulk(elasticsearch, actions(mine, f"{stream}-watched"), refresh=True)

    def request(method, target, body=None):
        headers = {"accept": "application/json", "content-type": "application/json"}
        return elasticsearch.perform_request(method, target, headers=headers, body=body).body

    times = sorted(record["@timestamp"] for record in records)
    return query.Store(request=request, namespace="watched", start=times[0], end=times[-1])


def test_the_filter_hands_each_line_on_as_it_is(lines, jruby):
    given = [{"message": line} for line in lines]

    found = logstash.filtered(given)

    assert [each["event"]["id"] for each in found] == [json.loads(line)["event.id"] for line in lines]
    assert all(
        each["queue"] == nested(json.loads(line))["queue"]
        for each, line in zip(found, lines, strict=True)
        if "queue" in each
    )


def test_the_monitor_warned_before_it_was_critical_and_blamed_the_mails(lines):
    alerts = [record for line in lines if (record := json.loads(line))["event.dataset"] == "slowtask.alert"]
    told = [(each["alert.name"], each["alert.state"]) for each in alerts]
    soon = next(place for place, (name, _) in enumerate(told) if name == "broker-full-soon")

    assert soon < told.index(("broker-capacity", "critical"))
    assert {each.get("task.name") for each in alerts if each["alert.name"] == "broker-capacity"} == {MAIL}


def test_arrivals_of_all_samples_are_all_jobs_that_came(lines):
    records = [json.loads(line) for line in lines]
    samples = [each for each in records if each.get("queue.name") == "mail" and "queue.depth" in each]

    came = samples[0]["queue.depth"] + sum(each.get("queue.arrivals", 0) for each in samples)
    left = sum(each.get("queue.departures", 0) for each in samples)
    assert came - left == samples[-1]["queue.depth"]
    assert came > 0


def test_every_panel_of_queues_shows_something(store):
    found = saved.objects(bundle.BUNDLE.read_bytes())
    others = ("slowtask-slow-tasks", "slowtask-what-changed")
    boards = [each for each in found if each["id"] not in others]

    assert list(query.faults(boards, store)) == []
