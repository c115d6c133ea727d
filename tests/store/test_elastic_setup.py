"""`slowtask setup` on a real Elasticsearch."""

import json
import re
import urllib.error
import uuid
from dataclasses import replace

import pytest
from elasticsearch import AuthorizationException, BadRequestError, helpers

from documents import actions, another_template, nested, stored
from logs import made
from places import DOCS, ROOT
from slowtask.errors import ElasticsearchError, UsageError
from slowtask.record import event, sample
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.setup import SetupOptions, count_days, setup
from slowtask.store.elastic.templates import leaf_fields, list_templates, read_template, stream_patterns

PAGE = DOCS / "beyond-one-machine.md"
#: The kinds of line whose fields a component template maps.
KINDS = {
    "slowtask-run": (event.Run,),
    "slowtask-queue": (sample.QueueSample, sample.BrokerSample),
    "slowtask-alert": (sample.Alert,),
    "slowtask-unparsed": (sample.Unparsed,),
}


#: They change what all tests of a run share: one after the other, on a server that the others don't use.
pytestmark = pytest.mark.xdist_group("setup")


@pytest.fixture(scope="module")
def cluster(own_cluster):
    return own_cluster


@pytest.fixture(scope="module")
def access(own_access):
    return own_access


@pytest.fixture(scope="module")
def elasticsearch(own_elasticsearch):
    return own_elasticsearch


def test_a_group_is_kept_together(request):
    """Otherwise its tests disturb one another, now and then."""
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("not run by several processes")

    assert request.node.nodeid.endswith("@setup")


@pytest.mark.parametrize("name", KINDS)
def test_a_template_maps_each_field_of_its_lines_with_its_type_and_no_other(name):
    mapped = leaf_fields(read_template(f"_component_template/{name}")["template"]["mappings"])
    types = {
        field: kind for each in KINDS[name] for field, kind in event.types(each).items() if kind != "object"
    }

    assert {field: each["type"] for field, each in mapped.items()} == types


def test_a_second_call_changes_nothing(elasticsearch, access):
    list(setup(elasticsearch, access, SetupOptions()))  # which renews the streams of other tests

    assert {each.verb for each in setup(elasticsearch, access, SetupOptions())} == {"unchanged"}


def test_all_fields_of_a_run_are_found_as_they_were_stored(elasticsearch, namespace):
    index = f"logs-slowtask.run-{namespace}"
    run = made(
        start=made().timestamp, wait=5, cpu=6, memory=7, attempt=1, queue="q", system="rq", worker="w",
        host="h", pid=8, service="s", version="v", environment="e", error="E", message="m",
        stack_trace="t", labels={"tenant": "acme"}, trace="0", margin=9, reason="r", action="killed",
        task_id="j",
    )  # fmt: skip
    assert not stored(elasticsearch, index, [run])

    [hit] = elasticsearch.search(index=index)["hits"]["hits"]
    kept = dict(hit["_source"])
    expected = nested(event.fields(run))
    assert hit["_id"] == expected["event"].pop("id")  # kept once, as the document's own
    assert kept == expected
    mapping = elasticsearch.field_caps(index=index, fields="labels.*")["fields"]
    assert mapping["labels.tenant"]["keyword"]["aggregatable"]


def test_a_field_that_is_no_event_s_makes_no_mapping(elasticsearch, namespace):
    index = f"logs-slowtask.run-{namespace}"
    record = event.fields(made()) | {"stranger.field": "x"}
    helpers.bulk(elasticsearch, actions([record], index))

    assert "stranger.field" not in elasticsearch.field_caps(index=index, fields="*")["fields"]


def test_retention_is_what_is_wished_for_and_stays_without_a_wish(elasticsearch, access):
    list(setup(elasticsearch, access, SetupOptions(retention="30d")))
    list(setup(elasticsearch, access, SetupOptions()))
    found = elasticsearch.cluster.get_component_template(name="slowtask-retention")
    list(setup(elasticsearch, access, SetupOptions(retention="90d")))

    [template] = found["component_templates"]
    assert template["component_template"]["template"]["lifecycle"]["data_retention"] == "30d"


def kept(client, index):
    """How long a new index of the stream *index* keeps its documents."""
    template = client.indices.simulate_index_template(name=index)["template"]
    return template["lifecycle"]["data_retention"]


def test_the_history_outlives_the_runs_by_a_retention_of_its_own(elasticsearch, access):
    list(setup(elasticsearch, access, SetupOptions(history_retention="400d")))
    list(setup(elasticsearch, access, SetupOptions(retention="30d")))
    found = [kept(elasticsearch, f"{name}-x") for name in ("logs-slowtask.run", "metrics-slowtask.hour")]
    list(setup(elasticsearch, access, SetupOptions(retention="90d", history_retention="1825d")))

    assert found == ["30d", "400d"]


def test_years_of_history_are_given_as_days():
    assert [count_days(period) for period in ("5y", "400d", "y")] == ["1825d", "400d", "y"]


@pytest.mark.parametrize("period", ["5", "y", "0y", "5 y", "5w"])
def test_a_history_retention_that_is_no_period_is_refused(period):
    with pytest.raises(UsageError, match=r"history retention .* isn't a period: write it like 5y"):
        SetupOptions(history_retention=count_days(period))


def test_a_failure_store_is_asked_for_only_by_its_option_and_stays_without_it(elasticsearch, access):
    """The tests' build takes the setting, and has no failure store."""
    before = {each.what for each in setup(elasticsearch, access, SetupOptions())}
    list(setup(elasticsearch, access, SetupOptions(failure_store=True)))
    list(setup(elasticsearch, access, SetupOptions()))
    kept = elasticsearch.cluster.get_component_template(name="slowtask-failures").body
    list(setup(elasticsearch, access, SetupOptions(failure_store=False)))
    off = elasticsearch.cluster.get_component_template(name="slowtask-failures").body

    assert "component template slowtask-failures" not in before
    assert [enabled(each) for each in (kept, off)] == [True, False]


def enabled(found):
    """Whether a template turns the failure store on."""
    [template] = found["component_templates"]
    return template["component_template"]["template"]["data_stream_options"]["failure_store"]["enabled"]


def test_a_stream_that_is_there_gets_it_too_or_setup_says_that_it_cannot(elasticsearch, access, namespace):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made(number=1)])

    steps = [each.what for each in setup(elasticsearch, access, SetupOptions(failure_store=False))]

    assert f"{index} keeps its failure store as it is: this Elasticsearch has no API to change it" in steps


def test_the_page_s_tier_is_one_that_the_next_index_takes(elasticsearch, namespace):
    [body] = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    name = "slowtask-run@custom"
    elasticsearch.cluster.put_component_template(name=name, **json.loads(body))
    try:
        found = elasticsearch.indices.simulate_index_template(name=f"logs-slowtask.run-{namespace}").body
    finally:
        elasticsearch.cluster.delete_component_template(name=name)

    tier = found["template"]["settings"]["index"]["routing"]["allocation"]["include"]["_tier_preference"]
    assert tier == "data_warm,data_hot"


@pytest.mark.parametrize("period", ["30", "d", "0d", "-1d", "30 d", "1y"])
def test_a_retention_that_is_no_period_is_refused(period):
    with pytest.raises(UsageError, match="isn't a period"):
        SetupOptions(retention=period)


def test_a_stream_with_an_older_mapping_gets_a_new_index(elasticsearch, access, namespace):
    index = f"logs-slowtask.run-{namespace}"
    mapping = {"properties": {"task": {"properties": {"name": {"type": "keyword"}}}}}
    with another_template(elasticsearch, index, data_stream={}, template={"mappings": mapping}):
        assert not stored(elasticsearch, index, [made(number=1)])

    changed = [each.what for each in setup(elasticsearch, access, SetupOptions()) if each.verb == "changed"]

    assert f"data stream {index}: a new index with the current mapping" in changed
    assert not stored(elasticsearch, index, [made(number=2)])
    assert elasticsearch.count(index=index)["count"] == 2
    assert "trace.id" in elasticsearch.field_caps(index=index, fields="trace.id")["fields"]


@pytest.fixture
def custom(elasticsearch, access):
    """The component template that the documentation tells one to add."""
    page = (DOCS / "elasticsearch-storage.md").read_text()
    [snippet] = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    name = "slowtask-run@custom"
    elasticsearch.cluster.put_component_template(name=name, body=json.loads(snippet))
    yield
    elasticsearch.cluster.delete_component_template(name=name)


def test_task_id_cannot_be_searched_by_default(elasticsearch, namespace):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made(task_id="mine")])

    assert elasticsearch.count(index=index, query={"exists": {"field": "task.name"}})["count"] == 1
    with pytest.raises(BadRequestError, match="not indexed"):
        elasticsearch.count(index=index, query={"term": {"task.id": "mine"}})


def test_a_mapping_of_the_user_s_own_makes_task_id_searchable(elasticsearch, namespace, custom):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made(number=1, task_id="mine"), made(number=2, task_id="other")])

    [hit] = elasticsearch.search(index=index, query={"term": {"task.id": "mine"}})["hits"]["hits"]
    assert hit["_source"]["task"]["id"] == "mine"


def test_setup_gives_a_stream_the_user_s_own_mapping_once(elasticsearch, access, namespace, request):
    index = f"logs-slowtask.run-{namespace}"
    assert not stored(elasticsearch, index, [made()])
    request.getfixturevalue("custom")

    first, second = (
        [each.what for each in setup(elasticsearch, access, SetupOptions()) if index in each.what]
        for _ in range(2)
    )

    assert first == [f"data stream {index}: a new index with the current mapping"]
    assert second == []


def test_a_type_that_conflicts_is_told(elasticsearch, access, namespace):
    index = f"logs-slowtask.run-{namespace}"
    mapping = {"properties": {"task": {"properties": {"name": {"type": "text"}}}}}
    with another_template(elasticsearch, index, data_stream={}, template={"mappings": mapping}):
        assert not stored(elasticsearch, index, [made(number=1)])

    changes = [each for each in setup(elasticsearch, access, SetupOptions()) if index in each.what]

    assert [each.verb for each in changes] == ["changed", "note"]
    assert re.search(r"has another type for .*task\.name.*: a ranking .* may fail", changes[1].what)


def test_an_index_in_a_stream_s_place_is_named(elasticsearch, access, namespace):
    name = f"logs-slowtask.run-{namespace}"
    with another_template(elasticsearch, name):
        elasticsearch.indices.create(index=name)
        with pytest.raises(ElasticsearchError, match=rf"{name} .* is an index where .* a data stream"):
            list(setup(elasticsearch, access, SetupOptions()))
        elasticsearch.indices.delete(index=name)


def test_a_read_only_index_is_named_with_its_cause(elasticsearch, access, namespace):
    index = f"logs-slowtask.run-{namespace}"
    stored(elasticsearch, index, [made()])
    block = "index.blocks.read_only_allow_delete"
    elasticsearch.indices.put_settings(index=index, settings={block: True})
    try:
        with pytest.raises(ElasticsearchError, match=r"read-only: .*flood-stage watermark"):
            list(setup(elasticsearch, access, SetupOptions()))
    finally:
        elasticsearch.indices.put_settings(index=index, settings={block: None})


def test_setup_needs_no_more_rights_than_the_documentation_says(elasticsearch, access, namespace):
    index, password = f"logs-slowtask.run-{namespace}", uuid.uuid4().hex
    stored(elasticsearch, index, [made()])
    elasticsearch.security.put_role(
        name=namespace,
        cluster=["manage_index_templates", "manage_security", "monitor"],
        indices=[{"names": stream_patterns(), "privileges": ["manage"]}],
    )
    elasticsearch.security.put_user(username=namespace, password=password, roles=[namespace])
    client = connect(replace(access, username=namespace, password=password))

    changes = list(setup(client, access, SetupOptions(passwords={"slowtask_logstash": uuid.uuid4().hex})))

    assert {each.verb for each in changes} <= {"unchanged", "created", "changed"}


@pytest.fixture(scope="module")
def users(elasticsearch, access):
    """A client for each user that setup makes, by its name."""
    password = uuid.uuid4().hex
    names = ("slowtask_logstash", "slowtask_reader", "slowtask_rollup")
    list(setup(elasticsearch, access, SetupOptions(passwords=dict.fromkeys(names, password))))
    return {name: connect(replace(access, username=name, password=password)) for name in names}


def test_logstash_s_user_can_create_and_neither_read_nor_change_nor_delete(users, namespace):
    client, index = users["slowtask_logstash"], f"logs-slowtask.run-{namespace}"
    document = nested(event.fields(made()))

    created = client.create(index=index, id="1", document=document)

    assert created["result"] == "created"
    for forbidden in (
        lambda: client.search(index=index),
        lambda: client.get(index=index, id="1"),
        lambda: client.update(index=created["_index"], id="1", doc=document),
        lambda: client.delete(index=created["_index"], id="1"),
        lambda: client.indices.delete(index=created["_index"]),
        lambda: client.create(index="logs-another.stream-default", id="1", document=document),
        lambda: client.indices.put_index_template(name="x", index_patterns=["x"]),
    ):
        with pytest.raises(AuthorizationException):
            forbidden()


def test_the_reader_can_read_and_not_write(users, elasticsearch, namespace):
    client, index = users["slowtask_reader"], f"logs-slowtask.run-{namespace}"
    stored(elasticsearch, index, [made()])

    assert client.count(index=index)["count"] == 1
    with pytest.raises(AuthorizationException):
        client.create(index=index, id="2", document=nested(event.fields(made(number=2))))


def test_the_user_of_rollup_replaces_hours_and_touches_no_run(users, elasticsearch, namespace):
    client, runs = users["slowtask_rollup"], f"logs-slowtask.run-{namespace}"
    hour, cell = f"metrics-slowtask.hour-{namespace}", {"@timestamp": "2026-11-06T09:00:00Z"}
    stored(elasticsearch, runs, [made()])

    created = client.create(index=hour, id="1", document=cell, refresh=True)
    seat = {"if_seq_no": created["_seq_no"], "if_primary_term": created["_primary_term"]}
    replaced = client.index(index=created["_index"], id="1", document=cell, **seat)

    assert (client.count(index=runs)["count"], replaced["result"]) == (1, "updated")
    for forbidden in (
        lambda: client.create(index=runs, id="2", document=cell),
        lambda: client.indices.delete(index=created["_index"]),
        lambda: client.indices.rollover(alias=hour),
    ):
        with pytest.raises(AuthorizationException):
            forbidden()


def test_a_password_of_elasticsearch_s_own_user_is_set(elasticsearch, access):
    password = uuid.uuid4().hex
    list(setup(elasticsearch, access, SetupOptions(passwords={"kibana_system": password})))
    client = connect(replace(access, username="kibana_system", password=password))

    assert client.security.authenticate()["username"] == "kibana_system"


def test_every_file_is_put_where_its_path_says(cluster, elasticsearch):
    for path in list_templates("_component_template", "_index_template", "_security/role"):
        assert cluster.request("GET", f"/{path}")


def test_the_test_s_own_request_fails_where_nothing_stands(cluster):
    with pytest.raises(urllib.error.HTTPError):
        cluster.request("GET", "/_component_template/nothere")


def test_what_the_wheel_ships_is_what_lies_in_the_repository():
    root = ROOT / "elasticsearch"

    assert len(
        list_templates("_component_template", "_index_template", "_security/role", "_security/user")
    ) == len(list(root.rglob("*.json")))
