"""The page about Prometheus has each metric that is served, each alert, and why runs may be missing."""

import re

import prometheus_client
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
