"""`slowtask setup` beside a retention, a rollover or a user that deletes what it is about."""

import pytest
from elasticsearch import ApiError

from documents import stored
from logs import made
from slowtask.store.elastic import setup as module
from slowtask.store.elastic import streams
from slowtask.store.elastic.setup import SetupOptions, setup

#: `setup` renews all streams: on the server that the other tests of it use.
pytestmark = pytest.mark.xdist_group("setup")
OLD_MAPPING = {"properties": {"task": {"properties": {"name": {"type": "text"}}}}}


@pytest.fixture
def client(own_elasticsearch):
    return own_elasticsearch


@pytest.fixture
def stream(client, namespace):
    """A data stream of the test's own, with one run and a mapping that another template made."""
    name = f"logs-slowtask.run-{namespace}"
    client.indices.put_index_template(
        name=name, index_patterns=[name], priority=1000, data_stream={}, template={"mappings": OLD_MAPPING}
    )
    assert not stored(client, name, [made()])
    client.indices.delete_index_template(name=name)
    return name


def forget(client, stream):
    """Start a new index and delete the old one, as a retention does."""
    client.indices.delete(index=client.indices.rollover(alias=stream)["old_index"])


def test_an_index_that_a_retention_deletes_meanwhile_is_left_alone(client, own_access, stream):
    steps = setup(client, own_access, SetupOptions())
    next(steps)  # it knows the streams, and comes to them last
    forget(client, stream)

    assert [each.what for each in steps if stream in each.what] == []


def test_a_rollover_between_two_questions_makes_it_ask_again(client, stream, monkeypatch):
    whole, asked = streams.find_indices, []

    def find_late(*arguments):
        if not asked:
            forget(client, stream)
        asked.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(streams, "find_indices", find_late)

    [(name, fields)] = streams.read_mappings(client, stream).items()
    assert name.endswith("-000002")
    assert fields["task.name"]["type"] == "keyword"
    assert len(asked) == 2


def test_an_old_index_that_is_deleted_between_two_questions_is_left_out(client, stream, monkeypatch):
    old = client.indices.rollover(alias=stream)["old_index"]
    whole = streams.find_indices

    def delete_first(*arguments):
        client.indices.delete(index=old)
        return whole(*arguments)

    monkeypatch.setattr(streams, "find_indices", delete_first)

    assert old not in streams.read_mappings(client, stream)


def test_a_stream_that_is_deleted_meanwhile_needs_nothing(client, own_access, stream, monkeypatch):
    """The tests' build can't delete a stream: one that never was is as far away."""
    gone = f"{stream}-gone"
    whole = module.find_streams
    monkeypatch.setattr(module, "find_streams", lambda *arguments: [gone, *whole(*arguments)])

    steps = [each.what for each in setup(client, own_access, SetupOptions()) if stream in each.what]

    assert steps[0] == f"data stream {stream}: a new index with the current mapping"
    assert not any(gone in each for each in steps)


def test_a_stream_that_is_deleted_before_its_rollover_is_passed_over(client, stream):
    rolled = []
    with streams.pass_over_deleted():
        rolled.append(client.indices.rollover(alias=f"{stream}-gone"))

    assert rolled == []


def test_another_error_than_that_of_a_deleted_stream_is_told(client, stream):
    with pytest.raises(ApiError), streams.pass_over_deleted():
        client.indices.put_settings(index=stream, settings={"index.nothing": 1})
