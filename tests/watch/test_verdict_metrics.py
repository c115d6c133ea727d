"""The verdict for Prometheus."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from slowtask.watch.broker import Poll
from slowtask.watch.broker.track import Changes
from slowtask.watch.metrics.collector import Collector
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.verdict import MAX_CAUSES
from slowtask.watch.verdict import Finding, make_verdict
from slowtask.watch.view import View

VIEW = View(
    poll=Poll(time=0, system="rq", name="redis", queues=[], workers=[]),
    capacities=(), queues=(), overruns=(), owners=(), changes=Changes(),
)  # fmt: skip
NOTES = {"flow": ("unknown", "not yet"), "workers": ("ok", ""), "broker": ("ok", "")}


def found(name, part, queue=None, value=2.0):
    return Finding(
        name=name, part=part, subject=queue or "redis", queue=queue, value=value, warning=1.0, critical=2.0,
        message=name,
    )  # fmt: skip


@pytest.fixture
def metrics():
    """What Prometheus reads after a poll that found something."""

    def read(*findings, polled=True):
        health = Health(max_age=1.0, clock=lambda: 0.0)
        if polled:
            health.update(VIEW, make_verdict(findings, NOTES))
        registry = CollectorRegistry()
        registry.register(Collector(health))
        return generate_latest(registry).decode().splitlines()

    return read


def test_the_verdict_is_a_number_for_each_part_that_is_known(metrics):
    lines = metrics(found("workers-none", "workers", "mail"), found("broker-policy", "broker", value=1.0))

    assert 'slowtask_verdict{part="workers",system="rq"} 2.0' in lines
    assert 'slowtask_verdict{part="broker",system="rq"} 1.0' in lines
    assert 'slowtask_verdict_known{part="broker",system="rq"} 1.0' in lines


def test_a_part_that_is_unknown_has_no_verdict(metrics):
    lines = metrics()

    assert 'slowtask_verdict_known{part="flow",system="rq"} 0.0' in lines
    assert not any(line.startswith('slowtask_verdict{part="flow"') for line in lines)


def test_a_broker_that_cannot_be_read_is_unknown_in_each_part(metrics):
    lines = metrics(polled=False)

    assert sum(line.startswith("slowtask_verdict_known{") and line.endswith(" 0.0") for line in lines) == 3
    assert not any(line.startswith("slowtask_verdict{") for line in lines)


def test_a_cause_is_1_while_it_is_present(metrics):
    lines = metrics(found("workers-none", "workers", "mail"), found("broker-policy", "broker", value=1.0))

    assert 'slowtask_cause{cause="workers-none",queue="mail",system="rq"} 1.0' in lines
    assert 'slowtask_cause{cause="broker-policy",queue="",system="rq"} 1.0' in lines


def test_the_causes_are_bounded_and_the_worst_are_kept(metrics):
    many = [found("queue-load", "flow", f"q{n}", value=1.0) for n in range(MAX_CAUSES + 9)]
    lines = metrics(*many, found("workers-none", "workers", "mail"))

    assert sum(line.startswith("slowtask_cause{") for line in lines) == MAX_CAUSES
    assert 'slowtask_cause{cause="workers-none",queue="mail",system="rq"} 1.0' in lines


def test_a_cause_of_a_queue_with_a_hostile_name_leaves_the_metrics_valid(metrics):
    lines = metrics(found("workers-none", "workers", "mail\udcff\n"))

    assert r'slowtask_cause{cause="workers-none",queue="mail\\udcff\\n",system="rq"} 1.0' in lines
