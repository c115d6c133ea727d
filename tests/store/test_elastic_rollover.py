"""Runs are read while their stream gets a new index, whose shard isn't there at once."""

import time
from dataclasses import replace

import pytest
from elasticsearch import ApiError

from documents import another_template, stored
from logs import made
from slowtask.errors import ElasticsearchError
from slowtask.store import Query
from slowtask.store.elastic import client as module
from slowtask.store.elastic.search import Search
from slowtask.store.elastic.store import Elastic

RUNS = 20
ASKED = {
    "top": lambda store: store.measure(Query()).figures[0].count,
    "report": lambda store: sum(
        each.count for each in store.history(Query(), lambda _: ["jobs.thumb"], profiled=1).tasks
    ),
    "task": lambda store: store.profile("thumb", Query(), lambda names, _: names[0], 12).summary.count,
    "replay": lambda store: len(store.columns(Query()).arrival),
    "log": lambda store: len(store.recent(None, 100)),
}


NOWHERE = {"index.routing.allocation.require._name": "nowhere"}  #: the settings of an index that has no place
#: The kinds of streams beside the runs, and what needs them.
BESIDE = {
    "logs-slowtask.unparsed": lambda store: store.measure(Query()).bad.count,
    "logs-slowtask.alert": lambda store: store.alerts(Query()),
    "metrics-slowtask.queue": lambda store: (
        store.history(Query(), lambda _: ["jobs.thumb"], profiled=0).brokers
    ),
}


@pytest.fixture
def runs(elasticsearch, namespace):
    """A stream of runs."""
    stream = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, stream, [made(number=n, wait=n, queue="q") for n in range(RUNS)])
    return stream


def roll_over(client, stream, **template):
    """Give *stream* a new index by a *template* of its own, which has no place yet; return its name."""
    with another_template(client, stream, data_stream={}, template={"settings": NOWHERE}, **template):
        return client.indices.rollover(alias=stream, wait_for_active_shards=0)["new_index"]


@pytest.fixture
def rolled(elasticsearch, runs):
    """A stream of runs whose last index has no place yet, and what gives it one."""
    new = roll_over(elasticsearch, runs, composed_of=["slowtask-storage", "slowtask-run"])

    def place():
        elasticsearch.indices.put_settings(index=new, settings=dict.fromkeys(NOWHERE))
        elasticsearch.cluster.health(index=new, wait_for_status="yellow")

    yield runs, place
    place()


@pytest.mark.parametrize("ask", ASKED.values(), ids=[*ASKED])
def test_a_command_waits_for_the_shard_of_a_new_index_and_counts_all_runs(rolled, access, monkeypatch, ask):
    stream, place = rolled
    paused = []
    monkeypatch.setattr(time, "sleep", lambda _: paused.append(place()))

    assert ask(Elastic(replace(access, path=stream))) == RUNS
    assert paused


def test_a_shard_that_stays_away_is_told_as_such(rolled, access, monkeypatch):
    """Not as a mapping that slowtask can't read."""
    monkeypatch.setattr(module, "PAUSES", ())

    for ask in ASKED.values():
        with pytest.raises(ElasticsearchError, match=r"isn't ready: one of its nodes or shards is starting"):
            ask(Elastic(replace(access, path=rolled[0])))


def test_runs_are_never_counted_without_those_of_a_missing_shard(rolled, elasticsearch, access, monkeypatch):
    monkeypatch.setattr(module, "PAUSES", ())

    assert elasticsearch.count(index=rolled[0])["_shards"]["failed"]  # what its own call leaves out
    with pytest.raises(ApiError) as raised:
        Search(elasticsearch, rolled[0], access.host).count([])
    assert raised.value.status_code == module.UNAVAILABLE


@pytest.mark.parametrize("kind", BESIDE)
def test_what_stands_beside_the_runs_is_never_left_out_without_a_word(
    kind, runs, elasticsearch, access, namespace, monkeypatch
):
    monkeypatch.setattr(module, "PAUSES", ())
    store, stream = Elastic(replace(access, path=runs)), f"{kind}-{namespace}"
    elasticsearch.create(index=stream, id="1", document={"@timestamp": "2026-11-06"})
    BESIDE[kind](store)
    roll_over(elasticsearch, stream)

    with pytest.raises(ElasticsearchError, match="isn't ready"):
        BESIDE[kind](store)
