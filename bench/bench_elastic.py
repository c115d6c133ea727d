"""What Elasticsearch costs: bytes an event, events indexed a second, seconds of each command that reads it.

    .venv/bin/python bench/bench_elastic.py                   # some eight minutes
    .venv/bin/python bench/bench_elastic.py --reading         # only the commands
    .venv/bin/python bench/bench_elastic.py --count 20000     # a tenth of it all: to see that it works

On an Elasticsearch of its own, started as the tests do and stopped: one node, basic licence, heap 2 GB,
no TLS. The same events of `lines.py` go through our templates, into a dynamic mapping (no template) and
into a plain one that names the types and nothing else. All is asked in turn, by one client.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import lines
import msgspec
from elasticsearch import Elasticsearch, helpers

from slowtask.cli.show.report.panels import COLOURED
from slowtask.cli.show.report.profiles import PROFILED
from slowtask.rank.ranking import rank
from slowtask.store import Measurement, Query
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.setup import SetupOptions, setup
from slowtask.store.elastic.store import Elastic
from slowtask.store.elastic.templates import read_template

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))
from documents import actions, nested
from elastic import server

CHUNK = 5000  # documents in one request
LEASES = 45.0  # seconds; until then a merge keeps what only the recovery of a replica would need
FETCHED = 10  # one of so many events is fetched by itself
TASK = "sync.jobs.export_mail"  # the one with most worker time
TOP = 10  # times as many events as are stored and indexed
SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0}
SEARCHABLE = {"properties": {"task": {"properties": {"id": {"type": "keyword", "doc_values": False}}}}}
KINDS = ("dynamic mapping", "plain mapping", "slowtask's templates")


def plain(mapping: dict) -> dict:
    """*mapping* with its fields' types alone: each indexed, as Elasticsearch does unless told otherwise."""
    return {
        name: {"properties": plain(each["properties"])} if "properties" in each else {"type": each["type"]}
        for name, each in mapping.items()
    }


def fresh(client: Elasticsearch, kind: str, name: str) -> str:
    """A new, empty index or data stream of *kind*; its name."""
    if kind == KINDS[2]:
        return f"logs-slowtask.run-{name}"
    index = f"bench-{kind.split(maxsplit=1)[0]}-{name}"
    run = read_template("_component_template/slowtask-run")["template"]["mappings"]["properties"]
    mappings = {"dynamic": False, "properties": plain(run)} if kind == KINDS[1] else None
    client.indices.create(index=index, settings=SETTINGS, mappings=mappings)
    return index


def records(log: Path, count: int) -> Iterator[dict]:
    """The first *count* records of *log*."""
    with log.open("rb") as file:
        yield from map(msgspec.json.decode, islice(file, count))


def bodies(log: Path, count: int) -> list[list[bytes]]:
    """The first *count* records as requests of CHUNK, ready to be sent: the server alone is timed.

    They are as our Logstash sends them, to whatever mapping: the id is the document's own, and not in it.
    """
    found, encode = [], msgspec.json.encode
    for record in records(log, count):
        name = record.pop("event.id")
        found += [encode({"create": {"_id": name}}), encode(nested(record))]
    return [found[first : first + 2 * CHUNK] for first in range(0, len(found), 2 * CHUNK)]


def index_all(client: Elasticsearch, requests: list[list[bytes]], name: str) -> None:
    """Index all of *requests* in *name*, so that they can be found."""
    for each in requests:
        answer = client.bulk(index=name, operations=each, filter_path="errors")
        if answer["errors"]:
            raise SystemExit(f"{name} refused some")
    client.indices.refresh(index=name)


def settled(client: Elasticsearch, name: str) -> None:
    """Return when *name* is on disk and nothing is merged any more: it would slow down the next."""
    client.indices.flush(index=name, force=True, wait_if_ongoing=True)
    while client.indices.stats(index=name, metric="merge")["_all"]["total"]["merges"]["current"]:
        time.sleep(0.5)


def indexing(client: Elasticsearch, log: Path, count: int, rounds: int) -> None:
    """Print events indexed a second, by kind."""
    requests = bodies(log, count)
    took = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS:
            name = fresh(client, kind, f"speed-{number}")
            took[kind].append(seconds(partial(index_all, client, requests, name)))
            settled(client, name)
    print(f"\n{count:,} events, bulks of {CHUNK:,}, {rounds} rounds in turn\n")
    print(f"{'INDEXING':24}{'MEDIAN/S':>10}{'BEST/S':>10}{'AGAINST DYNAMIC':>18}")
    base = took[KINDS[0]]
    for kind, each in took.items():
        ratio = statistics.median(one / other for one, other in zip(base, each, strict=True))
        rates = f"{count / statistics.median(each):10,.0f}{count / min(each):10,.0f}"
        print(f"{kind:24}{rates}{ratio:16.2f} x")


def storing(client: Elasticsearch, log: Path, count: int) -> None:
    """Print bytes an event, by kind."""
    requests = bodies(log, count)
    names = {kind: fresh(client, kind, "size") for kind in KINDS}
    for name in names.values():
        index_all(client, requests, name)
    client.cluster.put_component_template(name="slowtask-run@custom", template={"mappings": SEARCHABLE})
    names["  with task.id indexed"] = fresh(client, KINDS[2], "searchable")
    index_all(client, requests, names["  with task.id indexed"])
    time.sleep(LEASES)
    size = log.stat().st_size / lines_in(log)
    print(f"\n{count:,} events of {size:.0f} bytes a line, after a force merge to one segment\n")
    print(f"{'STORED':24}{'BYTES AN EVENT':>16}")
    for kind, name in names.items():
        print(f"{kind:24}{merged_size(client, name) / count:16.1f}")


def lines_in(log: Path) -> int:
    """How many lines *log* has."""
    with log.open("rb") as file:
        return sum(1 for _ in file)


def merged_size(client: Elasticsearch, name: str) -> int:
    """Bytes of *name* on disk, in one segment."""
    client.indices.flush(index=name, force=True, wait_if_ongoing=True)
    client.options(request_timeout=600).indices.forcemerge(index=name, max_num_segments=1)
    client.indices.flush(index=name, force=True, wait_if_ongoing=True)
    return client.indices.stats(index=name, metric="store")["_all"]["total"]["store"]["size_in_bytes"]


def reading(client: Elasticsearch, access: Access, log: Path, count: int, rounds: int) -> None:
    """Print the seconds of the commands on *count* events, and of some queries alone, in turn."""
    name = fresh(client, KINDS[2], "top")
    helpers.bulk(client, actions(records(log, count), name), chunk_size=CHUNK)
    settled(client, name)
    client.indices.refresh(index=name)
    store, url = Elastic(replace(access, path=name)), f"{access.url}/{name}"
    middle, part = (lines.BEGIN + lines.STEP * each for each in (count // 2, count // FETCHED))
    halves = Query(until=middle), Query(since=middle)
    at = ("--at", f"{middle:%Y-%m-%dT%H:%M:%S}")
    sides = {
        "slowtask top URL": lambda: slowtask("top", url),
        "  its query alone": lambda: store.measure(Query()),
        "slowtask diff URL": lambda: slowtask("diff", url, *at),
        "  comparing two halves": lambda: store.compare(*halves),
        "slowtask report URL": lambda: slowtask("report", url, "--out", "-"),
        "  its queries alone": lambda: store.history(Query(), leading, profiled=PROFILED),
        "slowtask task URL": lambda: slowtask("task", TASK, url),
        f"fetching {count // FETCHED:,}": lambda: store.columns(Query(until=part)),
        "slowtask top FILE": lambda: slowtask("top", str(log)),
        "slowtask diff FILE": lambda: slowtask("diff", str(log), *at),
        "slowtask report FILE": lambda: slowtask("report", str(log), "--out", "-"),
    }
    took = {side: [] for side in sides}
    for _ in range(rounds):
        for side, call in sides.items():
            client.indices.clear_cache(index=name)  # what is written to has little that is cached
            took[side].append(seconds(call))
    print(f"\n{count:,} events of {lines.TASKS} tasks, {segments(client, name)} segments, {rounds} rounds\n")
    print(f"{'READING':24}{'BEST':>10}{'MEDIAN':>10}{'AGAINST TOP URL':>18}")
    base = took["slowtask top URL"]
    for side, each in took.items():
        ratio = statistics.median(one / other for one, other in zip(each, base, strict=True))
        print(f"{side:24}{min(each):8.2f} s{statistics.median(each):8.2f} s{ratio:16.2f} x")


def leading(measurement: Measurement) -> list[str]:
    """The tasks that a report shows separately."""
    return [task.task for task in rank(measurement.figures)[:COLOURED]]


def segments(client: Elasticsearch, name: str) -> int:
    """How many segments *name* has."""
    return client.indices.stats(index=name, metric="segments")["_all"]["primaries"]["segments"]["count"]


def slowtask(*arguments: str) -> None:
    """Run a command as a process of its own."""
    command = (sys.executable, "-m", "slowtask", *arguments)
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    _, status = os.waitpid(os.posix_spawn(command[0], command, os.environ, file_actions=quiet), 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")


def seconds(call: Callable[[], object]) -> float:
    """How long *call* takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@contextmanager
def elasticsearch() -> Iterator[tuple[Elasticsearch, Access]]:
    """A client of an Elasticsearch of its own, set up for slowtask, whose commands may use it, too."""
    cluster = server.start(Path(tempfile.mkdtemp(prefix="bench-elastic-")) / "node", tls=False, heap="2g")
    access = Access(url=cluster.url, username=cluster.username, password=cluster.password)
    os.environ |= {
        "SLOWTASK_ELASTICSEARCH_USERNAME": cluster.username,
        "SLOWTASK_ELASTICSEARCH_PASSWORD": cluster.password,
    }
    try:
        client = connect(access)
        list(setup(client, access, SetupOptions()))
        yield client, access
    finally:
        cluster.stop()


def main() -> None:
    """Read the arguments; start and stop the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000, help="events; ten times as many are ranked")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reading", action="store_true", help="measure only the commands that read")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-elastic-") as folder, elasticsearch() as (client, access):
        log, count, rounds = Path(folder) / "runs.ndjson", arguments.count, arguments.rounds
        lines.generate(log, count * TOP)
        print(f"Elasticsearch {server.VERSION}, heap 2 GB, {os.cpu_count()} cores", flush=True)
        reading(client, access, log, count * TOP, rounds)
        if not arguments.reading:
            indexing(client, log, count, rounds)
            storing(client, log, count)


if __name__ == "__main__":
    main()
