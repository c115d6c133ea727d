"""`slowtask status` and `slowtask monitor` of Celery's brokers, alone and beside RQ, as a user calls them."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import kombu
import pytest
import rq
from conftest import PATIENCE, wait_until

from celery_site import publish, report_fields, reported_job, send_event
from growing import read_events
from logs import made, written
from slowtask.cli.brokers import choose_urls
from slowtask.demo import tasks
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.redis import redacted_url
from slowtask.watch.causes import find_all
from slowtask.watch.judge import Typical
from slowtask.watch.settings import Thresholds, load
from slowtask.watch.view import Watch

TYPICAL = {"shop.mail": Typical(mean=5.0, p99=9.0), "shop.thumb": Typical(mean=0.1, p99=0.2)}
SLOWTASK = str(Path(sys.executable).parent / "slowtask")


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.server) for name in ("rabbitmq", "redis")])
def site(request):
    """The address of an empty broker, and of RabbitMQ's plugin."""
    if request.param == "redis":
        request.getfixturevalue("redis")
        return request.getfixturevalue("redis_server"), ""
    return request.getfixturevalue("vhost"), request.getfixturevalue("rabbitmq").management


def watched(site, **options):
    broker = open_broker(*site)
    return broker, Watch(broker, Thresholds(), lambda: TYPICAL, **options)


@contextmanager
def consumer(url, name):
    """Somebody who would take from a queue, and has just too much to do."""
    with kombu.Connection(url) as connection:
        if connection.transport.driver_type == "amqp":
            channel = connection.channel()
            channel.basic_qos(0, 1, False)  # noqa: FBT003 - AMQP's signature
            publish(url, "shop.mail", queue=name)  # the one that it takes
            channel.basic_consume(name, callback=lambda message: None)
        yield


def run(folder, *options, **variables):
    """What a command printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLOWTASK", "CELERY"))}
    return subprocess.run(
        [SLOWTASK, *options], env=clean | variables, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_backlog_the_overrun_and_the_workers_are_judged_as_for_rq(site):
    broker, watch = watched(site)
    publish(site[0], "shop.mail", 40, queue="mail")
    send_event(site[0], kind="worker-online")
    watch.poll()
    with consumer(site[0], "mail"):
        send_event(
            site[0], **report_fields(running=[reported_job(ago=60.0)], waiting=[["shop.mail", "mail", 8]])
        )
        view = wait_until(lambda: [each for each in [watch.poll()] if each.overruns])[0]
    broker.close()

    [mail] = [each for each in view.queues if each.queue.name == "mail"]
    assert (mail.queue.workers, mail.backlog[0].task, mail.backlog[0].count) == (4, "shop.mail", 40)
    assert mail.drained_in is None  # nothing leaves
    overrun = next(
        each
        for each in find_all(view, Thresholds())
        if (each.name, each.subject) == ("queue-overrun", "mail")
    )
    assert overrun.state == "warning"
    assert "shop.mail has been running for 1m" in overrun.message


def test_where_nothing_of_what_waits_can_be_seen_it_is_guessed_from_the_log(vhost, rabbitmq):
    broker, watch = watched((vhost, rabbitmq.management), mix=lambda _: {"shop.mail": 30, "shop.thumb": 10})
    publish(vhost, "shop.mail", 20, queue="mail")
    view = wait_until(lambda: [each for each in [watch.poll()] if each.queues])[0]
    broker.close()

    first, second = view.queues[0].backlog
    assert (first.task, first.count, first.guessed, second.count) == ("shop.mail", 15, True, 5)


def test_status_shows_celery_without_rq_and_never_a_password(site, tmp_path):
    publish(site[0], "shop.mail", 3, queue="mail")
    written(tmp_path / "slowtask.ndjson", [made(task="shop.mail", took=5.0)])
    options = ["--management-url", site[1]] if site[1] else []

    done = run(
        tmp_path,
        "status",
        "--seconds",
        "1",
        "--celery-url",
        site[0],
        *options,
        SLOWTASK_REDIS_URL="redis://127.0.0.1:1",
    )

    assert done.returncode == 0, done.stderr
    assert redacted_url(site[0]) in done.stdout.replace("\n", "")
    assert "mail " in done.stdout
    assert site[0] == redacted_url(site[0]) or site[0] not in done.stdout


def test_both_are_shown_where_both_live_on_one_redis(redis, redis_server, tmp_path):
    publish(redis_server, "shop.mail", 3, queue="default")
    rq.Queue(connection=redis).enqueue(tasks.simple_task)

    done = run(
        tmp_path, "status", "--json", "--seconds", "0.2",
        SLOWTASK_REDIS_URL=redis_server, CELERY_BROKER_URL=redis_server,
    )  # fmt: skip

    found = {
        each["system"]: {q["queue"]: q["depth"] for q in each["queues"]} for each in json.loads(done.stdout)
    }
    assert found == {"rq": {"default": 1}, "celery": {"default": 3}}


@pytest.mark.parametrize(
    ("options", "environment", "wanted"),
    [
        ({}, {}, {"redis_url": "redis://localhost:6379"}),
        ({}, {"CELERY_BROKER_URL": "amqp://c"}, {"celery_url": "amqp://c"}),
        ({"celery_url": "amqp://o"}, {"RQ_REDIS_URL": "redis://r"}, {"celery_url": "amqp://o"}),
        ({"redis_url": "redis://o"}, {"SLOWTASK_CELERY_URL": "amqp://c"}, {"redis_url": "redis://o"}),
        (
            {"celery_url": "amqp://o"},
            {"SLOWTASK_MANAGEMENT_URL": "http://m"},
            {"celery_url": "amqp://o", "management_url": "http://m"},
        ),
        (
            {},
            {"RQ_REDIS_URL": "redis://r", "SLOWTASK_CELERY_URL": "amqp://c", "CELERY_BROKER_URL": "amqp://x"},
            {"redis_url": "redis://r", "celery_url": "amqp://c"},
        ),
    ],
)
def test_what_is_looked_at_is_what_is_choose_urls(options, environment, wanted):
    by_settings = choose_urls(options, {}, load(None, environment))

    assert {name: url for name, url in choose_urls(options, environment).items() if url} == wanted
    assert {name: url for name, url in by_settings.items() if url} == wanted


def test_check_of_a_broker_that_is_away_is_unknown(tmp_path):
    done = run(tmp_path, "status", "--check", "--celery-url", "amqp://user:secret@127.0.0.1:1/shop")

    assert done.returncode == 3
    assert done.stdout.startswith("UNKNOWN: amqp://user:***@127.0.0.1:1/shop can't be reached")


def test_the_service_watches_both_and_mixes_up_no_alarms(redis, redis_server, vhost, rabbitmq, tmp_path):
    """Both have a queue `default`; one of them is too deep."""
    publish(vhost, "shop.mail", 30, queue="default")
    rq.Queue(connection=redis).enqueue(tasks.simple_task)
    (tmp_path / "monitor.toml").write_text(
        f'interval = 0.5\nredis_url = "{redis_server}"\ncelery_url = "{vhost}"\n'
        f'management_url = "{rabbitmq.management}"\n[depth]\ndefault = 20\n'
    )
    log = tmp_path / "slowtask-monitor.ndjson"
    command = [SLOWTASK, "monitor", "--config", "monitor.toml"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        wait_until(
            lambda: (
                samples(log) >= {("rq", "default"), ("celery", "default")}
                and all(word in log.read_bytes() for word in (b"queue-depth", b'"rabbitmq"'))
            )
        )
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)
    records = read_events(log)
    told = [each for each in said.decode().splitlines() if "queue-depth" in each]

    assert process.returncode == 0
    assert len(told) == 1
    assert "CRITICAL default: too many jobs wait. default: 30 jobs wait" in told[0]
    assert f" At {redacted_url(vhost)}. [queue-depth]" in told[0]
    assert {each["broker.system"] for each in records if "broker.system" in each} == {"redis", "rabbitmq"}
    assert vhost not in said.decode()


def samples(log):
    return {(each.get("queue.system"), each.get("queue.name")) for each in read_events(log)}
