"""What a Redis reports of itself is read without a write, on real servers, for RQ and for Celery."""

import re
import resource
import subprocess
import uuid
from contextlib import suppress

import pytest
from conftest import wait_until
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import ReadOnlyError, ResponseError

from places import DOCS
from slowtask.demo.server import Server, find_program, free_port
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.redis import open_redis
from slowtask.watch.broker.redis_facts import SETTINGS
from slowtask.watch.broker.rq import Rq

pytestmark = pytest.mark.redis


@pytest.fixture(params=["rq", "celery"])
def read(request):
    """Reads the facts of the server at an address."""

    def read_facts(url):
        broker = Rq(open_redis(url), url) if request.param == "rq" else open_broker(url, "", ["mail"])
        return broker.poll({}).server_facts

    return read_facts


@pytest.fixture
def server(tmp_path):
    """A Redis that one test may break."""
    (tmp_path / "data").mkdir()
    with Server(tmp_path, dir=str(tmp_path / "data")) as server:
        yield server


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def failed_snapshot(client, tmp_path):
    """The server can't save its data: its folder is gone."""
    client.config_set("save", "3600 1")
    (tmp_path / "data").rmdir()
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    yield
    client.config_set("save", "")  # else it wouldn't end


def allow(client, server, system):
    """The address of *server* for a user with the rights that docs/monitor.md gives."""
    password = uuid.uuid4().hex
    keys = "~rq:" if system == "rq" else "%R~"
    page = (DOCS / "monitor.md").read_text()
    [line] = re.findall(rf"^ACL SETUSER monitor .*{keys}.*$", page, re.MULTILINE)
    client.execute_command(*line.replace(">password", f">{password}").split())
    return server.url.replace("redis://", f"redis://monitor:{password}@")


def test_a_server_that_is_well_says_so(read, server, client):
    client.set("a", 1)
    client.set("b", 1, ex=3600)

    facts = read(server.url)

    assert facts.run_id == client.info("server")["run_id"]
    assert (facts.role, facts.writes_refused) == ("master", None)
    assert 0 <= facts.uptime < 60
    assert (facts.keys, facts.expiring_keys, facts.evicted_keys) == (2, 1, 0)


def test_only_the_keys_of_this_database_count(read, server, client):
    client.set("a", 1)

    facts = read(server.url.replace("/0", "/1"))

    assert facts.keys == 0


def test_a_restart_gives_another_run_id(read, server):
    before = read(server.url)
    server.__exit__()
    with server:
        after = read(server.url)

    assert after.run_id != before.run_id


@pytest.mark.usefixtures("failed_snapshot")
def test_a_failed_snapshot_refuses_writes(read, server, client):
    with pytest.raises(ResponseError, match="MISCONF"):
        client.set("a", 1)

    facts = read(server.url)

    assert (facts.writes_refused, facts.refusal_certain) == ("snapshot", True)
    assert facts.refused["MISCONF"] == 1


@pytest.mark.usefixtures("failed_snapshot")
@pytest.mark.parametrize("setting", [("stop-writes-on-bgsave-error", "no"), ("save", "")])
def test_a_failed_snapshot_refuses_nothing_if_the_settings_allow_that(read, server, client, setting):
    client.config_set(*setting)
    client.set("a", 1)

    facts = read(server.url)

    assert facts.writes_refused is None


@pytest.mark.usefixtures("failed_snapshot")
@pytest.mark.parametrize("system", ["rq", "celery"])
def test_a_user_who_may_not_read_the_settings_learns_what_is_likely(server, client, system):
    url = allow(client, server, system)
    broker = Rq(open_redis(url), url) if system == "rq" else open_broker(url)

    facts = [broker.poll({}).server_facts for _ in range(3)]

    denied = client.info("errorstats")["errorstat_NOPERM"]["count"]
    assert [each.writes_refused for each in facts] == ["snapshot"] * 3
    assert not any(each.refusal_certain for each in facts)
    assert denied == len(SETTINGS)  # asked for once


def test_a_failed_write_to_the_append_only_file_refuses_writes(read, tmp_path):
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --dir {tmp_path} --appendonly yes".split()
    process = subprocess.Popen(  # it ignores SIGXFSZ, as this process does
        [find_program(), *options], stdout=subprocess.DEVNULL, restore_signals=False
    )
    with open_redis(f"redis://127.0.0.1:{port}") as client:
        wait_until(lambda: answers(client))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        client.set("a", "x" * 10_000)
        wait_until(lambda: client.info("persistence")["aof_last_write_status"] == "err")

        facts = read(f"redis://127.0.0.1:{port}/0")

    process.kill()
    process.wait()
    assert (facts.writes_refused, facts.refusal_certain) == ("append-only", True)


def answers(client):
    with suppress(NotConnectedError):
        return client.ping()


def test_a_full_server_refuses_writes(read, server, client):
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)

    facts = read(server.url)

    assert facts.writes_refused == "memory"


def test_a_full_server_that_evicts_keys_refuses_nothing(read, server, client):
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)

    facts = read(server.url)

    assert facts.writes_refused is None


def test_a_replica_refuses_writes_and_names_its_master(read, server, client, tmp_path):
    with Server(tmp_path, **{"repl-diskless-sync-delay": "0"}) as master:
        client.replicaof("127.0.0.1", master.port)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        with pytest.raises(ReadOnlyError):
            client.set("a", 1)

        facts = read(server.url)

    assert (facts.role, facts.writes_refused, facts.link_up) == ("replica", "replica", True)
    assert facts.master == f"127.0.0.1:{master.port}"


def test_a_replica_without_its_master_says_so(read, server, client):
    client.replicaof("127.0.0.1", free_port())

    facts = read(server.url)

    assert (facts.role, facts.link_up) == ("replica", False)


def test_a_replica_that_may_be_written_refuses_nothing(read, server, client):
    client.config_set("replica-read-only", "no")
    client.replicaof("127.0.0.1", free_port())

    facts = read(server.url)

    assert (facts.role, facts.writes_refused) == ("replica", None)


def test_too_few_replicas_refuse_writes(read, server, client):
    client.config_set("min-replicas-to-write", 1)
    with pytest.raises(ResponseError, match="NOREPLICAS"):
        client.set("a", 1)

    facts = read(server.url)

    assert (facts.writes_refused, facts.refused["NOREPLICAS"]) == ("few-replicas", 1)


def test_evicted_and_expired_keys_are_counted(read, server, client):
    client.set("a", 1, px=1)
    wait_until(lambda: client.info("stats")["expired_keys"] == 1)
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
    for number in range(1000):
        client.set(f"key-{number}", "x" * 1000)

    facts = read(server.url)

    assert facts.evicted_keys > 0
    assert facts.expired_keys == 1
