"""filebeat.yml without a Filebeat: its keys are documented ones, and it joins lines that belong together."""

import fnmatch
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import missing

from places import DOCS, EXAMPLES, GOLDEN, ROOT, TESTS
from slowtask.record.line import MAX_LINE_BYTES
from wild import WILD

PLATFORMS = (DOCS / "platforms.md").read_text()
#: The inputs that the page on platforms shows.
SNIPPETS = [
    each
    for block in re.findall(r"^```yaml\n(.*?)^```$", PLATFORMS, re.MULTILINE | re.DOTALL)
    for each in yaml.safe_load(block)
]
#: The keys that Filebeat 9's reference documents, of those inputs that filebeat.yml doesn't use.
SNIPPET_KEYS = {
    "tcp": {"host", "framing", "ssl"},
    "aws-cloudwatch": {"log_group_arn", "start_position", "scan_frequency"},
    "gcp-pubsub": {"project_id", "topic", "subscription.name", "credentials_file"},
}
CONFIGURATION = ROOT / "filebeat" / "filebeat.yml"
EVENTS = ROOT / "logstash" / "ruby" / "slowtask" / "events.rb"
LOGS = sorted((GOLDEN).glob("*.log"))

#: What Filebeat 9's reference documents, of what we use: `filestream`, multiline, queue, output, logging.
INPUT = {
    "type",
    "id",
    "enabled",
    "compression",  # since 9.3
    "prospector.scanner.symlinks",
    "units",
    "seek",
    "paths",
    "prospector.scanner.exclude_files",
    "prospector.scanner.check_interval",
    "prospector.scanner.fingerprint.enabled",
    "prospector.scanner.fingerprint.length",
    "file_identity.fingerprint",
    "file_identity.native",
    "backoff.init",
    "backoff.max",
    "publisher_pipeline.disable_host",
    "parsers",
}
CONTAINER = {"stream", "format"}
MULTILINE = {"type", "pattern", "negate", "match", "max_lines", "timeout"}
TOP = {"filebeat.inputs", "queue.disk", "output.logstash", "logging.metrics.enabled"}
OUTPUT = {"hosts", "backoff.max", "loadbalance", "ssl"}
TLS = {"enabled", "certificate_authorities", "certificate", "key"}
KAFKA = {
    "hosts", "topic", "version", "key", "partition.hash", "required_acks", "max_retries",
    "metadata.retry.max", "metadata.retry.backoff", "backoff.max", "compression", "max_message_bytes", "ssl",
}  # fmt: skip
#: The inputs that are off, and the variables: which turns each on, and which says what it reads.
OPTIONAL = {
    "slowtask-archives": ("SLOWTASK_ARCHIVES", "SLOWTASK_LOG_FOLDER"),
    "slowtask-journal": ("SLOWTASK_JOURNAL", "SLOWTASK_JOURNAL_UNITS"),
    "slowtask-containers": ("SLOWTASK_CONTAINERS", "SLOWTASK_CONTAINER_LOGS"),
}
#: Logs as people have them in which some line of a run doesn't begin an event, and what they are.
JOINED = {
    "69-terminal-wrapped": "the line goes on in the next",
    "70-powershell-utf16": "Filebeat recodes it by its setting `encoding`",
    "114-rq02-minutes": "times without seconds",
    "135-cloudwatch-filter-log-events": "an export",
    "137-cloudwatch-console-csv": "an export",
    "144-grep-context-rq": "the output of grep",
    "154-cat-n": "the output of cat",
    "166-cloudwatch-insights-answer": "an export",
    "169-azure-log-analytics": "an export",
    "171-kibana-csv-rq": "an export",
}
#: How files may be named in a folder of logs, and which input takes them.
NAMES = {
    "slowtask.ndjson": "slowtask-runs",
    "slowtask.ndjson.20261123T184758.145554Z": "slowtask-runs",  # our own rotation
    "slowtask.ndjson-20261122": "slowtask-runs",  # logrotate, with dateext
    "slowtask.ndjson.1": "slowtask-runs",
    "slowtask.ndjson-20261121.gz": "slowtask-runs",
    "slowtask.ndjson-20261120.parquet": None,
    "worker.log": "slowtask-stock",
    "worker.log.1": "slowtask-stock",
    "worker.log-20261122": "slowtask-stock",
    "worker.log.2.gz": "slowtask-archives",
    "shop.log.ndjson": "slowtask-runs",
    "shop.log.ndjson.1.gz": "slowtask-runs",
    "notes.txt": None,
}


@pytest.fixture(scope="module")
def configuration():
    return yaml.safe_load(CONFIGURATION.read_text())


@pytest.fixture(scope="module")
def kafka():
    return yaml.safe_load((ROOT / "filebeat" / "kafka.yml").read_text())


@pytest.fixture(scope="module")
def runs(configuration):
    return configuration["filebeat.inputs"][0]


@pytest.fixture(scope="module")
def stock(configuration):
    return configuration["filebeat.inputs"][1]


@pytest.fixture(scope="module")
def named(configuration):
    return {each["id"]: each for each in configuration["filebeat.inputs"]}


@pytest.fixture(scope="module")
def joined(tmp_path_factory, stock):
    """Joins the lines of a log as Filebeat does: the first line and length of each event."""
    go = shutil.which("go") or missing("go")
    binary = tmp_path_factory.mktemp("multiline") / "multiline"
    source = TESTS / "support" / "multiline" / "main.go"
    subprocess.run([go, "build", "-o", binary, source], cwd=source.parent, check=True)
    pattern = stock["parsers"][0]["multiline"]["pattern"]

    def join(log):
        done = subprocess.run([binary, pattern, log], capture_output=True, text=True, check=True)
        return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]

    return join


def seconds(text):
    return float(re.sub(r"[a-z]+$", "", text)) * {"ms": 0.001, "s": 1}[re.search("[a-z]+$", text)[0]]


# Its keys


def test_every_key_is_one_that_filebeat_documents(configuration):
    assert set(configuration) <= TOP
    assert set(configuration["output.logstash"]) <= OUTPUT
    assert set(configuration["queue.disk"]) == {"max_size"}
    for each in configuration["filebeat.inputs"]:
        assert set(each) <= INPUT
        for parser in each.get("parsers", []):
            assert len(parser) == 1
            assert set(parser.get("multiline", {})) <= MULTILINE
            assert set(parser.get("container", {})) <= CONTAINER


def test_every_key_of_the_output_for_kafka_is_documented(kafka):
    assert kafka.keys() == {"output.logstash.enabled", "output.kafka"}
    assert set(kafka["output.kafka"]) <= KAFKA
    assert set(kafka["output.kafka"]["partition.hash"]) == {"reachable_only"}


def test_to_kafka_goes_each_line_or_it_waits(kafka):
    """All replicas have it before Filebeat forgets it, and no other partition gets it meanwhile."""
    output = kafka["output.kafka"]

    assert kafka["output.logstash.enabled"] is False
    assert (output["required_acks"], output["max_retries"]) == (-1, -1)
    assert output["partition.hash"]["reachable_only"] is False
    assert output["max_message_bytes"] > 50 * MAX_LINE_BYTES


def test_kafkas_key_is_what_the_filter_knows_a_log_by(kafka):
    """The machine and the path."""
    assert kafka["output.kafka"]["key"] == "%{[agent.id]} %{[log.file.path]:journal}"
    assert '"source" => [machine, path].compact.join(":")' in EVENTS.read_text()


def test_tls_is_off_until_a_variable_turns_it_on(configuration, kafka):
    for name, output in (("LOGSTASH", configuration["output.logstash"]), ("KAFKA", kafka["output.kafka"])):
        assert set(output["ssl"]) == TLS
        assert output["ssl"]["enabled"] == f"${{{name}_TLS:false}}"


def test_several_logstashes_get_no_log_by_halves(configuration):
    assert configuration["output.logstash"]["loadbalance"] == "${LOGSTASH_LOADBALANCE:false}"


def test_inputs_have_ids_of_their_own(configuration):
    inputs = configuration["filebeat.inputs"]

    assert [each["id"] for each in inputs] == ["slowtask-runs", "slowtask-stock", *OPTIONAL]
    assert {each["type"] for each in inputs} == {"filestream", "journald"}


def test_nothing_is_added_to_a_line_that_can_be_left_out(configuration):
    """No processors, tags or fields, and not Filebeat's host: each line is sent as it is."""
    assert "processors" not in CONFIGURATION.read_text()
    assert all(each["publisher_pipeline.disable_host"] for each in configuration["filebeat.inputs"])
    assert not re.search(r"^\s*(tags|fields)", CONFIGURATION.read_text(), re.MULTILINE)


def test_what_waits_for_logstash_is_on_disk(configuration):
    assert configuration["queue.disk"]["max_size"] == "1GB"


# Which files, and how they are told apart


@pytest.mark.parametrize(("name", "input_"), NAMES.items())
def test_each_file_is_read_by_one_input(configuration, name, input_):
    taken = [
        each["id"]
        for each in configuration["filebeat.inputs"]
        if "SLOWTASK_LOG_FOLDER" in str(each.get("paths"))
        if any(fnmatch.fnmatchcase(name, Path(path).name) for path in each["paths"])
        and not any(re.search(excluded, name) for excluded in each["prospector.scanner.exclude_files"])
    ]

    assert taken == ([input_] if input_ else [])


def test_a_file_of_ours_is_known_by_its_first_bytes_and_read_from_its_first_line_on(runs):
    length = runs["prospector.scanner.fingerprint.length"]
    lines = (EXAMPLES / "slowtask.ndjson").read_bytes().splitlines()

    assert "file_identity.fingerprint" in runs
    assert runs["prospector.scanner.fingerprint.enabled"] is True
    assert min(map(len, lines)) > length >= 64
    assert len({line[:length] for line in lines}) == len(lines)


def test_a_stock_log_is_known_by_its_inode(stock):
    assert "file_identity.native" in stock
    assert stock["prospector.scanner.fingerprint.enabled"] is False


def test_a_line_is_looked_for_soon(configuration):
    """Filebeat asks for `init <= max <= check_interval`."""
    for each in (each for each in configuration["filebeat.inputs"] if each["type"] == "filestream"):
        waits = [each["backoff.init"], each["backoff.max"], each["prospector.scanner.check_interval"]]

        assert sorted(waits, key=seconds) == waits
        assert seconds(waits[-1]) <= 1


def test_the_lines_of_ours_are_never_joined(runs):
    assert "parsers" not in runs


# Inputs that are off


@pytest.mark.parametrize(("name", "variables"), OPTIONAL.items())
def test_another_input_is_off_until_its_variable_turns_it_on(named, name, variables):
    switch, what = variables

    assert named[name]["enabled"] == f"${{{switch}:false}}"
    assert f"${{{what}:" in str(named[name].get("paths", named[name].get("units")))


def test_the_lists_of_variables_are_strings_that_filebeat_splits_at_commas(named):
    assert named["slowtask-journal"]["units"] == "${SLOWTASK_JOURNAL_UNITS:rq.service,celery.service}"
    assert named["slowtask-containers"]["paths"] == "${SLOWTASK_CONTAINER_LOGS:/var/log/containers/*.log}"


def test_all_inputs_of_stock_lines_join_them_alike(named, stock):
    others = [named[name]["parsers"] for name in OPTIONAL]

    assert [parsers[-1] for parsers in others] == stock["parsers"] * len(OPTIONAL)


def test_a_containers_line_is_unwrapped_before_lines_are_joined(named):
    assert [next(iter(parser)) for parser in named["slowtask-containers"]["parsers"]] == [
        "container",
        "multiline",
    ]


def test_compressed_files_are_known_by_their_first_bytes(configuration):
    """Filebeat asks for it where it reads them."""
    compressed = [each for each in configuration["filebeat.inputs"] if "compression" in each]

    assert [each["id"] for each in compressed] == ["slowtask-runs", "slowtask-archives"]
    assert all(each["prospector.scanner.fingerprint.enabled"] for each in compressed)
    assert all("file_identity.fingerprint" in each for each in compressed)


def test_the_page_on_platforms_tells_the_variables_with_their_defaults(named):
    rows = re.findall(r"^\| .* \| (`SLOWTASK_.*`) \|$", PLATFORMS, re.MULTILINE)
    told = set(re.findall(r"SLOWTASK_[A-Z_]*[A-Z]", " ".join(rows)))

    assert told == {variable for variables in OPTIONAL.values() for variable in variables}


@pytest.mark.parametrize("block", SNIPPETS, ids=lambda block: block["id"])
def test_a_snippet_of_the_page_on_platforms_is_an_input(block):
    known = INPUT | SNIPPET_KEYS.get(block["type"], set())

    assert block["type"] in {"filestream", "journald", *SNIPPET_KEYS}
    assert set(block) <= known
    assert len(block) <= 5


# Lines that belong together


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_joining_loses_no_line(joined, log):
    events = joined(log)

    assert events[0][0] == 1
    assert [first + count for first, count in events[:-1]] == [first for first, _ in events[1:]]
    assert sum(count for _, count in events) == len(log.read_bytes().splitlines())


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_every_line_that_tells_of_a_run_begins_an_event(joined, log):
    expected = map(json.loads, log.with_suffix(".expected.ndjson").read_text().splitlines())
    telling = {each["line"] for each in expected if "event" in each}

    assert telling
    assert telling <= {first for first, _ in joined(log)}


@pytest.mark.parametrize("log", sorted(WILD.glob("*.log")), ids=lambda log: log.stem)
def test_so_does_one_in_wrappers_or_with_another_head(joined, log):
    """A line that doesn't is joined to the one before, and read there; but of too many the last are lost."""
    expected = json.loads(log.with_suffix(".expected.json").read_text())
    telling = {line for run in expected["runs"] for line in run["lines"]}

    missing = telling - {first for first, _ in joined(log)}
    assert bool(missing) == (log.stem in JOINED), missing


@pytest.mark.parametrize("log", [log for log in LOGS if log.stem != "text-format"], ids=lambda log: log.stem)
def test_a_traceback_is_one_event_with_the_line_that_it_follows(joined, log):
    lines = log.read_text().splitlines()
    tracebacks = [number for number, line in enumerate(lines, 1) if line.startswith("Traceback (most recent")]
    heads = {
        number: lines[first - 1]
        for first, count in joined(log)
        for number in tracebacks
        if first < number < first + count
    }

    assert tracebacks
    assert sorted(heads) == tracebacks
    kinds = re.compile("(?i)raised|exception|error|unregistered|reject")
    assert all(kinds.search(head) for head in heads.values()), heads


def test_the_longest_traceback_here_is_kept_whole(joined, stock):
    longest = max(count for log in LOGS for _, count in joined(log))

    assert longest < stock["parsers"][0]["multiline"]["max_lines"]


def test_a_coloured_line_begins_an_event(joined, tmp_path):
    log = tmp_path / "worker.log"
    log.write_text('\x1b[32m18:47:58 default: Job OK (7)\nat six sharp\n{"@timestamp":"x"}\nTime: 1\n')

    assert joined(log) == [(1, 2), (3, 1), (4, 1)]
