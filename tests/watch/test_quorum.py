"""Quorum queues with Celery's tasks in them, on RabbitMQ 3.10 and 4.0; streams, which Celery can't use."""

import kombu
import pytest
from conftest import missing, wait_until

import rabbit4
from celery_site import publish, start_workers
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.errors import BrokerError
from slowtask.watch.broker.address import open_broker
from slowtask.watch.causes import find_all
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import Watch

CONF = {"collect_statistics_interval": "500"}
pytestmark = [pytest.mark.server, pytest.mark.xdist_group("a rabbitmq of its own")]


@pytest.fixture(scope="module", params=["3.10", pytest.param("4.0", marks=pytest.mark.rare)])
def node(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rabbitmq")
    try:
        if request.param == "4.0":
            with rabbit4.start_node(folder / "node", conf=CONF) as node:
                yield node
        else:
            with RabbitMQ(folder, conf=CONF) as node:
                yield node
    except BrokerError as problem:
        missing(str(problem))


@pytest.fixture
def broker(node):
    broker = open_broker(node.url, node.management)
    yield broker
    broker.close()
    with kombu.Connection(node.url) as connection:
        for name in ("mail", "thumb", "log"):
            connection.default_channel.queue_delete(name)


def quorum_queue(name="mail", **arguments):
    return kombu.Queue(name, queue_arguments={"x-queue-type": "quorum"} | arguments)


def poll_until(broker, holds):
    """The queue `mail` at the first poll at which it *holds*."""

    def look():
        found = [queue for queue in broker.poll({}).queues if queue.name == "mail"]
        return found if found and holds(found[0]) else None

    return wait_until(look)[0]


def test_a_quorum_queue_has_its_figures(node, broker):
    publish(node.url, "shop.mail", 3, queue=quorum_queue(**{"x-delivery-limit": 5}))

    queue = poll_until(broker, lambda queue: queue.memory and queue.totals == (3, 0))

    assert (queue.kind, queue.depth, queue.unacknowledged) == ("quorum", 3, 0)
    assert (queue.workers, queue.busy) == (0, 0)
    assert queue.delivery_limit == 5
    assert queue.memory > 1_000


def test_a_wrong_password_for_the_plugin_is_told_as_such(node):
    """RabbitMQ 4 says it in other words."""
    place = node.management.replace("http://", "http://monitor:secret@")

    with pytest.raises(BrokerError, match=r"rejects the user name or password of monitor: correct"):
        open_broker(node.url, place).poll({})


def test_only_rabbitmq_4_limits_deliveries_by_itself(node, broker):
    publish(node.url, "shop.mail", 1, queue=quorum_queue())

    queue = poll_until(broker, lambda queue: queue.memory)

    version = node.ask("GET", "/overview")["rabbitmq_version"]
    assert queue.delivery_limit == (20 if version.startswith("4.") else None)


def test_a_worker_on_a_quorum_queue_is_seen_with_what_it_runs(node, broker, tmp_path, monkeypatch):
    """Two tasks run, and are acknowledged; two are prefetched."""
    monkeypatch.setenv("QUEUE_TYPE", "quorum")
    with start_workers(tmp_path, node.url):
        publish(node.url, "shop.mail", 4, queue=quorum_queue(), args=[600])

        queue = poll_until(broker, lambda queue: queue.busy == 2 and queue.unacknowledged == 2)
        running = broker.running([])

    assert (queue.kind, queue.depth, queue.workers, queue.consumers) == ("quorum", 0, 2, 1)
    assert [job.task for job in running] == ["shop.mail", "shop.mail"]


def test_the_age_of_a_quorum_queue_is_unknown_and_not_zero(node, broker):
    """RabbitMQ reports the first message's time only of classic queues."""
    publish(node.url, "shop.mail", 1, queue=quorum_queue())
    poll_until(broker, lambda queue: queue.memory)

    found = find_all(Watch(broker).poll(), Thresholds(age={"mail": 60.0}))

    assert [(each.value, each.state) for each in found if each.name == "queue-age"] == [(None, None)]


def test_the_limit_of_a_quorum_queue_counts(node, broker):
    publish(node.url, "shop.mail", 3, queue=quorum_queue(**{"x-max-length": 4}))

    wait_until(lambda: [each for each in broker.poll({}).limits if each.belongs_to == "mail"])
    [limit] = [each for each in broker.poll({}).limits if each.belongs_to == "mail"]

    assert (limit.used, limit.maximum) == (3, 4)


def test_a_stream_holds_no_tasks(node, broker):
    """It keeps what was read, so its length never falls, and Celery can't use it."""
    with kombu.Connection(node.url) as connection:
        kombu.Queue("log", queue_arguments={"x-queue-type": "stream"})(connection.default_channel).declare()
    publish(node.url, "shop.mail", 1, queue=quorum_queue())

    poll_until(broker, lambda queue: queue.memory)

    assert [queue.name for queue in broker.poll({}).queues] == ["mail"]
