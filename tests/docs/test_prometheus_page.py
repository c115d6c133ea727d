"""The page about Prometheus has each metric that is served, each alert, and why runs may be missing."""

import json
import re
from itertools import pairwise

import prometheus_client
import promql_parser
import pytest
import yaml

from places import ROOT
from slowtask.watch.history import GAPS, History
from slowtask.watch.metrics.collector import Collector
from slowtask.watch.metrics.counts import ACTIONS, MAX_PLACES, UNKNOWN, RunCounts
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.histogram import BOUNDS
from slowtask.watch.metrics.runs import RunCollector
from slowtask.watch.settings import MonitorSettings

PAGE = (ROOT / "docs" / "prometheus.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((ROOT / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
DASHBOARD = json.loads((ROOT / "prometheus" / "grafana.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
#: What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$__range": "3h", "$system": "rq|celery", "$queue": ".*"}
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
MONITOR = (ROOT / "docs" / "monitor.md").read_text(encoding="utf-8")


def served():
    """Each metric with its labels and its type, as the page writes it."""
    history = History()
    registry = prometheus_client.CollectorRegistry()
    registry.register(Collector(Health(60.0)))
    registry.register(RunCollector(RunCounts(), history))
    for family in registry.collect():
        labels = ",".join(vars(family)["_labelnames"])
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"{name}{{{labels}}}" if labels else name, family.type


def test_the_table_has_all_metrics_that_are_served_and_no_other():
    rows = re.findall(r"^\| `(slowtask_[^`]+)` \| (\w+) \|", PAGE, re.MULTILINE)

    assert sorted(rows) == sorted(served())


def test_the_page_has_all_alerts_and_no_other():
    rows = re.findall(r"^\| `(Slowtask\w+)` \|", PAGE, re.MULTILINE)

    assert rows == [rule["alert"] for rule in ALERTS]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_what_happened_and_what_to_do(rule):
    description = rule["annotations"]["description"]

    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert len(rule["annotations"]["summary"]) < 110
    assert description.count(". ") >= 1


def test_causes_in_the_rules_are_alerts_of_the_monitor():
    causes = {
        each
        for rule in ALERTS
        for found in re.findall(r'cause=~"(.*?)"', rule["expr"])
        for each in found.split("|")
    }

    assert causes
    assert all(f"| `{each}` |" in MONITOR for each in causes)


def test_the_page_has_all_reasons_why_runs_may_be_missing_and_all_ends_of_attempts():
    reasons = re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)

    assert reasons == list(GAPS)
    assert all(f"`{action}`" in PAGE for action in (*ACTIONS, UNKNOWN))


def test_the_number_of_labelled_tasks_and_of_buckets_is_as_the_page_says():
    assert MAX_PLACES == MonitorSettings().metrics_tasks == 50
    assert len(BOUNDS) == 17
    assert 60.0 in BOUNDS  # the target in the rules


def metric_names(query):
    """The metrics of slowtask that *query* reads, as Prometheus names the samples."""
    return set(re.findall(r"\bslowtask_\w+", query))


def sample_names():
    """What the samples of the served metrics may be called."""
    for text, kind in served():
        name = text.partition("{")[0]
        yield name
        if kind == "histogram":
            yield from (f"{name}_bucket", f"{name}_count", f"{name}_sum")


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_dashboard_is_promql_and_reads_what_is_served(query):
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    promql_parser.parse(query)

    assert metric_names(query)
    assert metric_names(query) <= {*sample_names()}


def test_the_rules_read_what_is_served():
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]

    assert {name for rule in rules for name in metric_names(rule["expr"])} <= {*sample_names()}


def test_panels_of_the_dashboard_have_ids_of_their_own_and_the_data_source_that_is_chosen():
    ids = [panel["id"] for panel in PANELS]
    sources = {each["datasource"]["uid"] for panel in PANELS for each in (panel, *panel["targets"])}

    assert len({*ids}) == len(ids)
    assert sources == {"${datasource}"}
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "system", "queue"]


def test_panels_of_the_dashboard_fill_each_row_and_do_not_overlap():
    places = [panel["gridPos"] for panel in PANELS]
    rows = {}
    for place in places:
        rows.setdefault(place["y"], []).append(place)

    assert [sum(place["w"] for place in row) for row in rows.values()] == [24] * len(rows)
    assert all(one["x"] + one["w"] == other["x"] for row in rows.values() for one, other in pairwise(row))
    assert all(upper + rows[upper][0]["h"] == lower for upper, lower in pairwise(sorted(rows)))
