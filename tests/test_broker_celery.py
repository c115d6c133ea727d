"""Celery's brokers are read right: real servers, tasks that Celery publishes, events as workers send them."""

from itertools import pairwise
from pathlib import Path

import pytest

from celery_site import job, news, publish, tell, workers
from conftest import wait_until
from slowtask.broker.celery import broker as opened
from slowtask.broker.flow import flows

PAGE = Path(__file__).parent.parent / "docs" / "monitor.md"


@pytest.fixture(params=["rabbitmq", "redis"])
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
    found = opened(*site)
    yield found
    found.close()


def look(broker, before=None):
    tails = {each.name: each.tail for each in before.queues if each.tail} if before else {}
    return broker.look(tails)


def queue(found, name="mail"):
    return next((each for each in found.queues if each.name == name), None)


def heard(broker):
    """The next look at which a worker has told of itself."""
    return wait_until(lambda: [each for each in [look(broker)] if each.workers])[0]


def test_waiting_tasks_are_counted_and_the_first_has_an_age(site, broker):
    publish(site[0], "shop.mail", 3, queue="mail")
    found = wait_until(lambda: [each for each in [queue(look(broker))] if each and each.oldest is not None])[
        0
    ]

    assert found.depth == 3
    assert 0 <= found.oldest < 60e9


def test_without_the_hook_there_is_no_age(site, broker):
    publish(site[0], "shop.mail", 2, queue="mail", hooked=False)

    assert (queue(look(broker)).depth, queue(look(broker)).oldest) == (2, None)


def test_the_broker_says_how_full_it_is(site, broker):
    found = wait_until(lambda: [each for each in [look(broker)] if each.memory])[
        0
    ]  # a new node has no figures yet

    assert found.memory.used > 0
    assert (found.system, found.server) == ("celery", "redis" if site[0].startswith("redis") else "rabbitmq")
    assert [*found.gaps, *found.notes] == []


def test_workers_are_known_by_their_news(site, broker):
    """A pool of four counts as four; who serves a queue, and what runs in it, is told."""
    publish(site[0], "shop.mail", queue="mail")
    tell(site[0], kind="worker-online")
    look(broker)
    tell(site[0], **news(processed=7, running=[job(ago=5.0)]))

    found = heard(broker)

    [worker] = found.workers
    assert (worker.name, worker.done, worker.slots, worker.busy) == ("w1@host", 7, 4, 1)
    [run] = broker.running(["mail"])
    assert (run.id, run.task, run.queue, run.worker) == ("1", "shop.mail", "mail", "w1@host")
    assert found.time - run.since == pytest.approx(5e6, abs=3e6)


def test_what_waits_is_told_by_the_broker_or_by_what_workers_have_fetched(site, broker):
    publish(site[0], "shop.mail", 6, queue="mail", args=["secret"])
    publish(site[0], "shop.thumb", 2, queue="mail", args=["secret"])
    look(broker)
    tell(site[0], kind="worker-online")
    look(broker)
    tell(site[0], **news(waiting=[["shop.mail", "mail", 6], ["shop.thumb", "mail", 2], ["x", "other", 5]]))
    heard(broker)

    found = broker.waiting("mail", 100)

    assert found.tasks == {"shop.mail": 6, "shop.thumb": 2}
    assert found.seen == 8


def test_a_worker_without_hooks_leaves_it_unknown_how_many_can_work(site, broker):
    """Its heartbeats tell what it has done, and not from which queues."""
    publish(site[0], "shop.mail", 1, queue="mail")
    tell(site[0], kind="worker-online")
    look(broker)
    tell(site[0], kind="worker-heartbeat", processed=3, active=1)

    found = heard(broker)

    assert [(each.done, each.busy, each.queues) for each in found.workers] == [(3, 1, ())]
    if found.server == "redis":  # RabbitMQ knows that nobody takes from it
        assert queue(found).workers is None


def test_a_worker_that_ends_is_gone_at_once(site, broker):
    tell(site[0], kind="worker-online")
    publish(site[0], "shop.mail", 1, queue="mail")
    look(broker)
    tell(site[0], **news())
    heard(broker)
    tell(site[0], kind="worker-offline")

    wait_until(lambda: look(broker).workers == [])


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
def test_what_is_no_news_is_passed_over(site, broker, fields):
    publish(site[0], "shop.mail", 1, queue="mail")
    tell(site[0], kind="worker-online", hostname="w2@host")
    look(broker)
    tell(site[0], **news(**fields))
    tell(site[0], hostname="w2@host", **news())

    found = wait_until(lambda: [each for each in [look(broker)] if each.workers and each.workers[0].queues])[
        0
    ]

    assert [each.name for each in found.workers] == ["w2@host"]


def test_a_real_worker_is_seen_at_work(site, broker, tmp_path):
    publish(site[0], "shop.mail", 14, queue="mail", args=[20])
    with workers(tmp_path, site[0]):
        found = wait_until(
            lambda: [each for each in [look(broker)] if queue(each) and queue(each).running == 2], 40
        )[0]
        runs = broker.running(["mail"])
        fetched = broker.waiting("mail", 100)

    assert (queue(found).workers, queue(found).busy) == (2, 2)
    assert {each.task for each in runs} == {"shop.mail"}
    assert set(fetched.tasks) <= {"shop.mail"}


def test_what_comes_and_goes_is_counted(site, broker, tmp_path):
    looks = [look(broker)]
    publish(site[0], "shop.thumb", 1, queue="thumb")
    looks.append(look(broker, looks[-1]))
    with workers(tmp_path, site[0]):
        wait_until(lambda: looks.append(look(broker, looks[-1])) or looks[-1].workers, 40)
        for count in (20, 1, 33):
            publish(site[0], "shop.thumb", count, queue="thumb")
            looks.append(look(broker, looks[-1]))
        wait_until(lambda: looks.append(look(broker, looks[-1])) or done(looks[-1]) == 55, 40)

    found = [flow for pair in pairwise(looks) if (flow := flows(*pair).get("thumb"))]

    late = 0 if looks[-1].server == "rabbitmq" else 6  # workers tell every two seconds only
    assert sum(each.departures for each in found) == pytest.approx(54.5, abs=1 + late)
    assert sum(each.arrivals for each in found) == pytest.approx(54.5, abs=1 + late)


def done(found):
    """What has ended, and was acknowledged as far as that is counted."""
    counts = queue(found, "thumb").counts
    return counts[1] if counts else sum(each.done for each in found.workers)
