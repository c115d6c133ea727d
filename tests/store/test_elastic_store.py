"""Elasticsearch as a store, against a real one."""

import json
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from elasticsearch import helpers

from documents import actions, nested, stored
from logs import BEGIN, made, written
from places import ROOT
from slowtask.errors import ElasticsearchError
from slowtask.parse.items import Reason
from slowtask.parse.sources import resolve
from slowtask.rank.ranking import ORDERS, rank
from slowtask.store import Query
from slowtask.store.elastic import store as module
from slowtask.store.elastic.store import Elastic
from slowtask.store.files import Files

sys.path.append(str(ROOT / "bench"))
import lines


@pytest.fixture
def store(elasticsearch, access, namespace):
    """A store of a data stream of the test's own, and what puts runs there."""
    index = f"logs-slowtask.run-{namespace}"

    def put(runs):
        assert not stored(elasticsearch, index, runs)
        return Elastic(replace(access, path=index))

    return put


def by_task(measurement):
    return {each.task: each for each in measurement.figures}


def test_figures_are_those_of_the_files_store(store, tmp_path):
    runs = [made(task=f"jobs.t{n % 3}", took=(n * 37 % 100) / 7, number=n, wait=n * 10**6) for n in range(60)]
    runs.append(made(task="jobs.fails", took=None, number=99, outcome="failure", action="failed"))
    runs.append(made(task="jobs.rough", took=2.0, number=98, margin=10**9))
    log = written(tmp_path / "runs.ndjson", runs)

    found = by_task(store(runs).measure(Query()))
    wanted = by_task(Files(resolve([str(log)])).measure(Query()))

    assert found.keys() == wanted.keys()
    for task, figures in wanted.items():
        for name in ("count", "failures", "timed", "margin", "first", "last"):
            assert getattr(found[task], name) == getattr(figures, name), (task, name)
        for name in ("total", "max", "p50", "p95", "p99", "wait_p95"):
            assert getattr(found[task], name) == pytest.approx(getattr(figures, name)), (task, name)


def test_the_last_runs_come_back_as_they_were_stored(store):
    runs = [made(number=n, wait=n * 10**6, version="2.0", queue="mail") for n in range(10)]
    found = store(runs)

    newest = found.recent(BEGIN + timedelta(seconds=5), 3)

    assert sorted(newest, key=lambda run: run.timestamp) == runs[-3:]
    assert len(found.recent(None, 100)) == 10


def test_every_task_is_counted_however_many_there_are(store, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 7)
    runs = [made(task=f"jobs.t{n}", number=n) for n in range(100)]

    assert len(store(runs).measure(Query()).figures) == 100


def test_a_query_is_answered_by_time_and_queue(store):
    runs = [
        made(number=0, queue="mail"),
        made(number=10, queue="mail"),
        made(number=20, queue="mail"),
        made(number=10, task="jobs.other", queue="slow"),
    ]
    span = Query(since=BEGIN + timedelta(seconds=10), until=BEGIN + timedelta(seconds=20), queues=("mail",))

    [figures] = store(runs).measure(span).figures

    assert (figures.task, figures.count) == ("jobs.thumb", 1)


def test_sent_twice_is_stored_once(store, elasticsearch, namespace):
    runs = [made(number=n) for n in range(20)]
    index = f"logs-slowtask.run-{namespace}"
    first = store(runs)

    again = stored(elasticsearch, index, runs)

    assert {each["create"]["status"] for each in again} == {409}
    assert sum(each.count for each in first.measure(Query()).figures) == 20


def test_lines_that_could_not_be_parsed_are_told(store, elasticsearch, namespace):
    index = f"logs-slowtask.unparsed-{namespace}"
    line = {
        "@timestamp": "2026-11-06T09:00:00.000000Z",
        "event.id": "a",
        "event.dataset": "slowtask.unparsed",
        "event.reason": "torn-json",
        "event.original": "{",
        "log.file.path": "/var/log/slowtask/slowtask.ndjson",
        "log.offset": 17,
    }
    helpers.bulk(elasticsearch, actions([line], index))
    elasticsearch.indices.refresh(index=index)

    bad = store([made()]).measure(Query()).bad

    assert bad.count == 1
    assert bad.examples == (f"/var/log/slowtask/slowtask.ndjson@17: {Reason.TORN.sentence}",)


def test_a_stream_that_is_not_there_is_told_with_the_next_step(elasticsearch, access):
    with pytest.raises(ElasticsearchError, match=r"has no logs-slowtask\.run-nothere: call slowtask setup"):
        Elastic(replace(access, path="logs-slowtask.run-nothere")).measure(Query())


def test_a_conflicting_mapping_is_told_with_the_next_step(elasticsearch, access, namespace):
    index = f"conflict-{namespace}"
    elasticsearch.indices.create(
        index=index,
        mappings={"properties": {"task": {"properties": {"name": {"type": "text"}}}}},
    )
    elasticsearch.index(index=index, document=nested({"task.name": "jobs.a"}), refresh=True)

    with pytest.raises(ElasticsearchError, match=r"map its fields as slowtask needs.*slowtask setup"):
        Elastic(replace(access, path=index)).measure(Query())


def test_a_hundred_thousand_events_are_ranked_alike_from_files_and_from_elasticsearch(
    elasticsearch, access, namespace, tmp_path
):
    log, index = tmp_path / "runs.ndjson", f"logs-slowtask.run-{namespace}"
    lines.generate(log, 100_000)
    with log.open() as file:
        helpers.bulk(elasticsearch, actions(map(json.loads, file), index), chunk_size=5000)
    elasticsearch.indices.refresh(index=index)

    from_files = Files(resolve([str(log)])).measure(Query()).figures
    from_elastic = Elastic(replace(access, path=index)).measure(Query()).figures

    assert sum(each.count for each in from_elastic) == 100_000
    for by in ORDERS:
        one, other = rank(from_files, by), rank(from_elastic, by)
        assert [each.task for each in one] == [each.task for each in other], by
    for one, other in zip(rank(from_files), rank(from_elastic), strict=True):
        for name in ("total", "max", "mean", "p50", "p95", "p99", "wait_p95", "failures"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=0.01), (one.task, name)
