"""The integration's ingest pipelines, run by Elasticsearch's own classes: the twin of Logstash's filter."""

import json

import pytest
import yaml

import ingest
from documents import nested
from generate.streams import STREAMS
from pipeline import kinds, logstash, odd
from slowtask.parse.events import events
from slowtask.parse.sources import resolve
from slowtask.record import event

pytestmark = pytest.mark.usefixtures("ingest_classes")

RUN = json.loads(odd.event())
WHOLE = odd.event()
#: Of each of these lines Logstash's filter makes several documents, which a pipeline can't.
SEVERAL = [
    WHOLE[:60] + WHOLE, WHOLE[:40] + WHOLE[:50] + WHOLE, "x" + WHOLE + WHOLE[:40], "garbage " + WHOLE,
    "\0\0\0" + WHOLE,
]  # fmt: skip
#: Elasticsearch 7.10 reads JSON less strictly than 8 and 9 do: what follows it is passed over.
LENIENT = [WHOLE + WHOLE, WHOLE + " trailing", f"[{WHOLE}]"]
#: The pipeline takes spaces and NUL bytes off both ends of a line, and a byte order mark off its beginning.
TRIMMED = [WHOLE + "\0\0", "  " + WHOLE, "\ufeff" + WHOLE]


@pytest.fixture(scope="module")
def stored():
    """What the pipelines make of the package's test lines, by the path of the file."""
    return ingest.written()


def without_agent(document):
    """What is stored, with its id, and without what an agent's documents have besides."""
    source = {
        name: value for name, value in document["source"].items() if name not in ("agent", "data_stream")
    }
    inner = source.get("event", {}) | ({"id": document["id"]} if document["id"] else {})
    return source | {"event": inner}


def comparable(document):
    """A document to compare: of an unparsed line the id is each reader's own."""
    if document["event"]["dataset"] == "slowtask.unparsed":
        document["event"].pop("id")
    return document


def test_the_pipelines_make_of_the_test_lines_what_is_expected(stored):
    differ = [name for name, text in stored.items() if (ingest.PACKAGE / name).read_text() != text]

    assert differ == []
    assert len(stored) == 4 + 3


def test_runs_are_what_slowtask_parse_reads():
    path = next(each for each in ingest.cases("run") if each.stem == "test-runs")
    told = json.loads(path.with_name(f"{path.name}-expected.json").read_text())["expected"]
    read = [event.fields(each) for each in events(resolve([str(path)])[0])]
    for each in read:
        del each["event.id"]  # a document's own

    assert [each.get("labels") for each in read] == [None, {"tenant": "acme"}, None, None, None]
    assert [nested(each) for each in read] == told
    assert len(told) == 5


@pytest.mark.usefixtures("jruby")
def test_lines_of_ours_are_stored_as_logstash_stores_them():
    """Values and times of all kinds, right and wrong, nested, torn and glued."""
    others = {*SEVERAL, *LENIENT, *TRIMMED}
    lines = [each for each in odd.of_ours() if each not in others and '"_source"' not in each]
    found = ingest.through("run", lines)
    pipelines = logstash.pipelines().fresh()

    assert len(lines) > 200
    for place, (line, document) in enumerate(zip(lines, found, strict=True)):
        [expected] = map(logstash.document, pipelines.events([ingest.sent(line, place)]))

        assert comparable(without_agent(document)) == comparable(expected), line


@pytest.mark.usefixtures("jruby")
@pytest.mark.parametrize("line", SEVERAL, ids=["torn", "twice torn", "torn behind it", "words", "NUL bytes"])
def test_of_a_torn_line_and_a_whole_one_the_run_is_stored_and_the_line_kept(line):
    [document] = ingest.through("run", [line])
    runs = map(logstash.document, logstash.pipelines().fresh().events([ingest.sent(line)]))
    [run, *_] = [each for each in runs if each["event"]["dataset"] == "slowtask.run"]
    got = without_agent(document)

    assert got["event"].pop("original", line) == line
    assert got == run


def test_samples_and_alerts_are_stored_as_logstash_stores_them(jruby):
    told = kinds.of_ours()
    pipelines = logstash.pipelines().fresh()
    for stream, name in (("queue", "sample"), ("alert", "alert")):
        [line] = told[name]
        [document] = ingest.through(stream, [line])
        [expected] = map(logstash.document, pipelines.events([ingest.sent(line)]))

        assert without_agent(document) == expected


def test_no_line_is_lost_but_blank_ones():
    lines = [
        "{}",
        "{",
        "{'a': 1}",
        "x",
        '{"a": 1}',
        "\0\0",
        "[1]",
        "2026-11-23 18:48:36 INFO x",
        "",
        "  ",
        "\r",
    ]
    found = ingest.through("run", lines)

    assert [each is None for each in found] == [not line.strip(" \r\0") for line in lines]
    kept = [(line, each) for line, each in zip(lines, found, strict=True) if each]
    assert [each["source"]["event"]["original"] for _, each in kept] == [line for line, _ in kept]
    assert {each["source"]["event"]["reason"] for _, each in kept} == {
        "torn-json", "not-an-event", "unknown-format",
    }  # fmt: skip


def test_a_line_that_is_sent_again_has_the_same_id_and_two_equal_lines_have_two():
    bad = ingest.sent("{torn", 7)
    again, other, run, run_again = (
        ingest.sent("{torn", 7), ingest.sent("{torn", 20), ingest.sent(WHOLE, 30), ingest.sent(WHOLE, 50),
    )  # fmt: skip
    ids = [each["id"] for each in ingest.through("run", [bad, again, other, run, run_again])]

    assert ids[0] == ids[1] != ids[2]
    assert ids[3] == ids[4] == RUN["event.id"]


def test_an_id_that_elasticsearch_would_not_take_becomes_one_that_it_takes():
    [long, empty] = ingest.through(
        "run", [odd.event(**{"event.id": "é" * 400}), odd.event(**{"event.id": ""})]
    )

    assert len(long["id"]) == len(empty["id"]) == 32


def test_a_mistake_of_the_pipeline_loses_no_line():
    [document] = ingest.through("run", [ingest.sent("{torn") | {"log": 5}])

    assert document["source"]["event"]["original"] == "{torn"
    assert "message" not in document["source"]
    assert document["source"]["event"]["dataset"] == "slowtask.unparsed"
    assert document["source"]["event"]["kind"] == "pipeline_error"
    assert "read_line" in document["source"]["error"]["message"]


def test_nothing_of_the_agent_stays_but_what_fleet_needs():
    [document] = ingest.through("run", [WHOLE])

    assert document["source"].keys() - nested(RUN).keys() == {"agent", "data_stream"}
    assert document["source"]["agent"] == {"id": "a1"}


@pytest.mark.parametrize("stream", [each.name for each in STREAMS if each.reads])
def test_every_field_that_is_stored_is_declared(stream):
    declared = {"labels.*"}
    for name in (stream, "unparsed"):
        for path in (ingest.PACKAGE / "data_stream" / name / "fields").glob("*.yml"):
            declared |= {each["name"] for each in yaml.safe_load(path.read_text())}
    for path in ingest.cases(stream):
        for each in json.loads(path.with_name(f"{path.name}-expected.json").read_text())["expected"]:
            assert {name for name in named(each or {}) if not name.startswith("labels.")} <= declared


def named(document, prefix=""):
    """The dotted names of a document's fields."""
    for name, value in document.items():
        yield from named(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
