"""A Redis that Sentinels watch is followed through a failover; a node of a Redis Cluster is told plainly."""

import subprocess
from contextlib import contextmanager, suppress

import pytest
import rq
from conftest import wait_until
from redis import Redis
from redis.exceptions import RedisError

from celery_site import publish
from slowtask.cli.brokers import open_rq
from slowtask.demo import tasks
from slowtask.demo.server import Server, find_program, free_port
from slowtask.errors import BrokerError, UsageError
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.redis import open_redis, redacted_url
from slowtask.watch.broker.sentinel import parse_sentinel_url
from slowtask.watch.view import Watch


@contextmanager
def start_sentinel(folder, port):
    """A Sentinel that watches the master at *port*; yields its own port."""
    own = free_port()
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"port {own}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor shop 127.0.0.1 {port} 1\n"
        "sentinel down-after-milliseconds shop 300\nsentinel failover-timeout shop 3000\n"
    )
    process = subprocess.Popen([find_program(), str(settings), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        yield own
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def pair(tmp_path):
    """A master, its replica, and the port of a Sentinel that knows both."""
    options = {"repl-diskless-sync-delay": "0"}
    folders = [tmp_path / name for name in ("one", "other", "sentinel")]
    for folder in folders:
        folder.mkdir()
    with Server(folders[0], **options) as master, Server(folders[1], **options) as replica:
        with replica.client() as client:
            client.replicaof("127.0.0.1", master.port)
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        with start_sentinel(folders[2], master.port) as port, Redis(port=port) as sentinel:
            wait_until(lambda: ask(sentinel, "REPLICAS"))
            yield master, replica, port


def ask(sentinel, what):
    with suppress(RedisError):  # it has only started
        return sentinel.execute_command("SENTINEL", what, "shop")


@pytest.mark.parametrize("system", ["rq", "celery"])
@pytest.mark.redis
def test_the_master_is_followed_through_a_failover(pair, system):
    master, replica, port = pair
    with master.client() as client:
        if system == "rq":
            rq.Queue("mail", connection=client).enqueue(tasks.simple_task)
        else:
            publish(master.url, "shop.mail", 1, queue="mail")
        client.wait(1, 0)
    url = f"redis+sentinel://127.0.0.1:{port}/shop/0"
    broker = (
        open_rq(url) if system == "rq" else open_broker(f"sentinel://127.0.0.1:{port}/0?master_name=shop")
    )
    watch = Watch(broker)
    before = watch.poll().poll
    master.__exit__()

    after = wait_until(lambda: poll(watch))

    with replica.client() as client:
        assert after.poll.server_facts.run_id == client.info("server")["run_id"]
    assert before.server_facts.run_id != after.poll.server_facts.run_id
    assert after.poll.server_facts.role == "master"
    assert [queue.depth for queue in after.poll.queues if queue.name == "mail"] == [1]
    assert after.changes.emptied is None


def poll(watch):
    with suppress(BrokerError):  # there is no master yet
        return watch.poll()


@pytest.mark.redis
def test_a_master_that_no_sentinel_knows_is_told(pair):
    url = f"redis+sentinel://127.0.0.1:{pair[2]}/other/0"

    with pytest.raises(BrokerError, match=r"can't be reached .*No master found for 'other'"):
        open_rq(url).poll({})


@pytest.mark.redis
def test_a_node_of_a_cluster_is_told(tmp_path):
    """RQ's and Celery's keys would lie on several nodes."""
    with start_node(tmp_path / "one") as one, start_node(tmp_path / "other") as other:
        join(one, other)

        said = {say_error(open_rq(one.url)), say_error(open_rq(other.url))}
        said_of_celery = {say_error(open_broker(one.url, "", ["mail"])), say_error(open_broker(other.url))}

    told = "is a node of a Redis Cluster, which neither RQ nor Celery can use"
    assert any(told in each for each in said)
    assert any(told in each for each in said_of_celery)


def say_error(broker):
    """What reading a broker ends with; which node has which key is the cluster's choice."""
    try:
        broker.poll({})
    except BrokerError as error:
        return str(error)
    return ""


def start_node(folder):
    """A node of a cluster."""
    folder.mkdir()
    return Server(folder, **{"cluster-enabled": "yes", "cluster-port": str(free_port())})


def join(one, other):
    """Make a cluster of two nodes, each with half of the slots."""
    with one.client() as first, other.client() as second:
        first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        second.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        bus = second.config_get("cluster-port")["cluster-port"]
        first.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
        for client in (first, second):
            wait_until(lambda client=client: b"cluster_state:ok" in raw(client, "CLUSTER", "INFO"))


def raw(client, *command):
    answer = client.execute_command(*command)
    return answer if isinstance(answer, bytes) else repr(answer).encode()


@pytest.mark.parametrize(
    ("url", "sentinels", "master", "database"),
    [
        ("redis+sentinel://a:1,b:2/shop/3", (("a", 1), ("b", 2)), "shop", 3),
        ("redis+sentinel://a,[::1]:2/shop", (("a", 26379), ("::1", 2)), "shop", 0),
        ("sentinel://a:1;sentinel://b:2/3?master_name=shop", (("a", 1), ("b", 2)), "shop", 3),
        ("sentinel://a?master_name=shop", (("a", 26379),), "shop", 0),
    ],
)
def test_the_forms_of_an_address(url, sentinels, master, database):
    address = parse_sentinel_url(url)

    assert (address.sentinels, address.master, address.database) == (sentinels, master, database)


def test_passwords_are_read_and_not_shown():
    url = "rediss+sentinel://monitor:a%40b@a:1,b:2/shop?sentinel_password=secret"

    address = parse_sentinel_url(url)

    assert (address.username, address.password, address.sentinel_password) == ("monitor", "a@b", "secret")
    assert address.tls
    assert redacted_url(url) == "rediss+sentinel://monitor:***@a:1,b:2/shop?sentinel_password=***"


@pytest.mark.parametrize(
    "url",
    ["sentinel://a:1;sentinel://b:2/0", "redis+sentinel://a:1/0", "redis+sentinel:///shop/0",
     "redis+sentinel://a:port/shop/0", "redis+sentinel://[a/shop/0"],
)  # fmt: skip
def test_an_address_without_a_master_or_a_host_is_refused(url):
    with pytest.raises(UsageError, match="write redis\\+sentinel://host:26379,host2:26379/NAME/0"):
        open_redis(url)
