"""The files of shippers/, run where the program can be had, else read."""

import json
import re
import shutil
import signal
import subprocess
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
import yaml
from conftest import missing, wait_until
from elasticsearch import Elasticsearch

from collector import Collector
from collector.bodymap import BodyMap
from elastic.server import free_port
from environments import VRL
from fluentbit import FluentBit
from gate import Gate
from logs import made
from pipeline.almost import FULL
from places import DOCS, ROOT, TESTS
from slowtask.parse.ndjson import flatten
from slowtask.record.append import File
from slowtask.record.line import MAX_LINE_BYTES, LineFormatter

SHIPPERS = ROOT / "shippers"
PAGE = (DOCS / "shippers.md").read_text()
FILES = sorted(SHIPPERS.iterdir())
STREAM = "logs-slowtask.run-default"


#: What the references of the versions that the page names document, of what the files use.
KEYS = {
    "collector.yaml": """
        extensions file_storage directory create_directory fsync receivers filelog include exclude start_at
        storage include_file_name retry_on_failure enabled max_elapsed_time operators type parse_to
        parse_ints on_error expr parse_from layout_type layout from to exporters elasticsearch endpoint user
        password logs_index logs_dynamic_id mapping mode retry max_retries initial_interval max_interval
        retry_on_status sending_queue block_on_overflow sizer queue_size batch flush_timeout min_size
        max_size service pipelines logs""",
    "fluent-bit.yaml": """
        service flush scheduler.cap storage.path parsers
        name format time_key time_format time_keep pipeline inputs tag
        path exclude_path read_from_head refresh_interval db db.compare_filename buffer_max_size
        skip_long_lines storage.type storage.pause_on_chunks_overlimit filters match regex key_name parser
        exclude outputs host port tls http_user http_passwd index write_operation id_key suppress_type_name
        replace_dots time_key_nanos buffer_size retry_limit""",
    "vector.yaml": """
        data_dir sources slowtask_log type include exclude read_from fingerprint strategy lines
        ignored_header_bytes transforms slowtask_run inputs drop_on_error drop_on_abort source sinks
        elasticsearch endpoints api_version auth user password mode data_stream dataset namespace
        auto_routing sync_fields id_key request_retry_partial acknowledgements enabled""",
}
#: Lines that a log of runs may hold and that no shipper may store as a run.
OTHERS = [
    b'{"@timestamp":"2026-11-23T2',
    b"no JSON",
    b'{"message":"of another program"}',
    b'{"@timestamp":"2026-11-23T23:45:16.807030Z","event.id":"a","event.dataset":"slowtask.queue"}',
    b"",
]


def load(name):
    return yaml.safe_load((SHIPPERS / name).read_text())


def runs(first, count):
    """That many runs; one has every field, one is as long as a line may be."""
    yield msgspec.structs.replace(FULL, id=f"full-{first}")
    yield made(number=first, error="E", message="m" * 1024, stack_trace=" é💥" * 2150)
    yield from (made(number=number) for number in range(first + 2, first + count))


class Stream(NamedTuple):
    """A data stream of the tests' Elasticsearch."""

    client: Elasticsearch
    index: str


class Recorder:
    """Writes runs as a worker does, to a log that it rotates every 20,000 bytes."""

    def __init__(self, path):
        self._file, self._formatter = File(str(path), 20_000, 10_000, check_interval=0), LineFormatter()
        self.records = {}  #: without its id, by that

    def write(self, count):
        for run in runs(len(self.records), count):
            line = self._formatter.format_run(run)
            self._file.append(line)
            record = msgspec.json.decode(line)
            self.records[record.pop("event.id")] = record
        self._file.close()

    @property
    def lines(self):
        return len(self.records)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path


@pytest.fixture
def log(folder):
    return folder / "log" / "slowtask.ndjson"


@pytest.fixture
def recorder(log):
    return Recorder(log)


@pytest.fixture
def target(elasticsearch, namespace):
    """What stands in for the exporter, not yet listening."""
    return BodyMap(elasticsearch, f"logs-slowtask.run-{namespace}", free_port())


@pytest.fixture
def collector(folder, log, target):
    """The Collector with the recipe's receiver and queue, not yet started."""
    collector = Collector(folder, adapted(folder, log, target.port))
    yield collector
    collector.stop(signal.SIGKILL)


def adapted(folder, log, port):
    """The recipe with paths of our own, and an exporter for the one that can't be had."""
    recipe = load("collector.yaml")
    recipe["extensions"]["file_storage"]["directory"] = str(folder / "storage")
    receiver = recipe["receivers"]["filelog"]
    receiver["include"] = [f"{log}*"]
    receiver["exclude"] = [f"{log.parent}/*.gz", f"{log.parent}/*.parquet"]
    recipe["exporters"] = {
        "otlphttp": {
            "endpoint": f"http://127.0.0.1:{port}",
            "encoding": "json",
            "compression": "none",
            "sending_queue": recipe["exporters"]["elasticsearch"]["sending_queue"],
            "retry_on_failure": {"initial_interval": "100ms", "max_interval": "1s", "max_elapsed_time": 0},
        }
    }
    recipe["service"]["pipelines"]["logs"]["exporters"] = ["otlphttp"]
    return recipe


def stored(target):
    """The documents of the data stream by their id, flat."""
    if not target.client.indices.exists(index=target.index):
        return []
    target.client.indices.refresh(index=target.index)
    found = target.client.search(index=target.index, size=10_000)
    return [(hit["_id"], flatten(hit["_source"])) for hit in found["hits"]["hits"]]


def wait_for(target, recorder):
    """Return the documents by id once there are as many as lines; no id may be there twice."""
    wait_until(lambda: len(stored(target)) >= recorder.lines, 60)
    found = stored(target)
    assert len(dict(found)) == len(found)
    return dict(found)


# The Collector, run


def test_the_collector_loses_and_doubles_nothing_by_rotation_kills_and_an_absent_target(
    collector, target, recorder
):
    recorder.write(100)
    collector.start()
    recorder.write(100)
    collector.stop(signal.SIGKILL)
    recorder.write(100)
    collector.start()
    with target:
        recorder.write(100)
        wait_until(target.seen.is_set)
        collector.stop(signal.SIGKILL)
        recorder.write(100)
    collector.start()
    recorder.write(100)
    with target:
        found = wait_for(target, recorder)

    assert found == recorder.records


def test_the_collector_keeps_the_lines_around_a_torn_one(collector, target, recorder, log):
    recorder.write(3)
    with log.open("ab") as file:
        file.write(b"\n".join([*OTHERS, b""]))
    recorder.write(3)
    collector.start()
    with target:
        found = wait_for(target, recorder)

    assert found == recorder.records


def test_the_collector_stores_no_line_twice_if_it_lost_its_positions(collector, target, recorder, folder):
    recorder.write(50)
    collector.start()
    with target:
        wait_for(target, recorder)
        collector.stop()
        shutil.rmtree(folder / "storage")
        collector.start()
        wait_until(lambda: len(target.statuses) == 100)
        found = wait_for(target, recorder)

    assert target.statuses == [201] * 50 + [409] * 50
    assert found == recorder.records


def test_the_collector_sends_on_what_copytruncate_left(collector, target, recorder, log):
    """Lines between the copy and the truncation are lost whoever reads them; here there are none."""
    collector.start()
    with target:
        for number in range(3):
            recorder.write(10)
            copy = log.with_name(f"slowtask.ndjson.{number}")
            copy.write_bytes(log.read_bytes())
            log.open("wb").close()
        found = wait_for(target, recorder)

    assert found == recorder.records


def test_the_collector_reads_what_docker_and_kubernetes_put_around_a_line(folder, log, target, recorder):
    """With the operator that the page names, before the others."""
    recorder.write(20)
    lines = [line for path in log.parent.iterdir() for line in path.read_bytes().splitlines()]
    [operator] = re.findall(r"first operator `(.*?)`", PAGE)
    recipe = adapted(folder, log, target.port)
    recipe["receivers"]["filelog"]["include"] = [f"{folder}/pod-*.log"]
    recipe["receivers"]["filelog"]["operators"].insert(0, yaml.safe_load(operator))
    write_wrapped(folder, [*OTHERS, *lines])
    with target, Collector(folder, recipe):
        found = wait_for(target, recorder)

    assert found == recorder.records


def write_wrapped(folder, lines):
    """Write every other of *lines* as Docker does, the rest as Kubernetes does; a long one in parts."""
    docker = [
        json.dumps({"log": f"{line.decode()}\n", "stream": "stdout", "time": "2026-11-23T23:45:16.8Z"})
        for line in lines[::2]
    ]
    cri = []
    for line in map(bytes.decode, lines[1::2]):
        cri += [f"2026-11-23T23:45:16.807030000Z stdout P {line[:40]}"] if len(line) > 400 else []
        cri += [f"2026-11-23T23:45:16.807030000Z stdout F {line[40:] if len(line) > 400 else line}"]
    (folder / "pod-docker.log").write_text("".join(f"{line}\n" for line in docker))
    (folder / "pod-cri.log").write_text("".join(f"{line}\n" for line in cri))


# Vector's program, run; the rest of its file, read


@pytest.fixture
def remap(tmp_path):
    """What Vector's program makes of the lines of a log."""
    if not VRL.made:
        missing(VRL.name)
    program = tmp_path / "program.vrl"
    program.write_text(load("vector.yaml")["transforms"]["slowtask_run"]["source"])
    command = [VRL.python, TESTS / "support" / "vrl.py", program]

    def run(text):
        done = subprocess.run(command, input=text, capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_vectors_event_is_the_line_with_nothing_beside(remap, recorder, log):
    recorder.write(40)
    text = b"".join(
        path.read_bytes() for path in sorted(log.parent.iterdir(), key=lambda p: p.stat().st_mtime_ns)
    )

    events = remap(text)

    assert {event.pop("event.id"): event for event in events} == recorder.records


def test_vector_drops_what_is_no_run(remap):
    assert remap(b"\n".join([*OTHERS, b""])) == [None] * len(OTHERS)


def test_vector_creates_documents_under_the_id_of_the_line():
    sink = load("vector.yaml")["sinks"]["elasticsearch"]

    assert sink["mode"] == "data_stream"
    assert sink["id_key"] == '"event.id"'
    assert "-".join(sink["data_stream"][part] for part in ("type", "dataset", "namespace")) == STREAM
    assert sink["acknowledgements"]["enabled"] is True


# Fluent Bit, run in an older version; what that doesn't know, read


@pytest.fixture
def gate(cluster):
    gate = Gate(urlsplit(cluster.url).port)
    yield gate
    gate.close()


@pytest.fixture
def stream(elasticsearch, namespace):
    return Stream(elasticsearch, f"logs-slowtask.run-{namespace}")


@pytest.fixture
def shipper(folder, log, cluster, gate, stream):
    """Fluent Bit with the recipe, not yet started."""
    recipe = load("fluent-bit.yaml")
    recipe["service"] |= {"storage.path": folder / "storage", "scheduler.base": 1, "scheduler.cap": 2}
    recipe["pipeline"]["inputs"][0] |= {"path": f"{log}*", "db": folder / "positions.db"}
    recipe["pipeline"]["outputs"][0] |= {
        "host": "127.0.0.1",
        "port": gate.port,
        "http_user": cluster.username,
        "http_passwd": cluster.password,
        "tls": cluster.url.startswith("https"),
        "tls.ca_file": cluster.ca,
        "index": stream.index,
    }
    shipper = FluentBit(folder, recipe)
    yield shipper
    shipper.stop(signal.SIGKILL)


def test_fluent_bit_loses_and_doubles_nothing_by_rotation_kills_and_an_absent_target(
    shipper, gate, stream, recorder, log
):
    recorder.write(100)
    shipper.start()
    recorder.write(100)
    wait_until(lambda: "failed to flush" in shipper.log)
    shipper.stop(signal.SIGKILL)
    recorder.write(100)
    with log.open("ab") as file:
        file.write(b"\n".join([*OTHERS, b""]))
    gate.open.set()
    shipper.start()
    recorder.write(100)
    wait_until(lambda: stored(stream))
    shipper.stop(signal.SIGKILL)
    recorder.write(100)
    shipper.start()
    found = wait_for(stream, recorder)

    assert {name: as_recorded(record, name) for name, record in found.items()} == recorder.records


def as_recorded(record, name):
    """A document of Fluent Bit's without what it has besides: the id, and three digits of the time."""
    assert record.pop("event.id") == name
    return record | {"@timestamp": record["@timestamp"].replace("000Z", "Z")}


@pytest.fixture(scope="module")
def fluent_bit():
    return load("fluent-bit.yaml")


def test_fluent_bit_takes_whole_lines_of_runs_and_no_others(fluent_bit, recorder, log):
    """Onigmo, its engine, has what the expression uses, as Python's has."""
    key, pattern = fluent_bit["pipeline"]["filters"][0]["regex"].split(" ", 1)
    recorder.write(40)
    lines = [line for path in log.parent.iterdir() for line in path.read_bytes().splitlines()]

    assert key == "log"
    assert all(re.search(pattern.encode(), line) for line in lines)
    assert not any(re.search(pattern.encode(), line) for line in [*OTHERS, *(line[:-1] for line in lines)])


def test_fluent_bit_reads_the_time_of_a_line(fluent_bit):
    [parser] = fluent_bit["parsers"]
    moment = msgspec.json.decode(LineFormatter().format_run(FULL))[parser["time_key"]]

    assert parser["time_format"] == "%Y-%m-%dT%H:%M:%S.%L%z"
    assert datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f%z") == FULL.timestamp


def test_what_fluent_bit_sends_is_stored_like_any_other_record(
    elasticsearch, namespace, recorder, fluent_bit
):
    """It writes the time with nine digits, and leaves `event.id` in the document."""
    recorder.write(3)
    index, output = f"logs-slowtask.run-{namespace}", fluent_bit["pipeline"]["outputs"][0]
    operations = []
    for name, record in recorder.records.items():
        operations.append({output["write_operation"]: {"_id": name}})
        operations.append({**record, "@timestamp": record["@timestamp"][:-1] + "000Z", "event.id": name})

    answer = elasticsearch.bulk(index=index, operations=operations, refresh=True)

    assert answer["errors"] is False
    found = elasticsearch.search(index=index, docvalue_fields=["@timestamp", "event.duration"], size=10)
    assert {hit["_id"]: hit["fields"]["event.duration"] for hit in found["hits"]["hits"]} == {
        name: [record["event.duration"]] for name, record in recorder.records.items()
    }


def test_fluent_bit_creates_documents_under_the_id_of_the_line_and_gives_up_on_none(fluent_bit):
    output = fluent_bit["pipeline"]["outputs"][0]

    assert (output["index"], output["write_operation"], output["id_key"]) == (STREAM, "create", "event.id")
    assert output["retry_limit"] == "no_limits"
    assert output["suppress_type_name"] is True


# All of them


def keys(value):
    """The names in a configuration, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_key_is_one_that_its_reference_documents(path):
    assert set(keys(load(path.name))) == set(KEYS[path.name].split())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_page_shows_the_file_as_it_is(path):
    assert path.read_text() in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_rotated_files_are_read_and_compressed_ones_are_not(path):
    assert "/var/log/shop/slowtask.ndjson*" in path.read_text()
    assert ".gz" in path.read_text()
    assert ".parquet" in path.read_text()


def test_the_longest_line_here_is_almost_as_long_as_a_line_may_be():
    longest = max(len(LineFormatter().format_run(run)) for run in runs(0, 3))

    assert MAX_LINE_BYTES * 0.9 < longest <= MAX_LINE_BYTES
