"""What happened to a server between polls: on a real Redis that restarts, pauses, evicts and refuses."""

from contextlib import suppress

import pytest
import rq
from redis.exceptions import ResponseError

from celery_site import publish
from slowtask.demo import tasks
from slowtask.demo.server import Server
from slowtask.errors import BrokerError
from slowtask.watch.broker import Poll, Queue, Worker
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.facts import ServerFacts
from slowtask.watch.broker.redis import open_redis
from slowtask.watch.broker.rq import Rq
from slowtask.watch.broker.track import ChangeTracker
from slowtask.watch.view import Watch

pytestmark = pytest.mark.redis


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def watch(server):
    return Watch(Rq(open_redis(server.url), server.url))


def restart(server):
    server.__exit__()
    server.__enter__()


def test_a_server_that_comes_back_empty_has_lost_its_queues_and_workers(server, client, watch):
    queue = rq.Queue("mail", connection=client)
    for _ in range(3):
        queue.enqueue(tasks.simple_task)
    rq.SimpleWorker([queue], connection=client).register_birth()
    watch.poll()
    keys = client.dbsize()
    restart(server)

    changes = watch.poll().changes

    lost = changes.emptied
    assert (changes.restarted, lost.restarted) == (True, True)
    assert [(each.name, each.depth) for each in lost.queues] == [("mail", 3)]
    assert (lost.workers, lost.keys, lost.kept_keys) == (1, keys, 0)


def test_lost_data_is_remembered_at_the_polls_that_follow(server, client, watch):
    rq.Queue("mail", connection=client).enqueue(tasks.simple_task)
    watch.poll()
    restart(server)
    watch.poll()
    rq.Queue("mail", connection=client).enqueue(tasks.simple_task)

    changes = watch.poll().changes

    assert changes.restarted is False
    assert [each.name for each in changes.emptied.queues] == ["mail"]


def test_a_server_that_kept_its_data_has_lost_nothing(tmp_path):
    with Server(tmp_path, save="3600 1") as server, server.client() as client:
        rq.Queue("mail", connection=client).enqueue(tasks.simple_task)
        watch = Watch(Rq(open_redis(server.url), server.url))
        watch.poll()
        restart(server)  # it saves its data before it ends

        changes = watch.poll().changes

        assert (changes.restarted, changes.emptied) == (True, None)
        client.config_set("save", "")


def test_celery_s_queue_is_lost_although_its_workers_declare_it_again(server):
    publish(server.url, "shop.mail", 4, queue="mail")
    watch = Watch(open_broker(server.url, "", ["mail"]))
    watch.poll()
    restart(server)
    publish(server.url, "shop.other", 1, queue="other")

    lost = watch.poll().changes.emptied

    assert [(each.name, each.depth) for each in lost.queues] == [("mail", 4)]


def test_a_server_that_is_emptied_while_it_runs_has_lost_its_data(client, watch):
    queue = rq.Queue("mail", connection=client)
    for _ in range(20):
        queue.enqueue(tasks.simple_task)
    watch.poll()
    client.flushall()

    lost = watch.poll().changes.emptied

    assert (lost.restarted, lost.queues[0].depth) == (False, 20)


def test_a_queue_that_workers_drain_has_lost_nothing(client, watch):
    queue = rq.Queue("mail", connection=client)
    for _ in range(20):
        queue.enqueue(tasks.simple_task)
    client.set("other", 1)
    client.set("another", 1)
    watch.poll()
    for key in client.keys("rq:job:*"):
        client.delete(key)
    client.delete("rq:queue:mail")

    assert watch.poll().changes.emptied is None


def test_another_server_with_fewer_keys_has_lost_data():
    old, new = facts("a", 5_000), facts("b", 50, uptime=86_400, loaded_keys=0)

    lost = track([poll(0, old, depth=3), poll(5, new)])[-1].emptied

    assert (lost.keys, lost.kept_keys, lost.workers) == (5_000, 50, 1)


def test_another_server_with_the_same_keys_has_lost_nothing():
    old, new = facts("a", 5_000), facts("b", 4_990, uptime=86_400, loaded_keys=0)

    changes = track([poll(0, old, depth=3), poll(5, new)])[-1]

    assert (changes.restarted, changes.emptied) == (True, None)


def test_lost_data_is_forgotten_after_ten_minutes():
    old, new = facts("a", 5_000), facts("b", 0, loaded_keys=0)
    polls = [poll(0, old, depth=3), poll(5, new), poll(604, new), poll(606, new)]

    assert [bool(each.emptied) for each in track(polls)] == [False, True, True, False]


def test_refused_writes_are_counted_since_the_first_poll(client, watch):
    client.config_set("min-replicas-to-write", 1)
    refuse(client, 1)
    watch.poll()
    refuse(client, 3)

    assert watch.poll().changes.refused == {"NOREPLICAS": 3}


def refuse(client, times):
    for _ in range(times):
        with suppress(ResponseError):
            client.set("a", 1)


def test_evicted_keys_are_counted_since_the_first_poll(client, watch):
    client.config_set("maxmemory-policy", "allkeys-lru")
    watch.poll()
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
    for number in range(1000):
        client.set(f"key-{number}", "x" * 1000)
    client.config_set("maxmemory", 0)

    assert watch.poll().changes.evicted == client.info("stats")["evicted_keys"] > 0


def test_counts_are_of_the_last_minute():
    polls = [poll(second, facts("a", 9, evicted_keys=second)) for second in range(0, 301, 5)]

    changes = track(polls)[-1]

    assert (changes.span, changes.evicted) == (60, 60)


def test_a_server_that_pauses_is_told_after_the_fact(client, watch):
    quick = watch.poll()
    client.client_pause(2_500)

    slow = watch.poll()
    after = watch.poll()

    assert quick.changes.slow is None
    assert 2.0 < slow.changes.slow.took < 60
    assert after.changes.slow == slow.changes.slow
    assert after.poll.took < slow.poll.took


def test_a_server_that_is_far_away_is_not_slow():
    polls = [poll(5 * number, facts("a", 9), took=2.1) for number in range(6)]

    late = track([*polls, poll(200, facts("a", 9), took=4.0), poll(205, facts("a", 9), took=11.0)])

    assert late[-2].slow is None
    assert (late[-1].slow.took, late[-1].slow.usual) == (11.0, 2.1)


def test_a_server_that_does_not_answer_raises(client, server, monkeypatch):
    monkeypatch.setattr("slowtask.watch.broker.redis.RESPONSE_TIMEOUT", 0.2)
    watch = Watch(Rq(open_redis(server.url), server.url))
    watch.poll()
    client.client_pause(60_000)

    with pytest.raises(BrokerError, match="can't be reached"):
        watch.poll()


def track(polls):
    tracker = ChangeTracker()
    return [tracker.add(each) for each in polls]


def facts(run_id, keys, uptime=0, **known):
    return ServerFacts(run_id=run_id, keys=keys, uptime=uptime, **known)


def poll(second, server_facts, depth=0, took=0.003):
    worker = Worker(name="w1", queues=("mail",), busy=0, finished=0)
    return Poll(
        time=1_753_000_000_000_000 + second * 1_000_000,
        system="rq",
        name="redis://queue",
        queues=[Queue(name="mail", depth=depth)],
        workers=[worker] if depth else [],
        server_facts=server_facts,
        took=took,
    )
