"""Every panel of the dashboards shows something, asked of a real Elasticsearch as Kibana would ask."""

import uuid
from dataclasses import replace

import pytest
from elasticsearch import helpers

from dashboards import bundle
from documents import actions
from panels import broken, events, query, saved


@pytest.fixture(scope="module")
def found():
    """The saved objects of the bundle."""
    return saved.objects(bundle.BUNDLE.read_bytes())


@pytest.fixture(scope="module")
def store(elasticsearch):
    """A real Elasticsearch with documents for every panel, through the project's templates."""
    namespace = uuid.uuid4().hex
    for stream, records in events.documents().items():
        index = f"{stream}-{namespace}"
        helpers.bulk(elasticsearch, actions(records, index), refresh=True)

    def request(method, path, body=None):
        headers = {"accept": "application/json", "content-type": "application/json"}
        return elasticsearch.perform_request(method, path, headers=headers, body=body).body

    return query.Store(
        request=request,
        namespace=namespace,
        start=(events.END - events.DAY).isoformat(),
        end=events.END.isoformat(),
    )


def test_every_panel_shows_something_in_the_order_it_promises(found, store):
    assert list(query.faults(found, store)) == []


@pytest.mark.parametrize("name", broken.ASKED)
def test_a_fault_of_meaning_is_found(found, store, name):
    """Faults that the structure doesn't show."""
    change, said = broken.ASKED[name]
    changed = broken.broken(found, change)

    assert any(said in fault for fault in query.faults(changed, store))


def test_the_table_of_tasks_says_what_was_put_in(found, store):
    """Computed again from the documents: longest, runs, total, share, failures."""
    [tasks] = [each for each in saved.boards(found)[0].panels if each.id == "tasks"]
    runs = [
        each
        for each in events.documents()["logs-slowtask.run"]
        if each["service.version"] == events.RELEASES[1]
    ]
    everything = sum(each["event.duration"] for each in runs)

    for row in query.rows(tasks, "logs-slowtask.run-*", store):
        mine = [each for each in runs if each["task.name"] == row["task-name"]]
        total = sum(each["event.duration"] for each in mine)

        assert row["longest"] == max(each["event.duration"] for each in mine)
        assert row["runs"] == len(mine)
        assert row["total"] == total
        assert row["share"] == pytest.approx(total / everything)
        assert row["failed"] == sum(each["event.outcome"] == "failure" for each in mine)


@pytest.fixture
def changed(found):
    """The panels of "What changed", by their ids."""
    [board] = [each for each in saved.boards(found) if each.id == "slowtask-what-changed"]
    return {each.id: each for each in board.panels}


def test_the_task_that_costs_more_than_a_week_before_is_named_first(changed, store):
    runs = events.documents()["logs-slowtask.run"]
    [now, then] = [
        [
            each["event.duration"]
            for each in runs
            if (each["task.name"], each["service.version"]) == (events.SLOWER, release)
        ]
        for release in reversed(events.RELEASES)
    ]

    first, *others = query.rows(changed["last-day"], "logs-slowtask.run-*", store)

    assert first["task-name"] == events.SLOWER
    assert first["cost"] == pytest.approx(sum(now) - sum(then))
    assert first["ratio-of-means"] == pytest.approx(2)
    assert (first["runs"], first["runs-then"]) == (len(now), len(then))
    assert [each["cost"] for each in others] == pytest.approx([0] * len(others), abs=1)


def test_the_release_that_made_a_task_slower_shows_it_beside_the_one_before(changed, store):
    week = replace(store, start=(events.END - 8 * events.DAY).isoformat())

    rows = query.rows(changed["releases"], "logs-slowtask.run-*", week)

    means = {(each["service-version"], each["task-name"]): each["mean"] for each in rows}
    before, after = events.RELEASES
    ratios = {task: means[after, task] / means[before, task] for _, task in means}
    assert [each for each, ratio in ratios.items() if ratio > 1.5] == [events.SLOWER]
    assert list(dict.fromkeys(each["service-version"] for each in rows)) == [after, before]
