"""`make test-logstash` without Docker: what it compares, what it feeds, what it says where it can't run."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from pipeline.compare import apart, differences, flat, golden
from places import GOLDEN, ROOT, TESTS
from stack import logstash

RQ = GOLDEN / "rq-3.0.0-worker.log"
RUN = {
    "@timestamp": "2026-11-23T18:47:58.100000Z",
    "event": {"id": "a", "dataset": "slowtask.run", "duration": 5, "action": "timed-out"},
    "task": {"name": "jobs.slow", "id": "7"},
    "error": {"type": "ValueError", "message": "no such user"},
    "labels": {"tenant": "acme"},
}
TITLE = "2026-11-23T18:47:58.100000Z slowtask.run jobs.slow 7"


def changed(**fields):
    """The run, flat, with other fields; None leaves one out."""
    new = flat(RUN) | {name.replace("_", "."): value for name, value in fields.items()}
    return {name: value for name, value in new.items() if value is not None}


# What differs


def test_nested_and_flat_events_are_compared_alike():
    assert differences([flat(RUN)], [RUN | {"@version": "1"}]) == []


def test_fractions_of_a_second_are_compared_by_value():
    assert differences([RUN], [RUN | {"@timestamp": "2026-11-23T18:47:58.100Z"}]) == []
    assert differences([RUN], [RUN | {"@timestamp": "2026-11-23T18:47:58.100001Z"}]) != []


def test_a_difference_names_the_event_the_field_and_both_values():
    assert differences([RUN], [changed(event_duration=6)]) == [f"{TITLE}: event.duration is 6, not 5"]


def test_a_field_that_is_missing_or_too_many_is_told():
    assert differences([RUN], [changed(error_type=None)]) == [
        f'{TITLE}: error.type is absent, not "ValueError"'
    ]
    assert differences([RUN], [changed(host_name="x")]) == [f'{TITLE}: host.name is "x", not absent']


def test_a_number_as_a_text_is_another_value():
    assert differences([RUN], [changed(event_duration="5")]) == [f'{TITLE}: event.duration is "5", not 5']
    assert differences([RUN], [changed(event_duration=5.0)]) == [f"{TITLE}: event.duration is 5.0, not 5"]


def test_labels_are_compared_as_a_whole():
    assert len(differences([RUN], [RUN | {"labels": {"tenant": "other"}}])) == 1


def test_an_id_is_compared_where_one_is_expected():
    assert differences([RUN], [changed(event_id="b")]) == [f'{TITLE}: event.id is "b", not "a"']
    assert differences([changed(event_id=None)], [RUN]) == []


def test_an_event_that_is_missing_or_too_many_is_told():
    other = changed(task_id="8")

    assert differences([RUN, other], [other]) == [f"{TITLE}: missing"]
    assert differences([other], [RUN, other]) == [f"{TITLE}: not expected"]


def test_the_order_counts():
    other = changed(task_id="8")

    assert differences([RUN, other], [other, RUN]) != []


def test_of_a_line_that_cannot_be_read_the_reason_and_the_text_are_compared():
    bad = {"event.dataset": "slowtask.unparsed", "event.reason": "malformed", "event.original": "Time: 1"}
    found = bad | {"@timestamp": "2026-11-24T00:00:00Z", "event.id": "c", "log.offset": 7, "host.name": "x"}

    assert differences([bad], [found]) == []
    assert differences([bad], [found | {"event.reason": "binary"}]) != []


def test_what_only_a_traceback_tells_is_left_out_for_lines_that_come_one_by_one():
    assert differences(apart([RUN]), apart([changed(error_type=None, event_action="failed")])) == []
    assert differences(apart([RUN]), apart([changed(event_action="killed")])) != []


def test_the_expectations_of_a_golden_log_are_its_events_and_its_bad_lines():
    found = golden(GOLDEN / "text-format.log")

    assert len(found) == 12
    assert [each["event.original"] for each in found if each["event.dataset"] == "slowtask.unparsed"] == [
        "Time: 2023-01-05 12:34:57,002 Task: app.demo.jobs.comp",
    ]


# What is fed and told


def test_every_golden_log_is_run_joined_and_line_by_line():
    assert len(logstash.cases()) == 2 * len(logstash.LOGS) > 0


def test_an_event_is_fed_as_filebeat_sends_it_and_tells_its_case():
    fed = [json.loads(line) for line in logstash.lines("x", RQ, joined=False)]

    assert [each["message"] for each in fed][
        : len(RQ.read_text().splitlines())
    ] == RQ.read_text().splitlines()
    assert {each["@metadata"]["case"] for each in fed} == {"x"}
    assert {each["log"]["file"]["path"] for each in fed} == {f"{RQ}.x"}


def test_all_that_is_as_it_should_be_is_no_fault(capsys):
    assert logstash.compare({name: golden(log) for name, log, _ in logstash.cases()}) == 0
    assert capsys.readouterr().out.count("as slowtask parse") == len(logstash.cases())


def test_a_case_that_differs_is_a_fault_and_told(capsys):
    found = {name: golden(log) for name, log, _ in logstash.cases()}
    found["rq-3.0.0-worker.joined"] = found["rq-3.0.0-worker.joined"][1:]

    assert logstash.compare(found) == 1
    assert re.search(
        r"jobs\.send_mail b7b4e84e-df1f-4862-9524-2a75b42456e1: missing", capsys.readouterr().out
    )


def test_nothing_that_came_out_is_a_fault():
    assert logstash.compare({}) == len(logstash.cases())


@pytest.fixture
def run(tmp_path):
    """Runs `make test-logstash`'s script, with a script of the test's own as docker."""

    def run(docker):
        (tmp_path / "sh").symlink_to(shutil.which("sh"))
        if docker:
            (tmp_path / "docker").write_text(f"#!/bin/sh\n{docker}\n")
            (tmp_path / "docker").chmod(0o755)
        return subprocess.run(
            [sys.executable, "-m", "stack.logstash"],
            cwd=TESTS,
            env=os.environ
            | {"PYTHONPATH": "support", "PATH": str(tmp_path), "CALLS": str(tmp_path / "calls")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("docker", "sentence"), [(None, "it needs Docker: install it"), ("exit 1", "Docker isn't running")]
)
def test_without_docker_one_line_says_so(run, docker, sentence):
    done = run(docker)

    assert done.returncode == 1
    assert done.stderr.startswith(f"make: test-logstash: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_what_logstash_says_is_shown_where_it_refuses_the_configuration(run):
    done = run('[ "$1" = info ] || { echo "Unknown setting \'enrihc\' for beats"; exit 1; }')

    assert done.returncode == 1
    assert "Unknown setting 'enrihc' for beats" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_image_of_the_stack_is_run_apart_from_any_network(run, tmp_path):
    run('echo "$*" >>"$CALLS"; while read -r line; do :; done')
    checked, ran = (tmp_path / "calls").read_text().splitlines()[1:]
    version = re.search(r"^ELASTIC_VERSION=(.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)[1]

    assert all(f"docker.elastic.co/logstash/logstash:{version} " in each for each in (checked, ran))
    assert all("--network none" in each for each in (checked, ran))
    assert "--config.test_and_exit" in checked
    assert "--pipeline.workers 1 --pipeline.ordered true" in ran
