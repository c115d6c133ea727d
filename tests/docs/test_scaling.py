"""The page about autoscalers: its YAML, queries, script and figures are what the monitor serves and does."""

import os
import re
import subprocess
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import prometheus_client
import pytest
import yaml
from conftest import missing

from places import ROOT
from slowtask.watch.arrivals import Arrivals
from slowtask.watch.broker import Queue
from slowtask.watch.metrics.collector import NEEDED, Collector
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.scale import find_needed
from slowtask.watch.metrics.server import serve
from slowtask.watch.needed import WaitTarget, count_needed
from slowtask.watch.occupancy import Occupancy
from slowtask.watch.view import QueueView

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
SCALED, PROMETHEUS, RULES, AUTOSCALER = (
    yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
)
[RULE] = RULES["externalRules"]
[ASKED] = SCALED["spec"]["triggers"]
[TRIGGER] = PROMETHEUS["triggers"]
[METRIC] = AUTOSCALER["spec"]["metrics"]
SELECTOR = METRIC["external"]["metric"]
[SCRIPT] = re.findall(r"```sh\n(#!/bin/sh.*?)```", PAGE, re.DOTALL)
[SUM] = re.findall(r"```text\n(sum.*?)```", PAGE, re.DOTALL)
QUERIES = [
    TRIGGER["metadata"]["query"],
    RULE["metricsQuery"]
    .replace("<<.Series>>", RULE["seriesQuery"])
    .replace("<<.LabelMatchers>>", 'system="rq",queue="mail"'),
]


@pytest.fixture
def health():
    """What the monitor keeps of a queue `mail` that needs two workers."""
    found = Health(max_age=60.0)
    queue = QueueView(queue=Queue(name="mail", depth=0), needed=2)
    found.update(
        SimpleNamespace(
            poll=SimpleNamespace(system="rq", memory=None, alarms=()),
            queues=[queue],
            backlog=[],
            capacity=None,
            forecast=None,
        )
    )
    return found


@pytest.fixture
def served(health):
    """The samples that `/metrics` serves."""
    registry = prometheus_client.CollectorRegistry()
    registry.register(Collector(health))
    return [sample for family in registry.collect() for sample in family.samples]


def parse(query):
    """The query as Prometheus reads it."""
    try:
        import promql_parser
    except ImportError:
        missing("promql-parser")
    return promql_parser.parse(query)


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_is_promql_and_selects_a_sample_that_the_monitor_serves(served, query):
    selector = parse(query).expr
    wanted = {each.name: each.value for each in selector.matchers.matchers}
    found = [
        each.value
        for each in served
        if each.name == selector.name
        and all(re.fullmatch(value, each.labels[name]) for name, value in wanted.items())
    ]

    assert found == [2.0]


def test_the_sum_of_two_queues_has_a_result_only_if_both_are_known():
    both = parse(SUM)

    assert (both.lhs.op.__str__(), both.rhs.lhs.op.__str__()) == ("sum", "count")
    assert both.lhs.expr.prettify() == both.rhs.lhs.expr.prettify()
    assert both.rhs.rhs.val == 2.0


def test_the_autoscaler_names_the_metric_and_its_labels(served):
    [sample] = [each for each in served if each.name == SELECTOR["name"]]

    assert sample.labels == SELECTOR["selector"]["matchLabels"]
    assert RULE["seriesQuery"] == SELECTOR["name"]
    assert NEEDED


def test_the_address_that_keda_asks_has_the_number_at_its_place(health):
    address = urlsplit(ASKED["metadata"]["url"])
    status, said = find_needed(health, address.path.removeprefix("/scale/"), parse_qs(address.query)["queue"])

    assert (status, said[ASKED["metadata"]["valueLocation"]]) == ("200 OK", 2)


def test_an_unknown_number_is_not_taken_for_none():
    assert TRIGGER["metadata"]["ignoreNullValues"] == "false"
    assert SCALED["spec"]["fallback"]["replicas"] >= 1


def test_all_autoscalers_count_jobs_not_an_average_of_the_metric():
    """The number of workers that are needed, divided by what a pod runs at once."""
    assert TRIGGER["metadata"]["threshold"] == ASKED["metadata"]["targetValue"] == "1"
    assert METRIC["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}


def rows():
    """The examples of the page: what is given, and what is needed."""
    table = PAGE.partition("| Jobs a second |")[2].partition("\n\n")[0]
    return [[float(cell) for cell in line.strip("| ").split("|")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize(("rate", "time", "vary", "seconds", "share", "busy", "needed"), rows())
def test_each_example_is_what_the_monitor_counts(rate, time, vary, seconds, share, busy, needed):
    arrivals = Arrivals(rate=rate, seconds=600.0, variability=vary)
    occupancy = Occupancy(mean=time, variability=vary)
    target = WaitTarget(seconds=seconds, share=share)

    assert count_needed(Queue(name="mail", depth=0), arrivals, [], occupancy, target) == needed
    assert rate * time == busy


@pytest.fixture
def run_script(tmp_path, health):
    """Runs the page's script, and returns what it made systemctl do."""
    server = serve("127.0.0.1:0", health)
    done = tmp_path / "done"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$2 $3" >> {done}\n', encoding="utf-8")
    (tmp_path / "systemctl").chmod(0o700)
    script = SCRIPT.replace(":9187", f":{server.server_port}").replace("most=20", "most=4")
    (tmp_path / "scale").write_text(script, encoding="utf-8")
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def run():
        subprocess.run(["sh", tmp_path / "scale"], env=environment, check=True, capture_output=True)
        return done.read_text(encoding="utf-8").splitlines() if done.exists() else []

    yield run
    server.shutdown()


def test_the_script_starts_the_workers_that_are_needed_and_stops_the_others(run_script):
    assert run_script() == [
        "start mail-worker@1",
        "start mail-worker@2",
        "stop mail-worker@3",
        "stop mail-worker@4",
    ]


def test_the_script_does_nothing_while_the_number_is_not_known(run_script, health):
    health.update(SimpleNamespace(poll=SimpleNamespace(system="rq"), queues=[]))

    assert run_script() == []
