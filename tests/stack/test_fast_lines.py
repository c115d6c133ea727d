"""fast.conf reads runs as slowtask writes them, and no others; the careful way makes the same of them."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from documents import nested
from logs import line, made
from pipeline import almost, logstash
from pipeline.almost import FULL, fast, shipped
from pipeline.parsing import micro
from slowtask.parse.ndjson import flatten
from slowtask.record import event

pytestmark = pytest.mark.usefixtures("jruby")

CONF = (logstash.ROOT / "logstash" / "pipeline" / "fast.conf").read_text()
OPTIONAL = [each for each in msgspec.structs.fields(event.Run) if each.default is None]


@pytest.fixture(scope="module")
def through(jruby):
    """What reaches Elasticsearch of events, by fresh pipelines."""
    return lambda events: logstash.pipelines().fresh().events(events)


def many():
    """Runs with every field alone, with all, with none, and with texts that are hard to read."""
    yield from (FULL, made())
    yield from (msgspec.structs.replace(FULL, **{each.name: None}) for each in OPTIONAL)
    yield from (msgspec.structs.replace(made(), **{each.name: getattr(FULL, each.name)}) for each in OPTIONAL)
    texts = ["a\nb\tc", "\x00\x1f", 'say "hi"', "back\\slash", "é 💥 \u2028", "}{", '","x":"', "a/b", ""]
    yield from (made(error="E", message=text, stack_trace=text) for text in texts)
    yield from (made(outcome=each) for each in ("success", "failure", "unknown"))
    yield from (made(wait=each, took=None) for each in (0, 10**18 - 1))
    yield made(labels={"a": "", "b-c": "é", "d e": "x y"})
    yield made(labels={})


def test_a_run_as_slowtask_writes_it_goes_the_short_way_and_arrives_as_it_is(through):
    runs = list(many())

    found = through(shipped([line(each).decode() for each in runs]))

    assert fast(found) == [True] * len(runs)
    assert {each["@metadata"]["sent"]["pipeline"] for each in found} == {"slowtask-json"}
    assert [logstash.document(each) for each in found] == [nested(event.fields(each)) for each in runs]


def test_every_day_of_five_years_but_the_leap_day_goes_the_short_way(through):
    first = datetime(2025, 1, 1, 23, 59, 59, 999999, UTC)
    days = [first + timedelta(days=each) for each in range(5 * 365 + 1)]

    found = through(shipped([line(msgspec.structs.replace(made(), timestamp=day)).decode() for day in days]))

    assert [logstash.document(each)["@timestamp"] for each in found] == [event.iso(day) for day in days]
    assert [day.strftime("%m-%d") for day, ok in zip(days, fast(found), strict=True) if not ok] == ["02-29"]


def test_an_odd_line_becomes_what_the_careful_way_makes_of_it(through):
    """Sent as of two files: those of *.log* take the careful way alone."""
    lines = list(almost.lines())
    both = [through(shipped(lines, path)) for path in ("/x/worker.ndjson", "/x/worker.log")]

    assert not any(fast(both[1]))
    assert any(fast(both[0]))
    assert len(lines) > 700
    assert [comparable(each) for each in both[0]] == [comparable(each) for each in both[1]]


def comparable(found):
    """A document without its path, on which the two ways differ, and with times of six digits."""
    document = flatten(logstash.document(found)) | {"log.file.path": None, "event.id": None}
    return document | {"@timestamp": micro(document["@timestamp"])}


def test_nothing_of_the_shipper_s_is_left(through):
    [sent] = shipped([line(made()).decode()])
    extra = {
        "labels": {"env": "x"},
        "fields": {"a": 1},
        "ecs": {"version": "8"},
        "event": {"x": 1},
        "tags": ["a"],
    }

    [found] = through([sent | extra])

    assert fast([found]) == [True]
    assert logstash.document(found) == nested(event.fields(made()))


@pytest.mark.parametrize(
    ("path", "pipeline"),
    [("/x/a.ndjson", "slowtask-json"), ("/x/a.ndjson.1", "slowtask-json"), ("/x/a.log", "slowtask-stock"),
     ("/x/a.log.1", "slowtask-stock"), (None, "slowtask-json")],
)  # fmt: skip
def test_a_run_in_a_log_of_stock_lines_stays_in_their_order(path, pipeline, through):
    [sent] = shipped([line(made()).decode()], path or "/")
    if path is None:
        del sent["log"]

    [found] = through([sent])

    assert found["@metadata"]["sent"]["pipeline"] == pipeline


def test_the_expression_has_the_fields_of_a_run_in_their_order():
    """And their words: a field that is added has to stand there."""
    [expression] = re.findall(r"=~ /(.*?)/ \{\n", CONF, re.DOTALL)
    named = []
    for prefix, group, alone in re.findall(r'"([@\w]+)(?:\\\.(?:\(\?:([\w|]+)\)|(\w+)))?" :', expression):
        leaves = group.split("|") if group else [alone]
        named += [f"{prefix}.{leaf}" if leaf else prefix for leaf in leaves]

    words = dict(re.findall(r'"event\\.(outcome|action)" : "\(\?:([\w|-]+)\)"', expression))
    hints = {each.name: each.type for each in msgspec.structs.fields(event.Run)}
    names = [name for name in event.types() if name not in ("worker.name", "host.name")]
    assert [name for name in named if name not in ("worker.name", "host.name")] == names
    assert '"(?:worker|host)\\.name"' in expression
    assert tuple(words["outcome"].split("|")) == hints["outcome"].__args__
    assert tuple(words["action"].split("|")) == hints["action"].__args__[0].__args__
