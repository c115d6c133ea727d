"""How soon is a run found? From the line of an attempt to a hit, by settings, rates and ways.

    .venv/bin/python bench/bench_delay.py                 # some ten minutes
    .venv/bin/python bench/bench_delay.py --only 'quiet'  # the ways whose name has that

It starts an Elasticsearch, and for each way a Filebeat with the project's file. By `Logstash` in a name the
lines go on to what stands in for Logstash: Elastic's server of Filebeat's protocol, queues in memory, and the
project's pipelines in JRuby. Events wait in both queues as they do in Logstash: until there are
`pipeline.batch.size`, or none has come for `pipeline.batch.delay`. What its queues on disk take isn't in it.
The lines of other machines come into the first queue as their Filebeats would send them: each machine's by
itself, at intervals of 100 to 200 ms.
"""

import argparse
import json
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from uuid import uuid4

import lines
import msgspec
import yaml
from bench_large import STREAM, running, wait_for
from elasticsearch import Elasticsearch
from stack import images

from elastic import server
from pipeline import logstash
from pipeline.output import Output
from pipeline.runner import Pipelines, RunnerError
from places import ROOT
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.setup import SetupOptions, setup

PIPELINES = yaml.safe_load((ROOT / "logstash" / "config" / "pipelines.yml").read_text())
#: How many events, and seconds, the first two pipelines wait for.
AS_IT_IS = tuple((each["pipeline.batch.size"], each["pipeline.batch.delay"] / 1000) for each in PIPELINES[:2])
BEFORE = ((500, 0.05), (500, 0.05))
SLOW = ("backoff.max: 200ms", "backoff.max: 1s")
DEFAULTS = (
    ("backoff.init: 100ms", "backoff.init: 2s"),
    ("backoff.max: 200ms", "backoff.max: 10s"),
    ("check_interval: 1s", "check_interval: 10s"),
)


@dataclass(frozen=True, kw_only=True)
class Way:
    """Settings, and how many lines a second there are beside those that are timed."""

    batches: tuple = ()  #: of Logstash's pipelines; without them Filebeat sends to Elasticsearch itself
    changes: tuple = ()  #: of Filebeat's file
    refresh: str = "1s"
    rate: int = 0
    logs: int = 1
    machines: int = 0  #: that the other lines come from; 0 if they are in the same logs


WAYS = {
    "quiet": Way(),
    "quiet, backoff.max 1s": Way(changes=(SLOW,)),
    "… and refresh_interval 200ms": Way(changes=(SLOW,), refresh="200ms"),
    "quiet, Filebeat's defaults": Way(changes=DEFAULTS),
    "quiet, Logstash": Way(batches=AS_IT_IS),
    "300 a second": Way(rate=300, logs=30),
    "300 a second, Logstash": Way(batches=AS_IT_IS, rate=300, logs=30),
    "300 a second of 20 machines, Logstash": Way(batches=AS_IT_IS, rate=300, machines=20),
    "… 500 lines and 50 ms": Way(batches=BEFORE, rate=300, machines=20),
    "100 a second of 20 machines, Logstash": Way(batches=AS_IT_IS, rate=100, machines=20),
    "… 500 lines and 50 ms each": Way(batches=BEFORE, rate=100, machines=20),
}


def gather(events: Queue, size: int, delay: float) -> list:
    """Wait for a batch: it is complete with *size* events, or once none has come for *delay* seconds."""
    batch = [events.get()]
    with suppress(Empty):
        while len(batch) < size:
            batch.append(events.get(timeout=delay))
    return batch


@contextmanager
def standing_in(cluster, namespace: str, way: Way) -> Iterator[str]:
    """What takes lines in Logstash's place; yields its address."""
    address = f"127.0.0.1:{server.free_port()}"
    logstash.install()
    lumber = [images.build_lumber(ROOT / ".cache" / "stack"), address]
    java, jar, folder = server.java() / "bin" / "java", logstash.JAR, ROOT / "logstash"
    output = Output(cluster.url, cluster.username, cluster.password)
    first, second, ended = Queue(), Queue(), Event()
    with (
        Pipelines(java=java, jar=jar, folder=folder, environment={"SLOWTASK_NAMESPACE": namespace}) as own,
        subprocess.Popen(lumber, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as taker,
    ):
        steps = (
            lambda: take(taker, first),
            lambda: [second.put(each) for each in gather(first, *way.batches[0])],
            lambda: output.store(own, own.events(gather(second, *way.batches[1]))),
            *[partial(send, first, way.rate / way.machines) for _ in range(way.machines)],
        )
        for step in steps:
            Thread(target=repeat, args=(step, ended), daemon=True).start()
        yield address
        ended.set()
        taker.kill()


def repeat(step, ended: Event) -> None:
    """Do *step* until *ended*; what it needs may have ended then."""
    with suppress(ValueError, OSError, AttributeError, RunnerError):
        while not ended.is_set():
            step()


def send(events: Queue, rate: float) -> None:
    """Send what a machine that writes *rate* lines a second has after some time."""
    pause = random.uniform(0.1, 0.2)
    time.sleep(pause)
    for _ in range(int(rate * pause + random.random())):
        line = msgspec.json.encode(TEMPLATE | {"event.id": uuid4().hex}).decode()
        events.put({"message": line, "log": {"offset": 0, "file": {"path": "/slowtask.ndjson"}}})


def take(taker: subprocess.Popen, events: Queue) -> None:
    """Take one batch of Filebeat's, and acknowledge it, as Logstash does once it is in the queue."""
    for each in json.loads(taker.stdout.readline()):
        events.put(each)
    taker.stdin.write(b"stored\n")
    taker.stdin.flush()


def measure(cluster, client: Elasticsearch, way: Way, attempts: int) -> list[float]:
    """Seconds from a line to a hit, of so many *attempts*, in order."""
    folder = Path(tempfile.mkdtemp(prefix="delay-"))
    with ExitStack() as stack:
        name, settings = "light.yml", {}
        if way.batches:
            address = stack.enter_context(standing_in(cluster, folder.name, way))
            name, settings = "filebeat.yml", {"LOGSTASH_HOSTS": address}
        stack.enter_context(running(folder, cluster, name, way.changes, **settings))
        return sorted(time_lines(client, folder, way, attempts))


def time_lines(client: Elasticsearch, folder: Path, way: Way, attempts: int) -> list[float]:
    """Write lines at irregular times, others beside them, and note when a search finds each."""
    stream = f"{STREAM}-{folder.name}"
    logs = cycle([folder / "log" / f"worker-{number}.ndjson" for number in range(way.logs)])
    for _ in range(way.logs):
        write(next(logs), uuid4().hex)
    wait_for(client, stream, way.logs)
    client.indices.put_settings(index=stream, settings={"refresh_interval": way.refresh})
    written, found, others, begin = {}, [], count(1), time.monotonic()
    pauses = iter([0.05 + (number * 0.618 % 1) * 0.7 for number in range(attempts)])
    following, due = begin, next(others)
    while len(found) < attempts:
        while not way.machines and due <= (time.monotonic() - begin) * way.rate:
            write(next(logs), uuid4().hex)
            due = next(others)
        if time.monotonic() >= following and (pause := next(pauses, None)) is not None:
            written[name := uuid4().hex] = time.monotonic()
            write(next(logs), name)
            following = time.monotonic() + pause
        found += [time.monotonic() - written.pop(name) for name in hits(client, stream, list(written))]
        time.sleep(0.02)
    return found


TEMPLATE = msgspec.json.decode(next(lines._lines(0, 1)))  # noqa: SLF001 - one line as the others


def write(log: Path, name: str) -> None:
    """Append one line, as a worker does."""
    with log.open("ab", buffering=0) as file:
        file.write(msgspec.json.encode(TEMPLATE | {"event.id": name}) + b"\n")


def hits(client: Elasticsearch, stream: str, names: list[str]) -> list[str]:
    """Which of the ids *names* a search finds."""
    found = client.search(index=stream, query={"ids": {"values": names}}, size=len(names), source=False)
    return [hit["_id"] for hit in found["hits"]["hits"]]


def main() -> None:
    """Read the arguments, start the server, and print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--attempts", type=int, default=120, help="lines that are timed, by each way")
    parser.add_argument("--only", default="", help="ways whose name has this")
    arguments = parser.parse_args()
    cluster = server.start(Path(tempfile.mkdtemp(prefix="bench-delay-")) / "node", tls=False, heap="1g")
    try:
        access = Access(url=cluster.url, username=cluster.username, password=cluster.password)
        client = connect(access)
        list(setup(client, access, SetupOptions()))
        print(f"{'FROM THE LINE TO A HIT':42}{'MEDIAN':>8}{'P95':>8}{'WORST':>8}", flush=True)
        for name, way in WAYS.items():
            if arguments.only in name:
                found = measure(cluster, client, way, arguments.attempts)
                told = statistics.median(found), found[int(len(found) * 0.95)], found[-1]
                print(f"{name:42}" + "".join(f"{each:6.2f} s" for each in told), flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
