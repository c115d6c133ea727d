"""RabbitMQ alone: rights, limits, alarms, restarts and clusters, each on a real server."""

import re
import uuid
from urllib.error import HTTPError
from urllib.parse import urlsplit

import kombu
import pytest
from conftest import missing, wait_until

from celery_site import publish, report_fields, send_event
from places import DOCS
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.server import free_port
from slowtask.errors import BrokerError, UsageError
from slowtask.record.sample import BrokerSample
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.management import Management
from slowtask.watch.causes import find_all
from slowtask.watch.judge import Typical
from slowtask.watch.samples import sample_lines
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import Watch

PAGE = DOCS / "monitor.md"
TYPICAL = {"shop.mail": Typical(mean=5.0, p99=9.0)}
pytestmark = [pytest.mark.server, pytest.mark.xdist_group("a rabbitmq of its own")]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A node of its own, which a test may break."""
    try:
        with RabbitMQ(
            tmp_path_factory.mktemp("rabbitmq"), conf={"collect_statistics_interval": "500"}
        ) as node:
            yield node
    except BrokerError as problem:
        missing(str(problem))


@pytest.fixture
def broker(vhost, rabbitmq):
    broker = open_broker(vhost, rabbitmq.management)
    yield broker
    broker.close()


def declare(url, name, **arguments):
    """Declare a queue with *arguments*, whose underscores become dashes."""
    with kombu.Connection(url) as connection:
        prefixed = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
        channel = connection.default_channel
        kombu.Queue(name, kombu.Exchange(name), name, queue_arguments=prefixed, channel=channel).declare()


def fill(url, name, count):
    """Publish *count* messages to the queue *name*."""
    with kombu.Connection(url) as connection, connection.Producer() as producer:
        for _ in range(count):
            producer.publish({}, routing_key=name, exchange=name)


def findings_of(view, limits=Thresholds()):  # noqa: B008 - frozen
    return {(each.name, each.subject): each for each in find_all(view, limits)}


def user(server, url, **rights):
    """The address of *url* for a new user with the tag `monitoring` and *rights*."""
    name, password, tags = f"u{uuid.uuid4().hex}", uuid.uuid4().hex, rights.pop("tags", "monitoring")
    server.add_user(name, password, tags)
    vhost = urlsplit(url).path[1:]
    if rights:
        server.permit(name, vhost, **rights)
    return server.vhost_url(vhost, name, password)


NOTHING = {"configure": "^$", "write": "^$", "read": "^$"}


def test_a_user_who_may_only_monitor_is_enough(vhost, rabbitmq):
    publish(vhost, "shop.mail", 3, queue="mail")
    broker = open_broker(user(rabbitmq, vhost, **NOTHING), rabbitmq.management)

    poll = wait_for(lambda: broker.poll({}), lambda each: each.queues and each.memory)
    broker.close()

    assert [(each.name, each.depth) for each in poll.queues] == [("mail", 3)]
    assert list(poll.gaps) == []
    assert re.search(
        "doesn't let this user receive the workers' events.*: give the user the rights", poll.notes[0]
    )


def test_with_the_rights_on_the_page_events_are_received(vhost, rabbitmq):
    [line] = re.findall(r"^rabbitmqctl set_permissions .*celeryev.*$", PAGE.read_text(), re.MULTILINE)
    configure, write, read = re.findall(r"'([^']*)'", line)
    broker = open_broker(
        user(rabbitmq, vhost, configure=configure, write=write, read=read), rabbitmq.management
    )
    publish(vhost, "shop.mail", 1, queue="mail")
    send_event(vhost, kind="worker-online")
    broker.poll({})
    send_event(vhost, **report_fields())

    poll = wait_for(lambda: broker.poll({}), lambda each: each.workers)
    broker.close()

    assert (poll.workers[0].slots, list(poll.notes)) == (4, [])


def test_reading_changes_nothing(vhost, rabbitmq, broker):
    """Nothing is fetched and put back; the queue of events goes with the connection."""
    publish(vhost, "shop.mail", 1, queue="mail")
    send_event(vhost, kind="worker-online")
    for _ in range(3):
        broker.poll({})
        broker.waiting("mail", 10)
    broker.close()
    with kombu.Connection(vhost) as connection:
        message = connection.default_channel.basic_get("mail")

    assert message.delivery_info["redelivered"] is False
    wait_until(lambda: names(rabbitmq, vhost) == {"mail"})


def wait_for(poll, holds):
    """Return the first of many polls for which *holds* is true."""
    return wait_until(lambda: [each for each in [poll()] if holds(each)])[0]


def names(server, url):
    return {each["name"] for each in server.ask("GET", f"/queues/{urlsplit(url).path[1:]}?columns=name")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"port": 1},
            r"can't be reached \(.*refused.*\): check the address, and that the server is running\.$",
        ),
        ({"path": "nothere"}, r"has no virtual host 'nothere': correct the end of the address\.$"),
        (
            {"password": "wrong"},
            r"rejects the user name or password.*: check the address, and .* rights .*\.$",
        ),
    ],
)
def test_a_broker_that_cannot_be_used_is_reported_in_one_line(vhost, rabbitmq, change, message):
    parts = urlsplit(vhost)
    where = {"port": parts.port, "path": parts.path[1:], "password": parts.password} | change
    url = f"amqp://{parts.username}:{where['password']}@{parts.hostname}:{where['port']}/{where['path']}"

    with pytest.raises(BrokerError, match=message) as raised:
        open_broker(url, rabbitmq.management).poll({})

    assert "\n" not in str(raised.value)
    assert f":{where['password']}@" not in str(raised.value)


def test_a_user_without_rights_to_the_virtual_host_is_reported(vhost, rabbitmq):
    with pytest.raises(
        BrokerError,
        match=r"doesn't let this user into the virtual host 'test-.*': give the user the rights in docs",
    ):
        open_broker(user(rabbitmq, vhost), rabbitmq.management).poll({})


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("", "doesn't let u.* read anything: give that user the tag monitoring"),
        ("management", "doesn't show memory and alarms to u.*: give that user the tag monitoring"),
    ],
)
def test_without_the_tag_depths_are_read_and_the_memory_is_unknown(vhost, rabbitmq, tags, message):
    publish(vhost, "shop.mail", 3, queue="mail")
    broker = open_broker(user(rabbitmq, vhost, tags=tags, **NOTHING), rabbitmq.management, ["mail"])

    view = Watch(broker).poll()
    broker.close()

    assert [(each.queue.name, each.queue.depth) for each in view.queues] == [("mail", 3)]
    assert (view.poll.memory, view.capacity) == (None, None)
    gap = findings_of(view)["broker-gaps", broker.name]
    assert gap.state == "warning"
    assert re.search(message, gap.message)
    assert not any(isinstance(each, BrokerSample) for each in sample_lines(view))


def test_a_wrong_password_for_the_plugin_alone_is_reported(vhost, rabbitmq):
    place = rabbitmq.management.replace("http://", "http://monitor:secret@")
    with pytest.raises(
        BrokerError, match=r"rejects the user name or password of monitor: correct .*\. Or list the queues of"
    ):
        open_broker(vhost, place).poll({})


def test_without_the_plugin_named_queues_are_read_also_after_a_restart(tmp_path):
    with RabbitMQ(tmp_path, plugins=()) as server:
        declare(server.url, "mail")
        fill(server.url, "mail", 2)
        blind, broker = (
            open_broker(server.url, server.management),
            open_broker(server.url, server.management, ["mail"]),
        )
        with pytest.raises(
            BrokerError,
            match=r"enable rabbitmq_management, or set management_url to its address\. Or list the queues",
        ):
            blind.poll({})
        before = broker.poll({})
        server.stop()
        with pytest.raises(BrokerError, match="can't be reached"):
            broker.poll({})
        server.start()
        after = broker.poll({})
        blind.close()
        broker.close()

    assert ([each.depth for each in before.queues], before.memory) == ([2], None)
    assert [each.name for each in after.queues] == ["mail"]


def test_an_invalid_address_of_the_plugin_is_refused():
    with pytest.raises(UsageError, match="isn't a valid address of RabbitMQ's management"):
        Management("rabbit:15672", "a", "b")


def test_a_server_that_is_no_plugin_is_reported(vhost, redis_server):
    place = redis_server.replace("redis://", "http://").removesuffix("/0")
    with pytest.raises(BrokerError, match="management plugin doesn't answer at"):
        open_broker(vhost, place).poll({})


def test_the_lower_of_a_queue_s_two_limits_is_watched(vhost, rabbitmq, broker):
    declare(vhost, "mail", max_length=1000, overflow="reject-publish")
    path = f"/policies/{urlsplit(vhost).path[1:]}/short"
    rabbitmq.ask("PUT", path, {"pattern": "mail", "definition": {"max-length": 100}, "apply-to": "queues"})
    fill(vhost, "mail", 85)

    view = wait_for(Watch(broker).poll, lambda each: each.capacity and each.capacity.limit.maximum == 100)

    assert (view.capacity.limit.used, view.capacity.limit.maximum, view.capacity.limit.name) == (
        85,
        100,
        "length of mail",
    )
    alarm = findings_of(view)["queue-capacity", "mail (length)"]
    assert (alarm.state, alarm.queue) == ("critical", "mail")
    assert alarm.message.startswith(f"queue mail of {broker.name} ")
    assert "is 85 % full (85 of 100 tasks). When it is full, RabbitMQ refuses tasks" in alarm.message
    assert ("queue-drops", "mail") not in findings_of(view)


def test_a_queue_that_drops_its_oldest_is_warned_of(vhost, broker):
    declare(vhost, "mail", max_length_bytes=1000)
    fill(vhost, "mail", 1)

    view = wait_for(Watch(broker).poll, lambda each: each.queues and each.queues[0].queue.drops_oldest)

    assert findings_of(view)["queue-drops", "mail"].state == "warning"
    assert findings_of(view)["queue-capacity", "mail (bytes)"].state == "ok"


def test_a_mirrored_queue_is_warned_of(vhost, rabbitmq, broker):
    declare(vhost, "mail")
    path = f"/policies/{urlsplit(vhost).path[1:]}/mirror"
    mirror = {"pattern": "mail", "definition": {"ha-mode": "all"}, "apply-to": "queues"}
    if rabbitmq.ask("GET", "/overview")["rabbitmq_version"] >= "4":
        with pytest.raises(HTTPError, match="400"):  # it has no mirrored queues any more
            rabbitmq.ask("PUT", path, mirror)
        return
    rabbitmq.ask("PUT", path, mirror)

    wait_until(lambda: ("queue-mirrored", "mail") in findings_of(Watch(broker).poll()))


def test_an_alarm_is_critical_at_any_capacity_and_names_blocked_connections(own):
    url = own.add_vhost("alarm")
    publish(url, "shop.mail", 3, queue="mail")
    send_event(url, kind="worker-online")
    broker = open_broker(url, own.management)
    watch = Watch(broker, typical=lambda: TYPICAL)
    watch.poll()
    own.ctl("set_vm_memory_high_watermark", "absolute", "50MB")
    properties = {"connection_name": "web-1"}
    with kombu.Connection(url, transport_options={"client_properties": properties}) as connection:
        producer = connection.Producer()
        producer.publish({}, routing_key="mail")  # it blocks by publishing
        try:
            view = wait_for(watch.poll, lambda each: each.poll.alarms and each.poll.blocked and each.capacity)
        finally:  # a blocked connection doesn't even end
            own.ctl("set_vm_memory_high_watermark", "0.4")
    alarm = findings_of(view)["broker-alarm", broker.name]
    over = wait_for(watch.poll, lambda each: not each.poll.alarms)
    broker.close()

    assert alarm.state == "critical"
    assert "has a memory alarm on slowtask" in alarm.message
    assert re.search(
        r"it blocks publishers, workers go on\. 1 connection is blocked \(slowtask@", alarm.message
    )
    assert "without confirm_publish are lost without an error" in alarm.message
    assert view.capacity.ratio >= 1.0
    assert findings_of(view)["broker-capacity", broker.name].state is None
    assert findings_of(over)["broker-alarm", broker.name].state == "ok"


def test_the_worst_node_of_a_cluster_is_named(own, tmp_path):
    url = own.add_vhost("cluster")
    declare(url, "mail")
    with RabbitMQ(tmp_path, beside=own) as second:
        second.ctl("set_vm_memory_high_watermark", "absolute", "400MB")
        broker = open_broker(url, own.management)
        watch = Watch(broker)
        view = wait_for(watch.poll, lambda each: each.capacity and each.capacity.limit.maximum < 5e8)
        second.stop()
        gone = wait_for(watch.poll, lambda each: each.poll.gaps)
        broker.close()
    own.ctl("forget_cluster_node", second.node)

    assert view.capacity.limit.name == f"memory of {second.node}"
    assert second.node in findings_of(view)["broker-capacity", broker.name].message
    assert gone.poll.gaps == [
        f"RabbitMQ's node {second.node} is down: start it, or remove it from the cluster."
    ]


def test_a_plugin_that_does_not_listen_is_a_gap(vhost):
    broker = open_broker(vhost, f"http://127.0.0.1:{free_port()}", ["mail"])
    publish(vhost, "shop.mail", 1, queue="mail")

    assert re.search("management plugin doesn't answer", broker.poll({}).gaps[0])
