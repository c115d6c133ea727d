"""Every panel of the dashboards shows something, asked of a real Elasticsearch as Kibana would ask."""

import uuid

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
    runs = events.documents()["logs-slowtask.run"]
    everything = sum(each["event.duration"] for each in runs)

    for row in query.rows(tasks, "logs-slowtask.run-*", store):
        mine = [each for each in runs if each["task.name"] == row["task-name"]]
        total = sum(each["event.duration"] for each in mine)

        assert row["longest"] == max(each["event.duration"] for each in mine)
        assert row["runs"] == len(mine)
        assert row["total"] == total
        assert row["share"] == pytest.approx(total / everything)
        assert row["failed"] == sum(each["event.outcome"] == "failure" for each in mine)
