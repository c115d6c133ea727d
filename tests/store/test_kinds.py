"""Events of slowtask rank the same, whichever shape they have; DuckDB reads all shapes in place."""

import gzip
import json

import msgspec
import pytest
from click.testing import CliRunner

from documents import nested
from logs import line, made
from slowtask.cli.top import top
from slowtask.parse import scan as scanning
from slowtask.parse.events import events
from slowtask.parse.sources import Source, resolve
from slowtask.record.event import Run, fields
from slowtask.store import Query
from slowtask.store.files import Files
from slowtask.store.kinds import find_kind, find_kind_of_line
from slowtask.store.packing import pack

SHAPES = {
    "flat": lambda record: record,
    "nested": nested,
    "hits": lambda record: {"_index": "x", "_id": record["event.id"], "_source": nested(record)},
    "flat hits": lambda record: {"_index": "x", "_id": record["event.id"], "_source": record},
}
RUNS = [
    made(f"jobs.t{number % 3}", 1 + number % 7, number, wait=number * 10**9, queue="mail", worker="w-1",
         margin=number % 2 * 5, outcome="failure" if number % 4 == 0 else "success",
         error="ValueError" if number % 4 == 0 else None)
    for number in range(60)
]  # fmt: skip
SAMPLE = {
    "@timestamp": "2026-11-06T09:00:30.000000Z", "event.id": "0", "event.dataset": "slowtask.queue",
    "queue.name": "mail", "queue.depth": 7,
    "broker.name": "redis", "broker.memory.used": 1, "broker.memory.max": 4,
}  # fmt: skip
BROKEN = {
    "torn": lambda text: text[:70],
    "glued": lambda text: text[:70] + text,
    "plain text": lambda _: b"hello",
    "other JSON": lambda _: b'{"level":"info","event":"started"}',
    "a negative time": lambda text: text.replace(b":1000000000", b":-1"),
    "no such outcome": lambda text: text.replace(b'"success"', b'"sideways"').replace(b'"failure"', b'"bad"'),
    "no name": lambda text: text.replace(b'"jobs.t', b'null,"was":"jobs.t'),
    "no object": lambda text: text.replace(b'"@timestamp"', b'"event":"x","@timestamp"'),
}


def encoded(shape, records):
    return [msgspec.json.encode(SHAPES[shape](each)) for each in records]


@pytest.fixture
def log(tmp_path):
    """Writes lines to a log and returns its source."""

    def write(lines, name="runs.ndjson"):
        path = tmp_path / name
        content = b"\n".join(lines) + b"\n"
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return Source(path=path, kind="lines")

    return write


@pytest.fixture
def in_place(monkeypatch):
    """Lets a test fail if a log is read line by line."""
    monkeypatch.setattr(scanning, "scan", pytest.fail)


def ranked(source):
    """The figures of a log, by task, and how many of its lines are bad."""
    found = Files([source]).measure(Query())
    return sorted(found.figures, key=lambda each: each.task), found.bad.count


@pytest.mark.parametrize("name", ["runs.ndjson", "runs.ndjson.gz"])
@pytest.mark.parametrize("shape", SHAPES)
def test_events_of_any_shape_rank_the_same_and_are_read_in_place(shape, name, log, in_place):
    records = [*map(fields, RUNS), SAMPLE]

    assert ranked(log(encoded(shape, records), name)) == ranked(log(encoded("flat", records)))


@pytest.mark.parametrize("shape", SHAPES)
def test_top_prints_the_same_of_any_shape(shape, log):
    def printed(shape):
        source = log(encoded(shape, map(fields, RUNS)))
        return json.loads(CliRunner().invoke(top, [str(source.path), "--json"]).output)

    assert printed(shape) == printed("flat")


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("shape", SHAPES)
def test_broken_lines_among_them_cost_no_other(shape, broken, log):
    lines = encoded(shape, map(fields, RUNS))
    lines[20] = BROKEN[broken](lines[21])
    found, bad = ranked(log(lines))
    items = list(events(log(lines)))
    counts = sum(isinstance(each, Run) for each in items)

    assert (sum(each.count for each in found), bad) == (counts, len(items) - counts)
    assert counts >= 59


@pytest.mark.parametrize("second", SHAPES)
@pytest.mark.parametrize("first", SHAPES)
def test_shapes_mixed_in_one_log_are_counted_right(first, second, log):
    """Also if as many lines are broken as have the other shape."""
    records = list(map(fields, RUNS))
    lines = encoded(first, records[:30]) + encoded(second, records[30:])
    wrong = encoded(first, [records[1] | {"event.outcome": "sideways"}])

    plain = ranked(log(encoded("flat", records)))[0]
    bad = len(list(events(log(lines + wrong * 30)))) - 60

    assert ranked(log(lines)) == (plain, 0)
    assert ranked(log(lines + wrong * 30)) == (plain, bad)


def test_an_event_may_be_flat_in_part(log, in_place):
    half = [{**nested(dict(list(each.items())[::2])), **dict(list(each.items())[1::2])}
            for each in map(fields, RUNS)]  # fmt: skip

    assert ranked(log(map(msgspec.json.encode, half))) == ranked(log(map(line, RUNS)))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_and_a_replay_read_any_shape(shape, log):
    source, flat = log(encoded(shape, map(fields, RUNS)), "a.ndjson"), log(map(line, RUNS))
    read = [Files([each]).history(Query(), lambda _: ["jobs.t1"]) for each in (source, flat)]
    arrivals = [list(Files([each]).columns(Query()).arrival) for each in (source, flat)]

    assert read[0].tasks == read[1].tasks
    assert arrivals[0] == arrivals[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_is_packed(shape, log, tmp_path):
    source = log(encoded(shape, map(fields, RUNS)))
    packed = pack(source, source.path, tmp_path)

    assert (packed.runs, packed.complete) == (60, True)
    assert ranked(resolve([str(packed.target)])[0]) == ranked(source)


def test_logs_of_several_shapes_are_ranked_together(log):
    sources = [log(encoded(shape, map(fields, RUNS)), f"{shape}.ndjson") for shape in SHAPES]
    sources.append(log([*encoded("hits", map(fields, RUNS)), b'{"@timestamp":"2026'], "broken.ndjson"))
    found = Files(sources).measure(Query())

    assert sum(each.count for each in found.figures) == 5 * 60
    assert found.bad.count == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_line_tells_the_kind(shape):
    found = {find_kind_of_line(each) for each in encoded(shape, [fields(RUNS[0]), SAMPLE])}

    assert found == {{"flat": "lines", "flat hits": "hits"}.get(shape, shape)}


@pytest.mark.parametrize(
    "text",
    [
        b"[1]",
        b"7",
        b"{",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'[{"@timestamp":"2026-11-06T09:00:00Z","event.dataset":"slowtask.run"}]',
        b'{"event.dataset":"slowtask.run"}',
        b'{"@timestamp":"2026-11-06T09:00:00Z","event.dataset":"nginx.access"}',
        b'{"@timestamp":"2026-11-06T09:00:00Z","event.dataset":["slowtask.run"]}',
        b'{"@timestamp":"2026-11-06T09:00:00Z","event":"Task succeeded"}',
        b'{"@timestamp":"2026-11-06T09:00:00Z","event":{"dataset":"nginx.access"}}',
        b'{"_source":{"@timestamp":"2026-11-06T09:00:00Z"}}',
        b'{"log":"18:47:58 default: jobs.a()\\n","stream":"stderr","time":"2026-11-06T09:00:00Z"}',
        b'{"message":"Task jobs.a succeeded","levelname":"INFO","asctime":"2026-11-06 09:00:00,000"}',
        line(made())[:90],
        line(made()) * 2,
        b"hello",
    ],
    ids=lambda text: text[:60],
)
def test_other_logs_are_for_the_parser_at_once(text, log):
    assert find_kind_of_line(text) == "parsed"
    assert find_kind(log([text, line(made())])) == "parsed"


def test_blank_lines_before_the_first_are_passed_over(log):
    assert find_kind(log([b"", b"  ", line(made())])) == "lines"
    assert find_kind(log([b"", b"  "])) == "parsed"


def test_gzip_is_for_duckdb_only_if_its_name_says_so(log):
    zipped = log([line(made())], "a.ndjson.gz")
    renamed = Source(path=zipped.path.rename(zipped.path.with_suffix("")), kind="lines")

    assert [find_kind(log([line(made())], "b.ndjson.gz")), find_kind(renamed)] == ["lines", "parsed"]
    assert ranked(renamed)[0][0].count == 1
