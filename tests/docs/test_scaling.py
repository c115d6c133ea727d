"""The page about autoscalers: its YAML is valid, and its queries ask for what the monitor serves."""

import re

import prometheus_client
import pytest
import rq
import yaml
from conftest import missing

from places import ROOT
from slowtask.demo import tasks
from slowtask.watch.broker.rq import Rq
from slowtask.watch.metrics.collector import Collector
from slowtask.watch.metrics.health import Health
from slowtask.watch.view import Watch

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
SCALED, RULES, AUTOSCALER = (
    yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
)
[RULE] = RULES["externalRules"]
[TRIGGER] = SCALED["spec"]["triggers"]
[METRIC] = AUTOSCALER["spec"]["metrics"]
SELECTOR = METRIC["external"]["metric"]
QUERIES = [
    TRIGGER["metadata"]["query"],
    *re.findall(r"`(sum\(.*?\))`", PAGE),
    RULE["metricsQuery"]
    .replace("<<.Series>>", RULE["seriesQuery"])
    .replace("<<.LabelMatchers>>", 'system="rq",queue="mail"'),
]


@pytest.fixture(scope="module")
def served(redis_server):
    """The samples that `/metrics` serves of a queue `mail` in which jobs arrive."""
    from redis import Redis

    health = Health(max_age=60.0)
    with Redis.from_url(redis_server) as client:
        client.flushdb()  # others' queues
        watch = Watch(Rq(client, redis_server))
        watch.poll()
        rq.Queue("mail", connection=client).enqueue(tasks.simple_task)
        watch.poll()
        health.update(watch.poll())
        client.flushdb()
    registry = prometheus_client.CollectorRegistry()
    registry.register(Collector(health, lambda: {"mail": 2.0}))
    return [sample for family in registry.collect() for sample in family.samples]


@pytest.mark.redis
@pytest.mark.parametrize("query", QUERIES)
def test_each_query_is_promql_and_selects_a_sample_that_the_monitor_serves(served, query):
    try:
        import promql_parser
    except ImportError:
        missing("promql-parser")
    selector = promql_parser.parse(query).expr
    wanted = {each.name: each.value for each in selector.matchers.matchers}
    found = [
        each.value
        for each in served
        if each.name == selector.name
        and all(re.fullmatch(value, each.labels[name]) for name, value in wanted.items() if "|" not in value)
    ]

    assert found == [1.0]


@pytest.mark.redis
def test_the_autoscaler_names_the_metric_and_its_labels(served):
    [sample] = [each for each in served if each.name == SELECTOR["name"]]

    assert sample.labels == SELECTOR["selector"]["matchLabels"]
    assert RULE["seriesQuery"] == SELECTOR["name"]


def test_an_unknown_number_is_not_taken_for_none():
    assert TRIGGER["metadata"]["ignoreNullValues"] == "false"
    assert SCALED["spec"]["fallback"]["replicas"] >= 1


def test_both_autoscalers_count_jobs_not_an_average_of_the_metric():
    """The number of workers that are needed, divided by what a pod runs at once."""
    assert TRIGGER["metadata"]["threshold"] == "1"
    assert METRIC["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}
