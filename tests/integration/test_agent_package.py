"""The Elastic Agent integration agrees with the records, the templates, the dashboards and its format."""

import json
import re
from zipfile import ZipFile

import msgspec
import pytest
import yaml

import ingest
from generate import archive, assets, fields, page, pipelines
from generate.streams import PACKAGE, STREAMS, TEMPLATES, files
from logs import line, made
from places import ROOT
from slowtask import __version__
from slowtask.record import sample

GENERATED = {
    name: text for module in (fields, pipelines, assets, page) for name, text in module.written().items()
}
#: What may be in a package, by the format that elastic/package-spec defines.
LAYOUT = [
    r"(manifest|changelog|validation)\.yml",
    r"docs/README\.md",
    r"img/[\w-]+\.(svg|png)",
    r"kibana/(dashboard|search)/slowtask-[\w-]+\.json",
    r"kibana/index_pattern/[\w-]+\.json",
    r"data_stream/[a-z]+/(manifest|routing_rules)\.yml",
    r"data_stream/[a-z]+/sample_event\.json",
    r"data_stream/[a-z]+/fields/[\w-]+\.yml",
    r"data_stream/[a-z]+/agent/stream/[\w-]+\.yml\.hbs",
    r"data_stream/[a-z]+/elasticsearch/ingest_pipeline/default\.yml",
    r"data_stream/[a-z]+/_dev/test/pipeline/(test-common-config\.yml|test-[a-z]+\.log(-expected\.json)?)",
]
READERS = [stream for stream in STREAMS if stream.reads]


def load(name):
    """A YAML file of the package."""
    return yaml.safe_load((PACKAGE / name).read_text())


def names(stream, kind):
    """The fields that a data stream's files declare, as Elasticsearch maps them."""
    told = load(f"data_stream/{stream.name}/fields/{kind}.yml")
    keys = ("type", "index", "doc_values")
    return {each["name"]: {key: each[key] for key in keys if key in each} for each in told}


def leaves(properties, prefix=""):
    """The fields of a template's mapping, by their dotted names."""
    for name, told in properties.items():
        if "properties" in told:
            yield from leaves(told["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, {key: told[key] for key in ("type", "index", "doc_values") if key in told}


def template(name):
    """One of the project's component templates."""
    return json.loads((TEMPLATES / f"slowtask-{name}.json").read_text())["template"]


# What is generated


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_file_is_as_make_integration_writes_it(name):
    assert (PACKAGE / name).read_text() == GENERATED[name]


def test_no_file_is_left_that_is_no_longer_generated():
    folders = r"kibana/|docs/|data_stream/\w+/(fields|elasticsearch)/"
    there = {str(path.relative_to(PACKAGE)) for path in files()}

    assert {name for name in there if re.match(folders, name)} == GENERATED.keys()


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_the_fields_are_mapped_as_the_project_s_own_template_maps_them(stream):
    mapped = dict(leaves(template(stream.name)["mappings"]["properties"]))
    del mapped["event.id"]  # a document's id is `_id`

    assert names(stream, "fields") == mapped


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_an_index_is_sorted_and_compressed_as_by_the_project_s_own_templates(stream):
    told = load(f"data_stream/{stream.name}/manifest.yml")["elasticsearch"]["index_template"]

    assert told["settings"]["index"]["sort"] == template(stream.name)["settings"]["index"]["sort"]
    assert told["settings"]["index"]["codec"] == template("storage")["settings"]["index"]["codec"]
    assert told["mappings"]["dynamic"] is template(stream.name)["mappings"]["dynamic"]


def test_no_field_is_declared_twice():
    for stream in STREAMS:
        assert names(stream, "fields").keys() & names(stream, "base-fields").keys() == set()


def test_every_field_says_what_it_means():
    for stream in STREAMS:
        for kind in ("fields", "base-fields"):
            told = load(f"data_stream/{stream.name}/fields/{kind}.yml")

            assert [each["name"] for each in told if not each["description"]] == []


# The format


def test_the_package_has_the_files_of_its_format_and_no_others():
    there = [str(path.relative_to(PACKAGE)) for path in files()]

    assert [name for name in there if not any(re.fullmatch(each, name) for each in LAYOUT)] == []
    for stream in STREAMS:
        needed = {f"data_stream/{stream.name}/{name}" for name in ("manifest.yml", "fields/base-fields.yml")}
        assert needed <= set(there)


def test_the_version_is_the_project_s_and_heads_the_changelog():
    assert load("manifest.yml")["version"] == __version__
    assert load("changelog.yml")[0]["version"] == __version__


def test_the_pictures_that_the_manifest_names_are_there():
    manifest = load("manifest.yml")
    sources = [each["src"] for each in manifest["icons"] + manifest["screenshots"]]

    assert {str(path.relative_to(PACKAGE)) for path in files() if path.parent.name == "img"} == {
        source.lstrip("/") for source in sources
    }


@pytest.mark.parametrize("stream", READERS, ids=lambda stream: stream.name)
def test_a_failed_pipeline_says_which_processor_failed_and_why(stream):
    told = ingest.pipeline(stream.name)
    sets = {each["set"]["field"]: each["set"]["value"] for each in told["on_failure"] if "set" in each}

    assert sets["event.kind"] == "pipeline_error"
    for name in ("on_failure_processor_type", "on_failure_processor_tag", "on_failure_message", "pipeline"):
        assert f"_ingest.{name}" in sets["error.message"]
    tags = [next(iter(each.values()))["tag"] for each in told["processors"]]
    assert len(set(tags)) == len(tags)


def test_unparsed_lines_of_logs_are_routed_to_their_own_data_stream():
    for stream in READERS:
        rules = PACKAGE / "data_stream" / stream.name / "routing_rules.yml"
        told = load(f"data_stream/{stream.name}/manifest.yml")["elasticsearch"]

        # A sample can't be: a rule never leads from metrics to logs.
        assert rules.exists() is (stream.kind == "logs")
        assert told.get("dynamic_dataset", False) is (stream.kind == "logs")


# Which lines an agent reads


def configured(stream, **variables):
    """What an agent gets of a data stream's template, which names two variables only."""
    text = (PACKAGE / "data_stream" / stream / "agent" / "stream" / "filestream.yml.hbs").read_text()
    paths = "\n".join(f"  - {path}" for path in variables["paths"])
    text = re.sub(r"\{\{#each paths\}\}.*?\{\{/each\}\}", lambda _: paths, text, flags=re.DOTALL)
    processors = variables.get("processors", "")
    text = re.sub(
        r"\{\{#if processors\}\}(.*?)\{\{/if\}\}", r"\1" if processors else "", text, flags=re.DOTALL
    )
    return yaml.safe_load(text.replace("{{processors}}", processors))


def takes(stream, text):
    """Whether an agent sends a line to a data stream."""
    told = configured(stream, paths=["/x"])
    wanted = told.get("include_lines")
    return not any(re.search(each, text) for each in told.get("exclude_lines", ())) and (
        wanted is None or any(re.search(each, text) for each in wanted)
    )


def lines():
    """A line of each kind, and what a crash left of it."""
    moment = made().timestamp
    queue = sample.QueueSample(timestamp=moment, id="1", dataset="slowtask.queue", queue="q", system="rq")
    broker = sample.BrokerSample(timestamp=moment, id="2", dataset="slowtask.queue", system="redis", name="b")
    alert = sample.Alert(timestamp=moment, id="3", dataset="slowtask.alert", name="n", state="ok")
    whole = [("run", line(made()).decode())]
    whole += [("queue", msgspec.json.encode(each).decode()) for each in (queue, broker)]
    whole += [("alert", msgspec.json.encode(alert).decode())]
    torn = [("run", text[:-5]) for _, text in whole]
    return [*whole, *torn, ("run", "Traceback (most recent call last):"), ("run", '{"a": 1}')]


def test_each_line_is_read_by_one_data_stream():
    for stream, text in lines():
        assert [each.name for each in READERS if takes(each.name, text)] == [stream], text


def test_what_a_user_enters_is_where_the_agent_expects_it():
    told = configured("run", paths=["/a/*.ndjson", "/b"], processors="  - add_tags: {tags: [x]}")

    assert told["paths"] == ["/a/*.ndjson", "/b"]
    assert told["processors"] == [{"add_tags": {"tags": ["x"]}}]
    assert "processors" not in configured("run", paths=["/a"])


def test_a_file_is_known_as_filebeat_s_own_configuration_knows_it():
    [own, *_] = yaml.safe_load((ROOT / "filebeat" / "filebeat.yml").read_text())["filebeat.inputs"]
    told = configured("run", paths=["/x"])
    kept = [name for name in told if name.startswith(("file_identity", "prospector.scanner.fingerprint"))]

    assert len(kept) == 3
    assert {name: told[name] for name in kept} == {name: own[name] for name in kept}


# The dashboards


def objects():
    """The saved objects of the package."""
    return {path: json.loads(path.read_text()) for path in files() if path.parts[-3] == "kibana"}


def test_a_saved_object_s_file_has_its_id_and_its_references_are_in_the_package():
    there = {(each["type"], each["id"]) for each in objects().values()}

    assert len(there) == len((ROOT / "kibana" / "slowtask.ndjson").read_text().splitlines())
    for path, each in objects().items():
        assert path.stem == each["id"]
        assert {(reference["type"], reference["id"]) for reference in each["references"]} <= there


def test_a_dashboard_shows_only_data_of_the_package():
    boards = [each for each in objects().values() if each["type"] == "dashboard"]
    for each in boards:
        [only] = each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]["filter"]

        assert only["meta"]["params"] == [stream.dataset for stream in STREAMS]
        assert isinstance(each["attributes"]["panelsJSON"], list)
        assert only["meta"]["indexRefName"] in {reference["name"] for reference in each["references"]}
    assert len(boards) == 3


# The archive


def test_the_archive_holds_the_package_without_what_is_for_development(tmp_path):
    with ZipFile(archive.build(tmp_path)) as built:
        there = {name.removeprefix(f"slowtask-{__version__}/") for name in built.namelist()}

    assert there == {
        str(path.relative_to(PACKAGE)) for path in files() if not {"_dev", "validation.yml"} & {*path.parts}
    }


def test_a_dashboard_in_the_archive_is_as_kibana_imports_it_but_for_its_filter(tmp_path):
    name = f"slowtask-{__version__}/kibana/dashboard/slowtask-queues.json"
    with ZipFile(archive.build(tmp_path)) as built:
        told = json.loads(built.read(name))["attributes"]
    lines = map(json.loads, (ROOT / "kibana" / "slowtask.ndjson").read_text().splitlines())
    [own] = [each["attributes"] for each in lines if each["id"] == "slowtask-queues"]

    assert told["kibanaSavedObjectMeta"]["searchSourceJSON"].startswith("{")
    assert told.keys() == own.keys()
    assert {key for key in own if told[key] != own[key]} == {"kibanaSavedObjectMeta"}


def test_the_same_package_gives_the_same_archive(tmp_path):
    first = archive.build(tmp_path).read_bytes()

    assert archive.build(tmp_path).read_bytes() == first
