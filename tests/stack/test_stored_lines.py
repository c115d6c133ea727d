"""Where each line ends, in a real Elasticsearch with our templates: as a run, or unparsed with a reason.

The lines go through all pipelines; what they give is stored as output.conf says, and what is refused goes the
way of a dead letter.
"""

import json
from collections import Counter

import pytest
from elasticsearch import helpers

from documents import actions
from logs import line, made
from pipeline import almost, kinds, logstash
from pipeline.almost import fast, shipped
from pipeline.parsing import micro
from slowtask.parse.format import Unreadable
from slowtask.parse.ndjson import decode_exact, decode_lenient, flatten

pytestmark = pytest.mark.usefixtures("jruby")

RUN = json.loads(line(made()))
#: No check of ours minds them, and Elasticsearch stores them and indexes less.
HUGE = {
    "immense": almost.written(RUN, **{"task.name": "x" * 40_000}),
    "immense, not ASCII": almost.written(RUN, **{"task.name": "é" * 20_000}),
    "too many labels": almost.written(RUN, labels={f"l{each}": "x" for each in range(1200)}),
}
#: In a stream whose owner wants a number of this label.
REFUSED = almost.written(RUN, labels={"tenant": "acme"})
#: Known, and tell of no run by themselves.
CHATTER = {
    "RQ chatter", "Celery received", "Celery terminated in vain", "Celery chatter", "banner", "blank",
    "stranger", "stranger with a clock", "stranger with a bracket", "JSON of another",
    "head of another program",
}  # fmt: skip


class Way:
    """From lines to Elasticsearch, in a namespace of its own."""

    def __init__(self, client, namespace):
        self.client, self.namespace = client, namespace
        self.pipelines = logstash.pipelines().fresh(SLOWTASK_NAMESPACE=namespace)

    def send(self, lines):
        """Store *lines* as Filebeat ships them: for each document the last pipeline, and the status."""
        return self.store(self.pipelines.events(lines))

    def store(self, events):
        """Store documents; refused ones once more, as the unparsed lines that they become."""
        sent = [each["@metadata"]["sent"] for each in events]
        answers = helpers.streaming_bulk(self.client, map(create, events), raise_on_error=False)
        answers = [answer["create"] for _, answer in answers]
        steps = [(each["pipeline"], answer["status"]) for each, answer in zip(sent, answers, strict=True)]
        for event, answer in zip(events, answers, strict=True):
            if answer["status"] in (400, 404):
                reason = f"Could not index event. status: 400, response: {json.dumps(answer)}"
                pipeline = event["@metadata"]["sent"]["pipeline"]
                steps += self.store(self.pipelines.refused(pipeline, [(event, reason)]))
        return steps

    def stored(self, dataset="slowtask.run"):
        """All documents of a dataset."""
        index = f"logs-{dataset}-{self.namespace}"
        self.client.indices.refresh(index=index, ignore_unavailable=True)
        return list(helpers.scan(self.client, index=index, ignore_unavailable=True))


def create(event):
    """What output.conf has Elasticsearch do with an event."""
    sent = event["@metadata"]["sent"]
    return {"_op_type": "create", "_index": sent["index"], "_id": sent["id"], "_source": source(event)}


def source(event):
    """The document that is stored of an event."""
    return {name: value for name, value in event.items() if name != "@metadata"}


def comparable(document):
    """A document with dotted names and times of six digits."""
    document = flatten(document)
    return document | {"@timestamp": micro(document["@timestamp"])}


@pytest.fixture
def way(elasticsearch, namespace):
    return Way(elasticsearch, namespace)


def why_not(text):
    """Why `slowtask parse` reads no run of a line; None where it does."""
    if decode_exact(text.encode()) is not None:
        return None
    try:
        decode_lenient(text.encode())
    except Unreadable as why:
        return why.reason
    return None


def with_ids(lines):
    """*lines*, where they have an id, with one of their own, so that none is taken for another."""
    return [each.replace(almost.FULL.id, f"{place:032x}", 1) for place, each in enumerate(lines)]


def test_each_line_that_is_almost_ours_ends_as_a_run_or_unparsed_with_the_parsers_reason(way):
    """Those of several lines are for test_fast_lines.py."""
    lines = [each for each in with_ids(almost.lines()) if each.count('{"@timestamp":') == 1]
    lines = [each for each in lines if "\n" not in each and "\0" not in each]

    lines = [each for each in lines if r'"\x"' not in each]  # no escape; Ruby's parser reads an x

    statuses = Counter(status for _, status in way.send(shipped(lines)))

    found = {each["_source"]["log"]["offset"]: each["_source"] for each in way.stored("slowtask.unparsed")}
    expected = {place: str(why) for place, text in enumerate(lines) if (why := why_not(text)) is not None}
    assert {place: each["event"]["reason"] for place, each in found.items()} == expected
    assert statuses == {201: len(lines)}
    assert len(way.stored()) == len(lines) - len(expected) > 100


def test_no_kind_of_line_ends_nowhere_but_chatter(way):
    """Each through all pipelines, as of a file of its own."""
    silent = {name for name, texts in kinds.kinds().items() if not way.send(shipped(texts, f"/x/{name}.log"))}

    assert silent == CHATTER


@pytest.mark.parametrize("name", HUGE)
def test_what_is_huge_is_stored_whole(name, way):
    assert [status for _, status in way.send(shipped([HUGE[name]]))] == [201]

    [found] = way.stored()
    assert comparable(found["_source"]) | {"event.id": found["_id"]} == json.loads(HUGE[name])


@pytest.fixture
def strict(way, elasticsearch):
    """A stream with a mapping of its owner's own: a label must be a number."""
    way.send(shipped([line(made(number=99)).decode()]))  # makes the stream
    number = {"type": "long", "ignore_malformed": False}
    elasticsearch.indices.put_mapping(
        index=f"logs-slowtask.run-{way.namespace}", properties={"labels": {"properties": {"tenant": number}}}
    )
    return way


@pytest.mark.parametrize("path", ["/x/a.ndjson", "/x/a.log"])
def test_what_elasticsearch_refuses_ends_unparsed_with_its_reason(path, strict):
    steps = strict.send(shipped([REFUSED], path))

    assert [status for _, status in steps] == [400, 201]
    assert steps[1][0] == "slowtask-refused"
    [found] = strict.stored("slowtask.unparsed")
    assert found["_id"] == made().id
    assert found["_source"]["event"]["reason"] == "refused"
    assert "failed to parse field [labels.tenant]" in found["_source"]["error"]["message"]
    assert "jobs.thumb" in found["_source"]["event"]["original"]
    assert len(strict.stored()) == 1


def test_a_line_that_comes_twice_is_one_document(way):
    lines = shipped([line(made(number=each)).decode() for each in range(3)])

    assert [status for _, status in way.send(lines)] == [201] * 3
    assert [status for _, status in way.send(lines)] == [409] * 3


def test_a_refused_line_that_comes_twice_is_one_document(strict):
    lines = shipped([REFUSED])

    assert [status for _, status in strict.send(lines)] == [400, 201]
    assert [status for _, status in strict.send(lines)] == [400, 409]


def test_names_with_dots_are_to_elasticsearch_what_nested_ones_are(way, elasticsearch):
    """What it finds, sorts and shows of a run, by the short way and by the careful one."""
    texts = [line(made(number=each, task=f"jobs.t{each}", took=each)).decode() for each in range(3)]
    texts.append(line(almost.FULL).decode())
    both = [way.pipelines.events(shipped(texts, path)) for path in ("/x/a.ndjson", "/x/a.log")]
    assert [fast(each) for each in both] == [[True] * 4, [False] * 4]

    seen = []
    for events, namespace in zip(both, (way.namespace, f"{way.namespace}-careful"), strict=True):
        index = f"logs-slowtask.run-{namespace}"
        for each in events:
            each["@metadata"]["sent"]["index"] = index
        assert [status for _, status in way.store(events)] == [201] * 4
        elasticsearch.indices.refresh(index=index)
        assert elasticsearch.count(index=index, query={"term": {"task.name": "jobs.t1"}})["count"] == 1
        found = elasticsearch.search(index=index, sort=["event.duration", "_doc"], fields=["*"])
        seen.append(
            [(each["_id"], each["fields"], comparable(each["_source"])) for each in found["hits"]["hits"]]
        )
    assert seen[0] == seen[1]
    assert len(seen[0]) == 4


def test_what_the_pipelines_store_is_what_stands_for_them_in_other_tests(way):
    """documents.actions."""
    runs = [json.loads(line(made(number=each))) for each in range(3)]

    events = way.pipelines.events(shipped([json.dumps(each, **almost.COMPACT) for each in runs]))

    ours = [(each["_id"], comparable(each["_source"])) for each in actions(runs, "x")]
    assert [(each["@metadata"]["sent"]["id"], comparable(source(each))) for each in events] == ours
