"""Incidents of the broker: emptied, refusing, a replica, slow, restarting."""

import shutil
import threading
from contextlib import suppress

from redis.exceptions import RedisError

from incidents.incident import Incident
from incidents.processes import wait_for
from incidents.traffic import traffic

REFUSED = ("broker-writes-refused",)


def emptied(site):
    """A Redis without persistence restarts: jobs and workers are forgotten."""
    server = site.redis()
    workers = site.rq_workers("w21", "w22")
    site.publish("mail", 2, count=200)
    site.watch()
    for each in workers:
        each.kill()
    server.__exit__()
    site.broke()
    server.__enter__()


def flushed(site):
    """Somebody calls FLUSHALL on the wrong Redis."""
    server = site.redis()
    site.rq_workers("w21", "w22")
    site.publish("mail", 1, count=200)
    site.watch()
    with server.client() as client:
        client.flushall()
    site.broke()


def persistent_restart(site):
    """A Redis that keeps its data restarts at once: jobs and workers are there again."""
    server = site.redis(appendonly="yes", appendfsync="always")
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    server.__exit__()
    server.__enter__()
    site.broke()


def snapshots_fail(site):
    """The folder of the snapshots is gone, so Redis can't save, and refuses writes: MISCONF."""
    folder = site.folder / "data"
    folder.mkdir()
    server = traffic(site, dir=str(folder), save="3600 1")
    site.watch()
    shutil.rmtree(folder)
    with server.client() as client:
        client.bgsave()
        wait_for(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a failed save")
    site.broke()


def became_replica(site):
    """A failover makes the replica the master, and this Redis its replica; nobody told the workers."""
    server = traffic(site)
    other = site.another_redis()
    with other.client() as client:
        client.replicaof("127.0.0.1", server.port)
        wait_for(lambda: client.info("replication")["master_link_status"] == "up", "the replica")
    site.watch()
    site.broke()
    with other.client() as client:
        client.replicaof("NO", "ONE")
    with server.client() as client:
        client.replicaof("127.0.0.1", other.port)


def paused(site):
    """One answer takes 20 s."""
    server = traffic(site)
    site.watch()
    with server.client() as client:
        client.client_pause(20_000)
    site.broke()


def block(server, stop):
    spin = "local till = redis.call('TIME')[1] + 3; while redis.call('TIME')[1] + 0 < till do end"
    with server.client() as client:
        while not stop.wait(1.0):
            with suppress(RedisError):  # the incident is over
                client.eval(spin, 0)


def slow_redis(site):
    """A script blocks Redis for two seconds, again and again."""
    server = traffic(site)
    site.watch()
    site.broke()
    stop = threading.Event()
    site.at_end(stop.set)
    threading.Thread(target=block, args=(server, stop), daemon=True).start()


def rabbitmq_restarts(site):
    node = site.own_rabbitmq()
    site.celery_workers("a")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    node.stop()
    wait_for(lambda: "broker-unseen" in site.monitor_text, "the monitor's word")
    node.start()


def password_changed(site):
    server = traffic(site)
    site.watch()
    with server.client() as client:
        client.config_set("requirepass", "another")
        site.broke()
        client.client_kill_filter(_type="normal")


def loading(site):
    """Redis restarts and takes half a minute to load its data."""
    server = traffic(site, save="3600 1")
    with server.client() as client:
        client.mset({f"key:{number}": "x" for number in range(10_000)})
        client.save()
    site.watch()
    server.__exit__()
    server.options["key-load-delay"] = "3000"
    server.options["loading-process-events-interval-bytes"] = "1024"
    site.broke()
    server.start_unready()


def no_more_clients(site):
    """A leak of connections: Redis takes no more clients."""
    server = traffic(site)
    site.watch()
    with server.client() as client:
        site.broke()
        client.config_set("maxclients", 1)
        client.client_kill_filter(_type="normal")


INCIDENTS = [
    Incident(
        number="7",
        title="Redis restarts without persistence",
        stage=emptied,
        should="came back empty: the queue is gone, no worker registered",
        causes=("broker-emptied",),
        words=("empty",),
        within=15,
        one_shot=False,
    ),
    Incident(
        number="37",
        title="FLUSHALL on the wrong Redis",
        stage=flushed,
        should="came empty: 200 jobs and both workers are gone",
        causes=("broker-emptied",),
        words=("empty|gone",),
        one_shot=False,
    ),
    Incident(
        number="38",
        title="a Redis that keeps its data restarts",
        stage=persistent_restart,
        should="quiet, or unseen for a moment",
        never=("empty",),
        within=15,
    ),
    Incident(
        number="8",
        title="MISCONF: snapshots fail, writes are refused",
        stage=snapshots_fail,
        should="critical: writes refused, see the disk",
        causes=REFUSED,
        states=("critical",),
        words=("refuses|refused", "disk|snapshot|save"),
        within=6,
    ),
    Incident(
        number="10",
        title="the Redis is a replica now",
        stage=became_replica,
        should="critical: every enqueue fails",
        causes=("broker-replica",),
        states=("critical",),
        words=("replica",),
        within=6,
    ),
    Incident(
        number="11",
        title="CLIENT PAUSE 20 s",
        stage=paused,
        should="one answer took 20 s",
        causes=("broker-slow",),
        words=(r"\b(1\d|2\d)(\.\d+)? s",),
        within=27,
        one_shot=False,
    ),
    Incident(
        number="28",
        title="a script blocks Redis for seconds",
        stage=slow_redis,
        should="Redis takes 2 s for one answer",
        causes=("broker-slow",),
        words=("s",),
        within=20,
        one_shot=False,
    ),
    Incident(
        number="20",
        title="RabbitMQ restarts",
        stage=rabbitmq_restarts,
        should="can't be read; then quiet again, no overrun",
        causes=("broker-unseen",),
        states=("critical",),
        never=("overrun", "has been running"),
        within=15,
        one_shot=False,
        proof_needs_time=True,
        rare=True,
    ),
    Incident(
        number="20b",
        title="the password is changed",
        stage=password_changed,
        should="the broker rejects the password",
        causes=("broker-unseen",),
        words=("password",),
        states=("critical",),
        within=10,
        one_shot=False,
    ),
    Incident(
        number="20c",
        title="Redis loads its data for half a minute",
        stage=loading,
        should="Redis is loading its data",
        causes=("broker-unseen",),
        words=("load",),
        states=("critical",),
        within=15,
        one_shot=False,
        rare=True,
    ),
    Incident(
        number="36",
        title="Redis takes no more clients",
        stage=no_more_clients,
        should="the limit of clients is reached",
        causes=("broker-unseen",),
        words=("client",),
        states=("critical",),
        one_shot=False,
    ),
]
