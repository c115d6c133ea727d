"""Celery's brokers are read correctly: real servers, tasks that Celery publishes, events of workers."""

import base64
import json
import re
import uuid
from itertools import pairwise

import pytest
from conftest import wait_until

from celery_site import publish, report_fields, reported_job, send_event, start_workers
from places import DOCS
from slowtask.errors import UsageError
from slowtask.watch.broker import heartbeats
from slowtask.watch.broker.address import open_broker, redis_py_url
from slowtask.watch.broker.flow import FlowState, flows
from slowtask.watch.broker.heartbeats import WorkerRegistry
from slowtask.watch.judge import Typical, overruns

PAGE = DOCS / "monitor.md"


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.server) for name in ("rabbitmq", "redis")])
def site(request):
    """The address of an empty broker, and what RabbitMQ's plugin needs."""
    if request.param == "redis":
        request.getfixturevalue("redis")
        yield request.getfixturevalue("redis_server"), ""
    else:
        server = request.getfixturevalue("rabbitmq")
        yield request.getfixturevalue("vhost"), server.management


@pytest.fixture
def broker(site):
    broker = open_broker(*site)
    yield broker
    broker.close()


def poll_broker(broker, before=None):
    tails = {each.name: each.tail for each in before.queues if each.tail} if before else {}
    return broker.poll(tails)


def find_queue(poll, name="mail"):
    return next((each for each in poll.queues if each.name == name), None)


def wait_for(read, holds):
    """Return the first of many readings for which *holds* is true."""
    return wait_until(lambda: [each for each in [read()] if holds(each)])[0]


def poll_with_workers(broker):
    """Return the first poll after a worker has sent an event."""
    return wait_for(lambda: poll_broker(broker), lambda each: each.workers)


def test_waiting_tasks_are_counted_and_the_first_has_an_age(site, broker):
    publish(site[0], "shop.mail", 3, queue="mail")
    queue = wait_for(lambda: find_queue(poll_broker(broker)), lambda each: each and each.oldest is not None)

    assert queue.depth == 3
    assert 0 <= queue.oldest < 60e9


def test_without_the_hook_there_is_no_age(site, broker):
    publish(site[0], "shop.mail", 2, queue="mail", hooked=False)

    assert (find_queue(poll_broker(broker)).depth, find_queue(poll_broker(broker)).oldest) == (2, None)


def test_the_broker_says_how_full_it_is(site, broker):
    poll = wait_for(lambda: poll_broker(broker), lambda each: each.memory)  # a new node has no figures yet

    assert poll.memory.used > 0
    assert (poll.system, poll.server) == ("celery", "redis" if site[0].startswith("redis") else "rabbitmq")
    assert [*poll.gaps, *poll.notes] == []


def test_workers_are_known_by_their_events(site, broker):
    """A pool of four counts as four; its queues and its running jobs are known."""
    publish(site[0], "shop.mail", queue="mail")
    send_event(site[0], kind="worker-online")
    poll_broker(broker)
    running = reported_job(ago=5.0)
    send_event(site[0], **report_fields(processed=7, running=[running]))

    poll = poll_with_workers(broker)

    [worker] = poll.workers
    assert (worker.name, worker.finished, worker.slots, worker.busy) == ("w1@host", 7, 4, 1)
    [run] = broker.running(["mail"])
    assert (run.id, run.task, run.queue, run.worker) == ("1", "shop.mail", "mail", "w1@host")
    assert run.started == pytest.approx(running["since"] * 1e6, abs=1e6)


def test_waiting_tasks_are_known_from_the_broker_or_from_what_workers_prefetched(site, broker):
    publish(site[0], "shop.mail", 6, queue="mail", args=["secret"])
    publish(site[0], "shop.thumb", 2, queue="mail", args=["secret"])
    poll_broker(broker)
    send_event(site[0], kind="worker-online")
    poll_broker(broker)
    send_event(
        site[0],
        **report_fields(waiting=[["shop.mail", "mail", 6], ["shop.thumb", "mail", 2], ["x", "other", 5]]),
    )
    poll_with_workers(broker)

    waiting = broker.waiting("mail", 100)

    assert waiting.tasks == {"shop.mail": 6, "shop.thumb": 2}
    assert waiting.sampled == 8


def test_the_slots_of_a_worker_without_hooks_are_unknown(site, broker):
    """Its heartbeats report what it has finished, and not its queues."""
    publish(site[0], "shop.mail", 1, queue="mail")
    send_event(site[0], kind="worker-online")
    poll_broker(broker)
    send_event(site[0], kind="worker-heartbeat", processed=3, active=1)

    poll = poll_with_workers(broker)

    assert [(each.finished, each.busy, each.queues) for each in poll.workers] == [(3, 1, None)]
    if poll.server == "redis":  # RabbitMQ knows that nobody takes from it
        assert find_queue(poll).workers is None


def test_a_worker_that_ends_is_gone_at_once(site, broker):
    send_event(site[0], kind="worker-online")
    publish(site[0], "shop.mail", 1, queue="mail")
    poll_broker(broker)
    send_event(site[0], **report_fields())
    poll_with_workers(broker)
    send_event(site[0], kind="worker-offline")

    wait_until(lambda: poll_broker(broker).workers == [])


@pytest.mark.parametrize(
    "fields",
    [
        {"running": [{"id": "1"}]},
        {"queues": "mail"},
        {"concurrency": -1},
        {"waiting": [["a", "b"]]},
        {"processed": "many"},
    ],
)
def test_a_malformed_report_is_ignored(site, broker, fields):
    publish(site[0], "shop.mail", 1, queue="mail")
    send_event(site[0], kind="worker-online", hostname="w2@host")
    poll_broker(broker)
    send_event(site[0], **report_fields(**fields))
    send_event(site[0], hostname="w2@host", **report_fields())

    poll = wait_for(lambda: poll_broker(broker), lambda each: each.workers and each.workers[0].queues)

    assert [each.name for each in poll.workers] == ["w2@host"]


def test_a_real_worker_and_its_jobs_are_found(site, broker, tmp_path):
    publish(site[0], "shop.mail", 14, queue="mail", args=[600])
    with start_workers(tmp_path, site[0]):
        queue = wait_for(lambda: find_queue(poll_broker(broker)), lambda each: each and each.running == 2)
        runs = broker.running(["mail"])
        fetched = broker.waiting("mail", 100)
        held = wait_for_unacknowledged(broker, 2)

    assert held.count >= 2  # those that run, and those that were prefetched
    assert held.oldest is None if poll_broker(broker).server == "rabbitmq" else 0 <= held.oldest < 60e9
    assert (queue.workers, queue.busy) == (2, 2)
    assert {each.task for each in runs} == {"shop.mail"}
    assert set(fetched.tasks) <= {"shop.mail"}


def wait_for_unacknowledged(broker, count):
    """Return what workers have, once the broker reports *count*: RabbitMQ's plugin is late."""
    return wait_for(lambda: poll_broker(broker).unacknowledged, lambda each: each and each.count >= count)


def test_arrivals_and_departures_are_counted(site, broker, tmp_path, monkeypatch):
    monkeypatch.setattr(
        heartbeats, "HEARTBEAT_TIMEOUT", 600_000_000
    )  # a busy machine keeps a worker silent for longer
    polls = [poll_broker(broker)]
    publish(site[0], "shop.thumb", 1, queue="thumb")
    polls.append(poll_broker(broker, polls[-1]))
    # One queue, since between two polls of a busy machine jobs may come and go, and leave no trace of theirs.
    with start_workers(tmp_path, site[0], "-c", "2", "-Q", "thumb"):
        wait_until(lambda: polls.append(poll_broker(broker, polls[-1])) or reports_queues(polls[-1]))
        for count in (20, 1, 33):
            publish(site[0], "shop.thumb", count, queue="thumb")
            polls.append(poll_broker(broker, polls[-1]))
        wait_until(lambda: polls.append(poll_broker(broker, polls[-1])) or done(polls[-1]) == 55)

    state = FlowState()
    counted = [flow for pair in pairwise(polls) if (flow := flows(*pair, state).get("thumb"))]

    late = 0 if polls[-1].server == "rabbitmq" else 6  # workers tell every two seconds only
    assert sum(each.departures for each in counted) == pytest.approx(54.5, abs=1 + late)
    assert sum(each.arrivals for each in counted) == pytest.approx(54.5, abs=1 + late)


def reports_queues(poll):
    """Whether a worker reports its queues: until then Redis has no trace of an empty queue."""
    return any(each.queues for each in poll.workers)


def done(poll):
    """The jobs that were acknowledged, if the broker counts them, else those that workers finished."""
    counts = find_queue(poll, "thumb").totals
    return counts[1] if counts else sum(each.finished for each in poll.workers)


def test_a_user_who_may_only_read_is_enough_on_redis(redis, redis_server):
    password = uuid.uuid4().hex
    [line] = re.findall(r"^ACL SETUSER monitor .*celeryev.*$", PAGE.read_text(), re.MULTILINE)
    redis.execute_command(*line.replace("monitor", "watcher", 1).replace(">password", f">{password}").split())
    broker = open_broker(redis_server.replace("redis://", f"redis://watcher:{password}@"))
    publish(redis_server, "shop.mail", 2, queue="mail")
    broker.poll({})
    send_event(redis_server, **report_fields())

    poll = poll_with_workers(broker)

    assert (find_queue(poll).depth, find_queue(poll).workers, broker.waiting("mail", 9).sampled) == (2, 4, 2)
    assert broker.owners(10)[0].name == "waiting tasks"
    broker.close()
    redis.execute_command("ACL", "DELUSER", "watcher")


def test_without_the_right_to_events_queues_are_read_and_a_note_says_so(redis, redis_server):
    redis.execute_command(
        *[
            "ACL",
            "SETUSER",
            "deaf",
            "on",
            ">p",
            "%R~*",
            "resetchannels",
            "-@all",
            "+@read",
            "+time",
            "+info",
        ]
    )
    broker = open_broker(redis_server.replace("redis://", "redis://deaf:p@"))
    publish(redis_server, "shop.mail", 2, queue="mail")

    polls = [poll_broker(broker), poll_broker(broker)]
    broker.close()
    redis.execute_command("ACL", "DELUSER", "deaf")

    assert find_queue(polls[1]).depth == 2
    assert (
        "doesn't let this user receive the workers' events, so the workers and what they run are unknown:"
        " give the user the rights in docs/monitor.md."
    ) in polls[1].notes[0]


def test_reading_a_redis_changes_no_key(redis, redis_server):
    broker = open_broker(redis_server)
    publish(redis_server, "shop.mail", 3, queue="mail")
    before = {key: redis.dump(key) for key in redis.keys("*")}
    for _ in range(2):
        poll_broker(broker)
        broker.waiting("mail", 2)
        broker.owners(5)
    broker.close()

    assert {key: redis.dump(key) for key in redis.keys("*")} == before


def test_tasks_of_all_priorities_are_added_up_and_the_oldest_counts(redis, redis_server):
    broker = open_broker(redis_server)
    publish(redis_server, "shop.mail", 2, queue="mail", hooked=False, headers={"slowtask_published": 1.0})
    publish(redis_server, "shop.thumb", 3, queue="mail", priority=3)
    publish(redis_server, "shop.thumb", 1, queue="mail", priority=9)

    first, second = find_queue(poll_broker(broker)), find_queue(poll_broker(broker))
    waiting = broker.waiting("mail", 100)
    broker.close()

    assert first.depth == 6
    assert (second.depth, second.tail) == (6, None)
    assert second.oldest > 1e18
    assert waiting.tasks == {"shop.mail": 2, "shop.thumb": 4}


def test_what_a_worker_finished_before_its_first_event_is_no_departure(redis, redis_server):
    broker = open_broker(redis_server)
    publish(redis_server, "shop.mail", 2, queue="mail")
    polls = [poll_broker(broker)]
    send_event(redis_server, hostname="w1@host", **report_fields(processed=10_000))
    polls.append(wait_for(lambda: poll_broker(broker, polls[-1]), lambda each: each.workers))
    send_event(redis_server, hostname="w2@host", **report_fields(processed=20_000))
    last = polls[-1]
    polls.append(wait_for(lambda: poll_broker(broker, last), lambda each: len(each.workers) == 2))
    broker.close()

    assert [flows(*pair)["mail"].departures for pair in pairwise(polls)] == [0, 0]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("redis+socket:///run/redis.sock?virtual_host=2", "unix:///run/redis.sock?db=2"),
        ("rediss://h/0?ssl_cert_reqs=CERT_REQUIRED", "rediss://h/0?ssl_cert_reqs=required"),
        ("redis://h:1/3", "redis://h:1/3"),
    ],
)
def test_celery_s_forms_of_an_address_are_turned_into_redis_py_s(url, wanted):
    assert redis_py_url(url) == wanted


@pytest.mark.parametrize("url", ["sqs://", "memory://", "amqp:///x", "nonsense"])
def test_an_address_of_no_known_broker_is_refused(url):
    with pytest.raises(
        UsageError, match=r"isn't a (valid address of a RabbitMQ|broker that slowtask can read)"
    ):
        open_broker(url)


def test_only_json_is_accepted_as_an_event():
    """What a stranger sends is neither unpickled nor expected to have the right shape."""
    registry = WorkerRegistry()
    pickled = b"cos\nsystem\n(S'exit 1'\ntR."
    for text in (pickled, b"[]", b"{}", b"\xff", b'{"type": "worker-slowtask"}'):
        registry.add_event(text, 0)
    body = base64.b64encode(b'{"type": "worker-online", "hostname": "w"}').decode()
    registry.add_wrapped_event(
        json.dumps({"body": body, "content-type": "application/x-python-serialize"}).encode(), 0
    )
    assert registry.workers() == []
    registry.add_wrapped_event(json.dumps({"body": body, "content-type": "application/json"}).encode(), 0)

    assert [each.name for each in registry.workers()] == ["w"]


def test_the_run_time_of_a_job_is_that_of_its_last_report():
    """It may have ended since: workers report every two seconds, and are read at each poll."""
    registry = WorkerRegistry()
    text = {"type": "worker-slowtask", "hostname": "w", "timestamp": 1000.5}
    text |= report_fields(
        running=[
            reported_job("shop.thumb") | {"since": 1000.0},
            reported_job("shop.export") | {"since": 900.0},
        ]
    )
    registry.add_event(json.dumps(text).encode(), 1_000_500_000)
    typical = {"shop.thumb": Typical(mean=0.5, p99=0.8), "shop.export": Typical(mean=9, p99=10)}

    late = overruns(registry.running(), typical, 1_005_000_000, {})

    assert [(each.job.task, each.took) for each in late] == [("shop.export", 100.5)]


def test_a_silent_worker_is_stale_and_its_jobs_are_reported_as_lost():
    registry = WorkerRegistry()
    text = {"type": "worker-slowtask", "hostname": "w", **report_fields(running=[reported_job()])}
    registry.add_event(json.dumps(text).encode(), 0)

    assert [each.is_live(20_000_000) for each in registry.workers()] == [False]
    [run] = registry.running()
    assert [each.why for each in overruns([run], {}, 130_000_000, {})] == ["lost"]
    registry.forget_silent(700_000_000)
    assert registry.running() == []
