"""Kills Kafka, Elasticsearch and a Logstash in turn, several times, while lines of workers pass through.

    .venv/bin/python bench/trial_kafka.py [ROUNDS]

What stands in for Logstash: tests/support/kraft/indexer.py. Takes a minute and a half for each round.
"""

import os
import signal
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Of the tests, whose folder isn't a package's.
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests")]

from stack.site import Site  # noqa: E402

from elastic import server as elasticsearch  # noqa: E402
from kraft.programs import offsets_by_file  # noqa: E402
from kraft.server import Broker, certify  # noqa: E402
from kraft.workers import OPEN  # noqa: E402
from pipeline import logstash  # noqa: E402
from slowtask.store.elastic.access import Access  # noqa: E402
from slowtask.store.elastic.client import connect  # noqa: E402
from slowtask.store.elastic.setup import SetupOptions, setup  # noqa: E402

BURST = 1  #: attempts every 20 ms: up to 50 a second
MEANWHILE = 1_000  #: attempts that are made while something is away


def kill_elasticsearch(site, cluster):
    """End it as a machine that fails ends it, and start it again after a while."""
    os.kill(cluster.pid, signal.SIGKILL)
    site.make(MEANWHILE)
    folder = Path(cluster.folder)
    (folder / "tmp").rename(folder / f"tmp-{time.monotonic_ns()}")
    process = elasticsearch.spawn(folder, "1g")
    elasticsearch.wait(cluster, process, folder)
    object.__setattr__(cluster, "pid", process.pid)
    site.settle()


def kill_broker(site):
    site.broker.kill()
    site.make(MEANWHILE)
    site.broker.start()
    site.settle()


def kill_logstash(site, other):
    """The other one reads what it read; then it is back."""
    killed = site.first if other else site.second
    killed.kill()
    site.make(MEANWHILE)
    site.settle()
    killed.start()


def main(rounds):
    folder = Path(tempfile.mkdtemp(prefix="slowtask-kafka-"))
    for name in ("kafka", "site"):
        (folder / name).mkdir()
    logstash.install()
    cluster = elasticsearch.start(elasticsearch.new_folder() / "node")
    access = Access(url=cluster.url, username=cluster.username, password=cluster.password, ca_file=cluster.ca)
    client = connect(access)
    list(setup(client, access, SetupOptions()))
    with Broker(folder / "kafka", certify(folder / "certificates")) as broker:
        site = Site(folder / "site", broker, cluster, client, burst=BURST)
        try:
            go(site, cluster, rounds)
        finally:
            site.end()
            cluster.stop()


def go(site, cluster, rounds):
    begin = time.monotonic()
    with site.workers:
        site.filebeat.start()
        for each in (site.first, site.second):
            each.start()
        site.settle()
        for number in range(rounds):
            for what, kill in (
                ("Kafka", lambda: kill_broker(site)),
                ("Elasticsearch", lambda: kill_elasticsearch(site, cluster)),
                ("a Logstash", lambda other=number % 2: kill_logstash(site, other)),
            ):
                kill()
                print(
                    f"{time.monotonic() - begin:6.0f} s  {what} killed: {site.stored():,} stored", flush=True
                )
    site.settle()
    report(site, time.monotonic() - begin)


def report(site, seconds):
    made, stored = site.workers.attempts, site.stored()
    print(f"{made:,} attempts in {seconds:.0f} s, {stored:,} stored")
    offsets = offsets_by_file(site.broker.plain, site.topic, site.workers.lines)
    mixed = sum(one > other for each in offsets.values() for one, other in pairwise(each))
    lines = sum(map(len, offsets.values()))
    print(f"{lines:,} lines in Kafka for {site.workers.lines:,} written, {mixed} out of order")
    whole, jobs = site.count({"exists": {"field": "queue.name"}}), len(site.workers.jobs)
    print(f"{whole:,} of {jobs:,} stock jobs with their queue; up to {OPEN + 1} are open in a log")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
