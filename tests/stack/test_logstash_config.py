"""Logstash's configuration without a Logstash: it parses, and asks for nothing that isn't documented."""

import re
import uuid
from dataclasses import replace
from typing import get_args

import pytest
import yaml
from elasticsearch import AuthorizationException
from lscl.errors import DecodeError
from lscl.lang import LsclAttribute, LsclBlock, LsclConditions, LsclEqualTo

from pipeline import configuration
from pipeline.configuration import parse as parse_lscl
from places import ROOT
from slowtask.record import event, sample
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.setup import SetupOptions, setup

LOGSTASH = ROOT / "logstash"
FILES = sorted((LOGSTASH / "pipeline").glob("*.conf"))
TEMPLATES = {path.stem for path in (ROOT / "elasticsearch" / "_index_template").glob("*.json")}
DATASETS = {event.DATASET, sample.QUEUE_DATASET, sample.ALERT_DATASET, sample.UNPARSED_DATASET}
VARIABLE = re.compile(r"\$\{(\w+)(?::([^}]*))?\}")

#: What the reference of Logstash 9 documents, of what we use: all ship with every Logstash.
DOCUMENTED = {
    ("input", "beats"): {
        "id", "host", "port", "enrich", "ssl_enabled", "ssl_certificate", "ssl_key",
        "ssl_certificate_authorities", "ssl_client_authentication",
    },
    ("input", "kafka"): {
        "id", "bootstrap_servers", "topics", "group_id", "consumer_threads", "codec", "auto_offset_reset",
        "enable_auto_commit", "isolation_level", "partition_assignment_strategy", "group_instance_id",
        "session_timeout_ms", "heartbeat_interval_ms", "max_poll_interval_ms", "decorate_events",
        "security_protocol", "ssl_truststore_type", "ssl_truststore_location", "ssl_keystore_type",
        "ssl_keystore_location",
    },
    ("input", "pipeline"): {"id", "address"},
    ("input", "dead_letter_queue"): {"id", "path", "pipeline_id"},
    ("filter", "json"): {"id", "source", "add_field"},
    ("filter", "ruby"): {"id", "path", "script_params"},
    ("filter", "mutate"): {"id", "copy", "replace", "remove_field"},
    ("filter", "drop"): {"id"},
    ("output", "pipeline"): {"id", "send_to"},
    ("output", "elasticsearch"): {
        "id", "hosts", "user", "password", "data_stream", "index", "action", "document_id",
        "silence_errors_in_log", "manage_template", "ilm_enabled", "retry_max_interval",
    },
}  # fmt: skip
#: Settings that a pipeline may have of its own, and those of the process, of what we use.
PIPELINE = {
    "pipeline.id", "path.config", "pipeline.ecs_compatibility", "pipeline.workers", "pipeline.ordered",
    "pipeline.batch.size", "pipeline.batch.delay", "queue.type", "queue.max_bytes", "queue.drain",
    "dead_letter_queue.enable", "dead_letter_queue.max_bytes", "dead_letter_queue.storage_policy",
}  # fmt: skip
PROCESS = {"api.http.host", "log.level", "xpack.monitoring.enabled", "config.support_escapes"}


def plugins(text):
    """Each plugin of a configuration: its section, its name, its options."""
    return [
        (section.name, block.name, {each.name: each.content for each in block.content})
        for section in parse_lscl(text)
        for block in blocks(section.content)
    ]


def blocks(content):
    """The plugins of a section, those within conditions too."""
    for each in content:
        match each:
            case LsclBlock():
                yield each
            case LsclConditions():
                for _, inner in each.conditions:
                    yield from blocks(inner)
                yield from blocks(each.default or [])
            case LsclAttribute():
                raise AssertionError(f"{each.name} stands outside of a plugin")


def undocumented(text):
    """What a configuration uses that isn't on the list."""
    return [
        (section, name, sorted(options.keys() - DOCUMENTED.get((section, name), set())))
        for section, name, options in plugins(text)
        if (section, name) not in DOCUMENTED or options.keys() - DOCUMENTED[section, name]
    ]


def sections(name):
    return {section for section, _, _ in plugins((LOGSTASH / "pipeline" / name).read_text())}


def text(name):
    return (LOGSTASH / "pipeline" / name).read_text()


@pytest.fixture(scope="module")
def output():
    """The options of the output."""
    [options] = [options for section, _, options in plugins(text("output.conf")) if section == "output"]
    return options


@pytest.fixture(scope="module")
def pipelines():
    """The settings of each pipeline, by its id."""
    return pipelines_with("beats")


def pipelines_with(intake):
    """Those settings where SLOWTASK_INTAKE is *intake*."""
    text = (LOGSTASH / "config" / "pipelines.yml").read_text()
    listed = yaml.safe_load(text.replace("${SLOWTASK_INTAKE:beats}", intake))
    return {each["pipeline.id"]: each for each in listed}


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((LOGSTASH / "config" / "logstash.yml").read_text())


# The pipeline


OTHER_INPUTS = {"beats-tls.conf", "kafka.conf", "kafka-tls.conf"}  #: that are off by default
READ = {
    "slowtask": ["beats.conf", "intake.conf"],
    "slowtask-json": ["fast.conf", "filter.conf", "json.conf", "output.conf"],
    "slowtask-stock": ["filter.conf", "output.conf", "stock.conf"],
    "slowtask-refused": ["dead-letters.conf", "output.conf"],
}


def test_each_pipeline_reads_its_files_in_this_order(pipelines):
    """Those of fast.conf before those of filter.conf, those of output.conf last."""
    read = {
        name: [path.name for path in configuration.files(each["path.config"], LOGSTASH)]
        for name, each in pipelines.items()
    }

    assert read == READ
    assert {name for names in read.values() for name in names} | OTHER_INPUTS == {path.name for path in FILES}
    assert sorted((LOGSTASH / "pipeline").iterdir()) == FILES


def test_a_variable_chooses_the_input_or_several():
    def read(intake):
        path = pipelines_with(intake)["slowtask"]["path.config"]
        return [each.name for each in configuration.files(path, LOGSTASH)]

    for name in OTHER_INPUTS:
        assert read(name.removesuffix(".conf")) == sorted([name, "intake.conf"])
    assert read("beats-tls,kafka") == ["beats-tls.conf", "intake.conf", "kafka.conf"]


@pytest.mark.parametrize("name", ["beats", "kafka"])
def test_an_input_with_tls_is_the_other_one_with_certificates(name):
    plain, secure = (
        configuration.options_of(LOGSTASH / "pipeline" / f"{each}.conf", name)
        for each in (name, f"{name}-tls")
    )
    added = {option: value for option, value in secure.items() if option not in plain}

    assert plain.keys() <= secure.keys()
    assert {option for option in plain if plain[option] != secure[option]} <= {"id", "bootstrap_servers"}
    assert all(option.startswith(("ssl_", "security_")) for option in added)
    assert all("${SLOWTASK_CERTIFICATES:" in str(value) for value in added.values() if "/" in str(value))


def test_what_kafka_hands_over_is_read_again_after_a_crash_and_never_skipped():
    options = configuration.options_of(LOGSTASH / "pipeline" / "kafka.conf", "kafka")

    assert (options["enable_auto_commit"], options["auto_offset_reset"]) == ("false", "earliest")
    assert int(options["heartbeat_interval_ms"]) * 3 <= int(options["session_timeout_ms"])


def test_the_filters_alone_are_what_others_copy():
    assert sections("fast.conf") == sections("filter.conf") == {"filter"}
    assert sections("intake.conf") == {"output"}
    assert {section for name in OTHER_INPUTS | {"beats.conf"} for section in sections(name)} == {"input"}
    assert sections("json.conf") == sections("stock.conf") == {"input"}
    assert sections("dead-letters.conf") == {"input", "filter"}
    assert sections("output.conf") == {"filter", "output"}


def test_what_one_pipeline_sends_another_takes():
    sent = [
        address
        for _, name, options in plugins(text("intake.conf"))
        if name == "pipeline"
        for address in options["send_to"]
    ]
    taken = [
        options["address"] for name in ("json.conf", "stock.conf") for _, _, options in plugins(text(name))
    ]

    assert sorted(sent) == sorted(taken) == ["slowtask-json", "slowtask-stock"]


def test_the_dead_letters_of_each_pipeline_that_stores_are_read(pipelines):
    """Below the folder of data, which is there from the start."""
    inputs = [options for section, _, options in plugins(text("dead-letters.conf")) if section == "input"]
    writing = [name for name, each in pipelines.items() if each.get("dead_letter_queue.enable")]

    assert [each["pipeline_id"] for each in inputs] == [f"dead_letter_queue/{name}" for name in writing]
    assert {each["path"] for each in inputs} == {"${SLOWTASK_DATA:/usr/share/logstash/data}"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_plugin_and_option_is_documented(path):
    assert plugins(path.read_text())
    assert undocumented(path.read_text()) == []


def test_every_plugin_has_an_id_of_its_own():
    ids = [options["id"] for path in FILES for _, _, options in plugins(path.read_text())]

    assert len(ids) == len(set(ids)) > 0
    assert all(each.startswith("slowtask_") for each in ids)


def test_the_chatter_is_counted_by_its_id():
    assert ("filter", "drop", {"id": "slowtask_chatter"}) in plugins(text("filter.conf"))


def test_patterns_are_found_beside_the_pipeline():
    """A file within the folder of the pipeline would be read as a part of it."""
    [options] = [options for _, name, options in plugins(text("filter.conf")) if name == "ruby"]

    assert options["script_params"]["patterns"] == "${SLOWTASK_PATTERNS:/usr/share/logstash/patterns}"
    assert {path.name for path in (LOGSTASH / "patterns").iterdir()} == {
        "heads",
        "slowtask",
        "times",
        "wrappers",
    }


def test_scripts_are_found_beside_the_pipeline_and_are_there():
    paths = [options["path"] for _, name, options in plugins(text("filter.conf")) if name == "ruby"]
    home = "${SLOWTASK_RUBY:/usr/share/logstash/ruby}/"

    assert [each.removeprefix(home) for each in paths] == ["event.rb"]
    assert all((LOGSTASH / "ruby" / each.removeprefix(home)).is_file() for each in paths)


def test_the_compose_file_mounts_what_the_filter_reads_beside_the_pipeline():
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["logstash"]
    mounted = {each["target"] for each in service["volumes"] if isinstance(each, dict)}

    assert {service["environment"][name] for name in ("SLOWTASK_PATTERNS", "SLOWTASK_RUBY")} <= mounted


def test_the_input_adds_nothing_and_listens_where_the_compose_file_publishes():
    [options] = [options for _, name, options in plugins(text("beats.conf")) if name == "beats"]

    assert options["enrich"] == "none"
    assert f":{options['port']}" in (ROOT / "docker-compose.yml").read_text()


# Where an event goes


def stream(dataset):
    """The stream that output.conf chooses for a *dataset* of the careful way, by reading its conditions."""
    [conditions] = [
        each
        for section in parse_lscl(text("output.conf"))
        for each in section.content
        if isinstance(each, LsclConditions)
    ]
    (short, _), *others = conditions.conditions
    assert short.names == ["@metadata", "slowtask_read"]
    for condition, inner in others:
        assert isinstance(condition, LsclEqualTo)
        assert condition.first.names == ["event", "dataset"]
        if condition.second == dataset:
            return replaced(inner, dataset)
    return replaced(conditions.default, dataset)


def replaced(content, dataset):
    [mutate] = content
    [name] = [each.content for each in mutate.content if each.name == "replace"]
    template = name["[@metadata][slowtask_stream]"].replace("%{[event][dataset]}", dataset)
    return VARIABLE.sub(lambda found: found[2], template)


def test_each_dataset_goes_to_the_stream_that_has_a_template():
    """But for rolled-up hours, which slowtask rollup writes itself."""
    shipped = TEMPLATES - {"metrics-slowtask.hour"}

    assert {stream(dataset) for dataset in DATASETS} == {f"{name}-default" for name in shipped}


def test_the_output_stores_into_that_stream_and_makes_no_other(output):
    assert output["index"] == "%{[@metadata][slowtask_stream]}"
    assert (output["data_stream"], output["action"]) == ("false", "create")
    assert (output["manage_template"], output["ilm_enabled"]) == ("false", "false")


def test_a_line_that_comes_twice_is_one_document_and_makes_no_noise(output):
    assert output["document_id"] == "%{[@metadata][slowtask_id]}"
    assert '"event.id" => "[@metadata][slowtask_id]"' in text("fast.conf")
    assert output["silence_errors_in_log"] == ["version_conflict_engine_exception"]


@pytest.mark.xdist_group("setup")  # it sets a password that another test uses
def test_its_user_may_do_what_the_output_asks_of_elasticsearch_and_no_more(
    own_elasticsearch, own_access, namespace
):
    """At its start and as a check of health: `/` and the licence; then bulk requests of creates."""
    password = uuid.uuid4().hex
    list(setup(own_elasticsearch, own_access, SetupOptions(passwords={"slowtask_logstash": password})))
    client = connect(replace(own_access, username="slowtask_logstash", password=password))
    streams = [stream(dataset).removesuffix("default") + namespace for dataset in sorted(DATASETS)]
    lines = [
        part
        for name in streams
        for part in ({"create": {"_index": name, "_id": "a"}}, {"@timestamp": "2026-11-23T18:47:58.000Z"})
    ]

    assert client.ping()
    assert client.info()["version"]["number"]
    assert client.license.get()["license"]["status"] == "active"
    assert [each["create"]["status"] for each in client.bulk(operations=lines)["items"]] == [201] * 4
    again = [each["create"] for each in client.bulk(operations=lines)["items"]]
    assert {(each["status"], each["error"]["type"]) for each in again} == {
        (409, "version_conflict_engine_exception")
    }
    with pytest.raises(AuthorizationException):
        client.indices.put_index_template(name="ecs-logstash", index_patterns=["ecs-logstash-*"])


def test_no_password_stands_in_a_file():
    for path in LOGSTASH.rglob("*"):
        if path.is_file():
            assert (
                re.findall(r"(?i)(?:password|api_key|secret)\W*=>\s*(?!\"\$\{\w+\}\")\S+", path.read_text())
                == []
            )


def test_what_the_pipeline_is_told_by_variables_the_compose_file_gives():
    """A variable without a default that isn't set keeps Logstash from starting."""
    read = [path for path in FILES if path.name not in OTHER_INPUTS]
    wanted = {name for path in read for name, default in VARIABLE.findall(bare(path)) if not default}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["logstash"]
    given = {*compose["environment"], *(each["target"] for each in compose["secrets"])}

    assert wanted - given == {"SLOWTASK_DATE"}
    assert "${SLOWTASK_DATE:}" in text("filter.conf")
    assert "SLOWTASK_LOGSTASH_PASSWORD" in wanted


def bare(path):
    """A file without its comments: Logstash reads no variable there."""
    return re.sub(r"(?m)^\s*#.*$", "", path.read_text())


# Settings


def test_every_setting_is_documented(settings, pipelines):
    assert settings.keys() <= PROCESS
    assert {name for each in pipelines.values() for name in each} <= PIPELINE


def test_stock_lines_are_taken_in_their_order_from_end_to_end(pipelines):
    for name in ("slowtask", "slowtask-stock"):
        assert (pipelines[name]["pipeline.workers"], pipelines[name]["pipeline.ordered"]) == (1, "true")


def test_json_lines_have_all_workers_there_are(pipelines):
    assert not {"pipeline.workers", "pipeline.ordered"} & pipelines["slowtask-json"].keys()


def test_what_was_taken_is_on_disk_until_the_next_has_it_and_bounded(pipelines):
    on_disk = {
        name: each.get("queue.max_bytes")
        for name, each in pipelines.items()
        if each["queue.type"] == "persisted"
    }

    assert on_disk == {"slowtask": "256mb", "slowtask-json": "512mb", "slowtask-stock": "512mb"}


def test_a_line_waits_for_others_for_little_more_than_a_second(pipelines):
    """For the product of both settings in the first pipeline; what it hands on comes at longer intervals."""
    first, *others = [pipelines[name] for name in ("slowtask", "slowtask-json", "slowtask-stock")]

    assert first["pipeline.batch.size"] * first["pipeline.batch.delay"] <= 1250
    assert all(each["pipeline.batch.delay"] <= first["pipeline.batch.delay"] for each in others)


def test_what_was_refused_is_on_disk_and_bounded(pipelines):
    sizes = {name: each.get("dead_letter_queue.max_bytes") for name, each in pipelines.items()}

    assert {name for name, size in sizes.items() if size == "256mb"} == {"slowtask-json", "slowtask-stock"}
    assert "dead_letter_queue.enable" not in pipelines["slowtask-refused"]


def test_strings_keep_their_backslashes(settings, pipelines):
    assert settings["config.support_escapes"] is False
    assert not any("config.support_escapes" in each for each in pipelines.values())


def test_nobody_else_reaches_its_api_and_it_tells_nobody(settings):
    assert settings["api.http.host"] == "127.0.0.1"
    assert settings["xpack.monitoring.enabled"] is False


def test_the_pipelines_are_read_from_where_the_compose_file_mounts_them(pipelines):
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["logstash"]["volumes"]
    targets = {each["source"]: each["target"] for each in volumes if isinstance(each, dict)}

    assert {each["path.config"].rpartition("/")[0] for each in pipelines.values()} == {
        targets["./logstash/pipeline"]
    }


def test_no_variable_of_the_container_becomes_a_setting():
    """The image writes such variables into logstash.yml, which it can't here."""
    environment = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["logstash"][
        "environment"
    ]
    squashed = {re.sub(r"[._]", "", name).lower() for name in PROCESS | PIPELINE}

    assert {name for name in environment if name.replace("_", "").lower() in squashed} == set()


# Faults are found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_brace_too_few_is_found(path):
    with pytest.raises(DecodeError):
        parse_lscl(path.read_text().rstrip().removesuffix("}"))


@pytest.mark.parametrize("fault", ["filter { mutate { id = 'x' } }", 'filter { grok { match => { "a" } } }'])
def test_a_fault_of_syntax_is_found(fault):
    with pytest.raises(DecodeError):
        parse_lscl(fault)


def test_a_misspelt_option_is_found():
    faulty = text("output.conf").replace("silence_errors_in_log", "silence_error_in_log")

    assert undocumented(faulty) == [("output", "elasticsearch", ["silence_error_in_log"])]


def test_a_plugin_that_logstash_does_not_ship_is_found():
    assert undocumented('filter { range { id => "x" } }') == [("filter", "range", ["id"])]


def test_a_setting_outside_of_a_plugin_is_found():
    with pytest.raises((AssertionError, DecodeError)):
        plugins('filter { id => "x" }')


def test_a_dataset_is_of_a_record():
    """Should a record be added, it needs a stream."""
    records = (event.Run, sample.QueueSample, sample.BrokerSample, sample.Alert, sample.Unparsed)

    assert {get_args(each.__annotations__["dataset"])[0] for each in records} == DATASETS
