"""Elasticsearch as a store, against a real one."""

import json
import random
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
from slowtask.store.elastic import aggregations, bins
from slowtask.store.elastic import figures as module
from slowtask.store.elastic.store import Elastic
from slowtask.store.fields import find_field
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


def mixed():
    """Runs of every kind: labels, versions, workers, CPU and memory of some, and unknown run times.

    Those of two tasks take about as long each time.
    """
    chance = random.Random(15)
    return [
        made(
            task=f"jobs.t{n % 5}",
            took=None if n % 31 == 0 else chance.lognormvariate(-2, 2.5 if n % 5 > 1 else 0.05),
            number=n * 40,
            wait=n * 10**6 if n % 3 else None,
            queue=("mail", "slow", None)[n % 3],
            worker=f"w{n % 4 + n // 100}",
            system="rq",
            version=("1.4", "1.5")[n % 7 > 3],
            cpu=n * 10**6 if n % 2 else None,
            memory=n * 10**6 if n % 5 else None,
            labels={"tenant": f"t{n % 3}", "plan": "gold"} if n % 4 else None,
            **({"outcome": "failure", "action": "killed"} if n % 11 == 0 else {}),
        )
        for n in range(400)
    ]


EXACT = ("count", "failures", "killed", "timed", "margin", "first", "last", "memory")
CLOSE = ("total", "max", "deviation", "cpu", "cpu_time")
PERCENTILES = ("p50", "p95", "p99", "wait_p95")


def assert_alike(found, wanted, rel=1e-6):
    """That two stores give the same figures, and percentiles that are *rel* apart at most."""
    found, wanted = ({each.task: each for each in side} for side in (found, wanted))
    assert found.keys() == wanted.keys()
    for task, figures in wanted.items():
        for name in EXACT:
            assert getattr(found[task], name) == getattr(figures, name), (task, name)
        for name in CLOSE:
            assert getattr(found[task], name) == pytest.approx(getattr(figures, name)), (task, name)
        for name in PERCENTILES:
            assert getattr(found[task], name) == pytest.approx(getattr(figures, name), rel=rel), (task, name)


@pytest.fixture
def both(store, tmp_path):
    """The same runs in an Elasticsearch and in a file."""

    def put(runs):
        return store(runs), Files(resolve([str(written(tmp_path / "runs.ndjson", runs))]))

    return put


FIELDS = ("queue", "worker", "version", "tenant", "labels.plan", "action", "host", "labels.nobody")


def test_runs_grouped_by_any_field_have_the_figures_of_the_files_store(both):
    elastic, files = both(mixed())

    for name in FIELDS:
        query = Query(group=find_field(name))
        wanted = files.measure(query).figures

        assert_alike(elastic.measure(query).figures, wanted)
        assert wanted


def test_runs_are_chosen_by_any_field_as_the_files_store_does(both):
    elastic, files = both(mixed())
    choices = (
        {"where": (("labels.tenant", "t1"), ("service.version", "1.5"))},
        {"where": (("worker.name", "w2"),), "group": "labels.tenant"},
        {"where": (("labels.plan", "gold"),), "queues": ("mail",)},
    )

    for choice in choices:
        wanted = files.measure(Query(**choice)).figures

        assert_alike(elastic.measure(Query(**choice)).figures, wanted)
        assert wanted


def test_no_run_has_a_value_that_is_unknown_to_all(both):
    elastic, files = both(mixed())
    query = Query(where=(("labels.nobody", "x"),))

    assert elastic.measure(query).figures == files.measure(query).figures == ()


def test_an_empty_value_is_grouped_with_what_has_none(both):
    runs = [made(number=n, labels=labels) for n, labels in enumerate((None, {"tenant": ""}, {"tenant": "a"}))]
    elastic, files = both(runs)
    query = Query(group="labels.tenant")

    found = elastic.measure(query).figures

    assert {each.task: each.count for each in found} == {"": 2, "a": 1}
    assert_alike(found, files.measure(query).figures)


def test_a_field_that_elasticsearch_does_not_index_is_named(store):
    elastic = store([made(task_id="j")])

    for query in (Query(group="task.id"), Query(where=(("task.id", "j"),))):
        with pytest.raises(ElasticsearchError, match=r"keeps task\.id out of .*slowtask-run@custom"):
            elastic.measure(query)


def test_the_workers_are_counted_as_the_files_store_does(both):
    elastic, files = both(mixed())

    assert elastic.measure(Query()).workers == files.measure(Query()).workers == 5


def test_the_workers_of_celery_are_unknown_and_so_are_those_of_runs_without(both):
    celery, _ = both([made(worker="celery@a", system="celery", number=1), made(worker="w", number=2)])
    assert celery.measure(Query()).workers is None

    elastic, _ = both([made(task="jobs.nobody", number=3)])
    assert elastic.measure(Query(where=(("task.name", "jobs.nobody"),))).workers is None


def assert_same_pairs(found, wanted):
    """That two comparisons have the same tasks, figures and run times by bin."""
    assert {each.task for each in found.pairs} == {each.task for each in wanted.pairs}
    pairs = {each.task: each for each in wanted.pairs}
    for pair in found.pairs:
        for name in ("before", "after"):
            one, other = getattr(pair, name), getattr(pairs[pair.task], name)
            sides = ([each.figures] if each.figures else [] for each in (one, other))
            assert_alike(*sides, rel=0.01)
            assert one.times == other.times, (pair.task, name)


@pytest.mark.parametrize("group", [None, "labels.tenant", "queue.name"])
def test_a_comparison_is_that_of_the_files_store(both, group):
    elastic, files = both(mixed())
    sides = [Query(group=group, where=(("service.version", each),)) for each in ("1.4", "1.5")]

    found, wanted = elastic.compare(*sides), files.compare(*sides)

    assert_same_pairs(found, wanted)
    assert len(wanted.pairs) > 2
    assert any(each.before.times and each.after.times for each in wanted.pairs)


def test_a_task_of_one_side_only_is_compared_with_nothing(both):
    runs = [made(task="jobs.old", number=0), made(task="jobs.both", number=1)]
    runs += [made(task="jobs.both", number=11), made(task="jobs.new", number=12, took=None)]
    elastic, files = both(runs)
    middle = BEGIN + timedelta(seconds=10)
    sides = Query(until=middle), Query(since=middle)

    pairs = {each.task: each for each in elastic.compare(*sides).pairs}

    assert pairs["jobs.old"].after.figures is None
    assert pairs["jobs.new"].before.figures is None
    assert pairs["jobs.new"].after.times == {}
    assert_same_pairs(elastic.compare(*sides), files.compare(*sides))


def test_run_times_are_in_the_same_bins_in_few_answers_and_in_many(both, monkeypatch):
    chance = random.Random(5)
    runs = [
        made(
            task=f"jobs.t{n % 40}",
            number=n,
            version=str(n % 3),
            took=chance.uniform(1, 1.05)
            if n % 2
            else chance.choice((0, 1e-9, 2e-9, 1, 10 ** chance.uniform(-9, 6))),
        )
        for n in range(1500)
    ]
    elastic, files = both(runs)
    sides = [Query(where=(("service.version", each),)) for each in "02"]
    wanted = files.compare(*sides)

    for most in (50_000, 100):
        monkeypatch.setattr(bins, "MAX_BUCKETS", most)

        assert_same_pairs(elastic.compare(*sides), wanted)


def test_a_batch_has_no_more_buckets_than_an_answer_may_have():
    chance = random.Random(6)
    lows = [round(10 ** chance.uniform(0, 9)) for _ in range(3000)]
    spans = {
        f"jobs.t{n}": bins.Extent(
            low=low, high=round(low * chance.uniform(1, 5000)), count=chance.choice((1, 300, 10**6))
        )
        for n, low in enumerate(lows)
    }
    batches = list(bins.make_batches(spans))

    assert sorted(task for each in batches for task in each.tasks) == sorted(spans)
    for each in batches:
        buckets = max(len(each.edges) - 1, 0) or each.most
        assert len(each.tasks) * buckets <= bins.MAX_BUCKETS
        assert len(each.tasks) <= bins.MAX_TASKS


def test_a_wait_that_a_broken_clock_made_is_counted_like_any_other(store, monkeypatch):
    """Elasticsearch's quick way of counting fails where one value is 10^16 times another."""
    waits = (1, 5, 10**9, 1_700_000_000 * 10**9)
    runs = [made(number=n / 10, wait=wait, queue="mail", worker="w") for n, wait in enumerate(waits)]
    elastic = store(runs)
    exact = elastic.history(Query(), lambda _: ["jobs.thumb"])
    monkeypatch.setattr(aggregations, "MANY", 0)

    assert elastic.history(Query(), lambda _: ["jobs.thumb"]).queues == exact.queues


def test_many_runs_are_counted_over_time_within_one_percent(store, monkeypatch):
    chance = random.Random(9)
    elastic = store([made(number=n, took=chance.lognormvariate(0, 2), wait=n * 10**7) for n in range(3000)])
    exact = elastic.history(Query(), lambda _: ["jobs.thumb"])
    monkeypatch.setattr(aggregations, "MANY", 0)

    rough = elastic.history(Query(), lambda _: ["jobs.thumb"])

    assert rough.wait == pytest.approx(exact.wait, rel=0.01)
    assert [each.total for each in rough.tasks] == [each.total for each in exact.tasks]
    assert rough.tasks != exact.tasks
