"""How large? What a million attempts cost at each stage, and plans for 10⁶, 10⁸ and 10⁹ a day.

    .venv/bin/python bench/bench_large.py               # the arithmetic of docs/how-large.md
    .venv/bin/python bench/bench_large.py --measure     # the light stack, for real: some three minutes

The arithmetic is in large.py, its figures are in large.toml. `--measure` starts a Filebeat with
filebeat/light.yml and an Elasticsearch, as the tests do. It takes their CPU and memory from /proc, so
other work on the machine doesn't count. How soon a run is found: bench_delay.py.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import lines
from bench_elastic import LEASES, merged_size
from elasticsearch import ApiError, Elasticsearch
from large import Plan, cost_table, plan_table

from slowtask.store import Query
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.setup import SetupOptions, setup
from slowtask.store.elastic.store import Elastic

sys.path.append(str(Path(__file__).parent.parent / "tests"))
sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))
from stack.filebeat import Filebeat

from elastic import server
from places import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
BATCH = 1000  # lines of a message set, as Filebeat sends them to Kafka
STREAM = "logs-slowtask.run"


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def server_of(launcher: int) -> int:
    """The process of Elasticsearch itself, which its launcher has started."""
    threads = Path(f"/proc/{launcher}/task").iterdir()
    [child] = "".join((thread / "children").read_text() for thread in threads).split()
    return int(child)


def memory(pid: int) -> int:
    """MB that it holds, and held at most."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) // 1000 for name in ("VmRSS", "VmHWM"))


@contextmanager
def running(folder: Path, cluster, name: str = "light.yml", changes=(), **settings: str) -> Iterator:
    """A Filebeat that ships *folder*/log by the file *name*, with *changes* of it and further *settings*."""
    text = (ROOT / "filebeat" / name).read_text()
    for old, new in changes:
        text = text.replace(old, new)
    configuration = folder / "changed.yml"
    configuration.write_text(text)
    (folder / "run").mkdir()
    (folder / "log").mkdir()
    filebeat = Filebeat(
        folder / "run",
        configuration,
        SLOWTASK_LOG_FOLDER=str(folder / "log"),
        ELASTICSEARCH_HOSTS=cluster.url,
        SLOWTASK_LOGSTASH_USER=cluster.username,
        SLOWTASK_LOGSTASH_PASSWORD=cluster.password,
        SLOWTASK_NAMESPACE=folder.name,
        **settings,
    )
    filebeat.start()
    try:
        yield filebeat
    finally:
        filebeat.stop()


def zipped(log: Path, count: int) -> float:
    """Bytes a line in batches, by gzip at Filebeat's level."""
    with log.open("rb") as file:
        batches = iter(lambda: list(islice(file, BATCH)), [])
        return sum(len(zlib.compress(b"".join(batch), 4)) for batch in batches) / count


def shipping(cluster, client: Elasticsearch, count: int) -> None:
    """Print the CPU of Filebeat and Elasticsearch for a line, and their memory."""
    folder = Path(tempfile.mkdtemp(prefix="large-"))
    stream = f"{STREAM}-{folder.name}"
    with running(folder, cluster) as filebeat:
        whole = folder / "whole.ndjson"
        lines.generate(whole, count)
        pids = filebeat.pid, server_of(cluster.pid)
        before, started = list(map(cpu, pids)), time.monotonic()
        whole.rename(folder / "log" / "whole.ndjson")
        wait_for(client, stream, count)
        took = time.monotonic() - started
        after = list(map(cpu, pids))
        print(f"\n{count:,} lines at once, {count / took:,.0f} a second with other work on the machine\n")
        names = "Filebeat", "Elasticsearch"
        for name, pid, one, other in zip(names, pids, before, after, strict=True):
            now, most = memory(pid)
            taken = (other - one) / count * 1e6
            print(f"{name:16}{taken:8.1f} µs of CPU a line{now:8} MB now{most:8} MB at most")
    log = folder / "log" / "whole.ndjson"
    print(f"{'a line':16}{log.stat().st_size / count:8.1f} bytes{zipped(log, count):8.1f} in batches by gzip")
    ranking(cluster, client, stream, count)


def ranking(cluster, client: Elasticsearch, stream: str, count: int) -> None:
    """Print the CPU of Elasticsearch for a document that is ranked, and its size once merged."""
    store = Elastic(
        Access(url=cluster.url, username=cluster.username, password=cluster.password, path=stream)
    )
    store.measure(Query())
    pid, taken = server_of(cluster.pid), []
    for _ in range(5):
        client.indices.clear_cache(index=stream)
        before = cpu(pid)
        store.measure(Query())
        taken.append((cpu(pid) - before) / count * 1e6)
    print(f"{'top':16}{statistics.median(taken):8.2f} µs of Elasticsearch's CPU a document")
    time.sleep(LEASES)
    print(f"{'stored':16}{merged_size(client, stream) / count:8.1f} bytes a document, in one segment")


def wait_for(client: Elasticsearch, stream: str, count: int) -> None:
    """Return when *stream* has *count* documents."""
    while True:
        with suppress(ApiError):  # there is none yet, or its shard starts
            if client.count(index=stream)["count"] >= count:
                return
        time.sleep(0.2)


def measure(count: int) -> None:
    """Start the servers, and print what is measured."""
    cluster = server.start(Path(tempfile.mkdtemp(prefix="bench-large-")) / "node", tls=False, heap="1g")
    try:
        access = Access(url=cluster.url, username=cluster.username, password=cluster.password)
        client = connect(access)
        list(setup(client, access, SetupOptions()))
        shipping(cluster, client, count)
    finally:
        cluster.stop()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="start the light stack, and measure it")
    parser.add_argument("--count", type=int, default=500_000, help="lines that are shipped")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.count)
    print(f"\n{cost_table()}\n\n{plan_table([Plan(attempts=each) for each in (1e6, 1e8, 1e9)])}")


if __name__ == "__main__":
    main()
