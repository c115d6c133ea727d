"""What a person reads when a report, a task's page or a replay can't be had from an Elasticsearch."""

from dataclasses import replace
from itertools import count

import pytest
from elastic_transport import ConnectionTimeout

from documents import nested, stored
from logs import BEGIN, made
from slowtask.errors import ElasticsearchError, SourceError
from slowtask.store import Query
from slowtask.store.elastic import fetch, search
from slowtask.store.elastic.store import Elastic

PASSWORD = "long-enough-for-it"  # noqa: S105
ASKED = {
    "report": lambda store: store.history(Query(), lambda _: ["jobs.thumb"], profiled=1),
    "task": lambda store: store.profile("thumb", Query(), lambda names, _: names[0], 12),
    "replay": lambda store: store.columns(Query()),
    "diff": lambda store: store.compare(Query(queues=("a",)), Query(queues=("b",))),
}
asked = pytest.mark.parametrize("ask", ASKED.values(), ids=[*ASKED])


@asked
@pytest.mark.parametrize("index", ["logs-slowtask.run-nothere", "logs-slowtask.run-nothere*"])
def test_a_stream_that_is_not_there_is_told_with_what_to_do(elasticsearch, access, ask, index):
    with pytest.raises(
        ElasticsearchError, match=r"has no logs-slowtask\.run-nothere\*?: call slowtask setup"
    ):
        ask(Elastic(replace(access, path=index)))


@asked
def test_a_mapping_of_another_type_is_told_with_what_to_do(elasticsearch, access, namespace, ask):
    index = f"conflict-{namespace}"
    names = {name: {"properties": {"name": {"type": "text"}}} for name in ("task", "queue")}
    elasticsearch.indices.create(index=index, mappings={"properties": names})
    run = {"@timestamp": BEGIN, "task.name": "jobs.a", "task.wait": 1, "event.duration": 1, "queue.name": "a"}
    elasticsearch.index(index=index, document=nested(run), refresh=True)

    with pytest.raises(ElasticsearchError, match=r"map its fields as slowtask needs.*slowtask setup"):
        ask(Elastic(replace(access, path=index)))


@pytest.fixture
def login(elasticsearch, access, namespace):
    """Makes a user who may read some indices and nothing else."""

    def make(*indices):
        privileges = [{"names": indices, "privileges": ["read", "view_index_metadata"]}] if indices else []
        elasticsearch.security.put_role(name=namespace, cluster=["monitor"], indices=privileges)
        elasticsearch.security.put_user(username=namespace, password=PASSWORD, roles=[namespace])
        return replace(access, username=namespace, password=PASSWORD)

    return make


@asked
def test_a_user_who_may_not_read_runs_is_told_so(elasticsearch, login, namespace, ask):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made()])

    with pytest.raises(ElasticsearchError, match="doesn't allow that to this user"):
        ask(Elastic(replace(login(), path=index)))


@asked
def test_reading_runs_is_right_enough(elasticsearch, login, namespace, ask):
    """Without samples and alerts, which are left out."""
    index = f"logs-slowtask.run-{namespace}"
    runs = [made(number=n, wait=10**9, queue="ab"[n % 2], worker="w") for n in range(20)]
    assert not stored(elasticsearch, index, runs)
    store = Elastic(replace(login(index), path=index))

    assert ask(store)
    assert store.alerts(Query()) == []


@pytest.mark.parametrize("page", [1, 2], ids=["the first page", "a later page"])
def test_a_server_that_goes_meanwhile_is_told(elasticsearch, access, namespace, monkeypatch, page):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made(number=n, wait=1) for n in range(20)])
    monkeypatch.setattr(fetch, "PAGE", 5)
    pages, whole = count(1), fetch.View.fetch

    def go(view, *arguments):
        if next(pages) >= page:
            raise ConnectionTimeout("Read timed out")
        return whole(view, *arguments)

    monkeypatch.setattr(fetch.View, "fetch", go)

    with pytest.raises(ElasticsearchError, match=r"didn't answer within 60 s: .*--since"):
        Elastic(replace(access, path=index)).columns(Query())


def test_a_report_of_no_runs_says_so(elasticsearch, access, namespace):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made()])

    with pytest.raises(SourceError, match="There are no runs"):
        Elastic(replace(access, path=index)).history(Query(queues=("none",)), lambda _: [])


def test_every_task_and_exception_is_found_however_many_there_are(
    elasticsearch, access, namespace, monkeypatch
):
    monkeypatch.setattr(search, "PAGE", 7)
    index = f"logs-slowtask.run-{namespace}"
    failed = {"outcome": "failure", "action": "failed"}
    runs = [made(task=f"jobs.t{n}", number=n, error=f"E{n}", **failed) for n in range(50)]
    assert not stored(elasticsearch, index, runs)
    store = Elastic(replace(access, path=index))

    assert len(store.history(Query(), lambda _: ["jobs.t1"]).failures) == 50
    assert store.profile("t49", Query(), lambda names, _: names[0], 12).summary.count == 1
