"""filebeat/light.yml in a real Filebeat, to three nodes: each record is stored once, whatever is killed.

`TEST_LINES=100000 .venv/bin/pytest tests/stack/test_light.py -m stack` sends more.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from conftest import missing, wait_until
from elasticsearch import ApiError, Elasticsearch, TransportError, helpers

from elastic.nodes import Nodes
from elastic.server import NoElasticsearchError, new_folder
from logs import made
from pipeline.almost import FULL
from places import ROOT
from slowtask.parse.ndjson import flatten
from slowtask.record.append import File
from slowtask.record.line import LineFormatter
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.setup import SetupOptions, setup
from stack.filebeat import Filebeat

pytestmark = pytest.mark.stack

SLOWTASK = Path(sys.executable).parent / "slowtask"
LINES = int(os.environ.get("TEST_LINES", "6000"))
STEPS = 60  #: in which the lines are written, so that they flow while something is killed
RUNS = "logs-slowtask.run"
#: Lines that are no runs, the stream that each goes to and what it has there.
OTHERS = {
    '{"@timestamp":"2026-11-23T23:45:16.807030Z","event.id":"q","event.dataset":"slowtask.queue",'
    '"queue.name":"mail","queue.depth":3,"queue.load":0.5}': ("metrics-slowtask.queue", "queue.depth", 3),
    '{"@timestamp":"2026-11-23T23:45:16.807030Z","event.id":"a","event.dataset":"slowtask.alert",'
    '"alert.name":"queue-load","message":"mail: it is fine"}': (
        "logs-slowtask.alert", "message", "mail: it is fine",
    ),
    '{"@timestamp":"2026-11-23T2': ("logs-slowtask.unparsed", "event.reason", "torn-json"),
    "no JSON": ("logs-slowtask.unparsed", "event.reason", "torn-json"),
    '{"message":"of another program","event.dataset":"nginx.access"}': (
        "logs-slowtask.unparsed", "event.reason", "not-an-event",
    ),
    '{"@timestamp":"never","event.id":"t","event.dataset":"slowtask.run","task.name":"t"}': (
        "logs-slowtask.unparsed", "event.reason", "wrong-field",
    ),
}  # fmt: skip
#: An event that Elasticsearch refuses for good.
REFUSED = (
    '{"@timestamp":"2026-11-23T23:45:16.807030Z","event.id":"r","event.dataset":"slowtask.run",'
    '"task.name":"t","event.outcome":{"a":1}}'
)


@pytest.fixture(scope="module")
def nodes():
    """Three nodes with slowtask's templates."""
    try:
        with Nodes(new_folder()) as nodes:
            client = connect(nodes)
            access = Access(url=nodes.urls[0], username=None, password=None)
            list(setup(client, access, SetupOptions()))
            yield nodes
    except NoElasticsearchError as problem:
        missing(f"three nodes of Elasticsearch ({problem})")


def connect(nodes):
    """A client that asks whichever node answers."""
    return Elasticsearch(nodes.urls, request_timeout=30, retry_on_timeout=True, max_retries=5)


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "slowtask.ndjson"


@pytest.fixture
def filebeat(nodes, tmp_path, log, namespace):
    """A Filebeat that ships the log's folder to all three nodes."""
    filebeat = Filebeat(
        tmp_path,
        ROOT / "filebeat" / "light.yml",
        SLOWTASK_LOG_FOLDER=str(log.parent),
        ELASTICSEARCH_HOSTS=",".join(nodes.urls),
        SLOWTASK_LOGSTASH_PASSWORD="-",  # noqa: S106 - security is off
        SLOWTASK_NAMESPACE=namespace,
    )
    yield filebeat
    filebeat.stop(signal.SIGKILL)


class Recorder:
    """Writes runs as a worker does, to a log that it rotates."""

    def __init__(self, path):
        self._file = File(str(path), 500_000, 100_000, check_interval=0)
        self.ids = []

    def write(self, runs):
        for run in runs:
            self._file.append(LineFormatter().format_run(run))
            self.ids.append(run.id)
        self._file.close()


def runs():
    """LINES runs of five tasks, in STEPS parts."""
    every = [made(task=f"jobs.t{n % 5}", took=1.5 + n % 97, number=n, worker="w") for n in range(LINES)]
    return [every[first::STEPS] for first in range(STEPS)]


def stored(nodes, stream):
    """The ids of all documents of *stream*; none while it can't be asked."""
    client = connect(nodes)
    try:
        client.indices.refresh(index=stream)
        found = helpers.scan(client, index=stream, query={"_source": False}, size=5000)
        return [hit["_id"] for hit in found]
    except (ApiError, TransportError, helpers.ScanError):
        return []


def count(nodes, stream):
    """How many documents *stream* has; 0 while it can't be asked."""
    try:
        return connect(nodes).count(index=stream)["count"]
    except (ApiError, TransportError):
        return 0


def top(*sources):
    """What `slowtask top` says of all tasks."""
    told = subprocess.run(
        [SLOWTASK, "top", *sources, "--json", "-n", "0"], capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout)


def test_every_line_goes_to_the_stream_of_its_dataset(nodes, filebeat, log, namespace):
    """A run with every field as its line has it, whole numbers whole; what can't be read with its reason."""
    client, run = connect(nodes), msgspec.structs.replace(FULL, duration=2**53 + 1)
    log.write_bytes(LineFormatter().format_run(run) + "\n".join([*OTHERS, REFUSED, ""]).encode())
    filebeat.start()
    unparsed = f"logs-slowtask.unparsed-{namespace}"
    bad = sum(stream == "logs-slowtask.unparsed" for stream, _, _ in OTHERS.values()) + 1
    wait_until(lambda: count(nodes, unparsed) == bad and count(nodes, f"{RUNS}-{namespace}") == 1)
    client.indices.refresh(index=f"logs-slowtask.*-{namespace}")  # each copy, whichever is searched

    [hit] = client.search(index=f"{RUNS}-{namespace}")["hits"]["hits"]
    expected = msgspec.json.decode(LineFormatter().format_run(run))
    found = flatten(hit["_source"])
    assert hit["_id"] == expected.pop("event.id")
    assert found.pop("@timestamp")[:23] == expected.pop("@timestamp")[:23]
    assert found == expected
    for line, (stream, field, value) in OTHERS.items():
        hits = client.search(index=f"{stream}-{namespace}", size=20)["hits"]["hits"]
        documents = [flatten(each["_source"]) for each in hits]
        assert [each for each in documents if each.get(field) == value], line
    originals = {flatten(each["_source"]).get("event.original") for each in hits}
    assert {line for line, (stream, *_) in OTHERS.items() if "unparsed" in stream} <= originals
    assert any("document_parsing_exception" in json.dumps(each["_source"]) for each in hits)


def test_killed_nodes_and_a_killed_filebeat_cost_no_record(nodes, filebeat, log, namespace):
    """While lines flow: Filebeat, the node with the primary shard, which comes back, and the master."""
    stream, recorder, parts = f"{RUNS}-{namespace}", Recorder(log), iter(runs())

    def flow(steps):
        """Write so many parts, and return once Elasticsearch has got on."""
        before = count(nodes, stream)
        for _, part in zip(range(steps), parts, strict=False):
            recorder.write(part)
        wait_until(lambda: count(nodes, stream) > before)

    filebeat.start()
    flow(10)
    filebeat.stop(signal.SIGKILL)
    recorder.write(next(parts))
    filebeat.start()
    flow(9)
    for find, comes_back in ((nodes.holder, True), (lambda _: nodes.master(), False)):
        nodes.wait()  # so that another node has a copy
        killed = find(stream)
        recorder.write(next(parts))
        nodes.kill(killed)
        flow(9)
        if comes_back:
            nodes.start(killed)
    for part in parts:
        recorder.write(part)
    wait_until(lambda: len(stored(nodes, stream)) >= LINES)
    found = stored(nodes, stream)

    assert len(recorder.ids) == LINES
    assert len(found) == len(set(found)) == LINES
    assert set(found) == set(recorder.ids)
    tasks, expected = top(f"{nodes.url}/{stream}"), top(*map(str, log.parent.iterdir()))
    for name in ("deviation", "p50", "p95", "p99"):  # of 20,000 runs and more a digest knows them within 1 %
        found = [each.pop(name) for each in tasks]
        assert found == pytest.approx([each.pop(name) for each in expected], rel=0.01)
    assert tasks == expected


def test_lines_that_are_sent_again_are_stored_once(nodes, filebeat, log, namespace, tmp_path):
    """By a Filebeat that has lost what it knew: runs by their ids, other lines by where they stand."""
    streams = f"{RUNS}-{namespace}", f"logs-slowtask.unparsed-{namespace}"
    log.write_bytes(b"".join(LineFormatter().format_run(made(number=n)) for n in range(50)) + b"no JSON\n")
    filebeat.start()
    wait_until(lambda: [count(nodes, each) for each in streams] == [50, 1])
    filebeat.stop()
    shutil.rmtree(tmp_path / "data" / "registry")
    filebeat.start()
    log.with_name("last.ndjson").write_bytes(LineFormatter().format_run(made(number=51)))
    wait_until(lambda: count(nodes, streams[0]) == 51)

    assert [len(stored(nodes, each)) for each in streams] == [51, 1]
