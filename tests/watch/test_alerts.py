"""The states of alarms."""

import math

import pytest

from slowtask.watch.alerts import Alerts, Finding, Rules

RULES = Rules(margin=0.05, calm=60.0, repeat=3600.0)


def finding(value, name="broker-capacity", subject="redis"):
    return Finding(name=name, subject=subject, value=value, warning=0.7, critical=0.8, message="full")


def seconds_left(value):
    return Finding(
        name="broker-full-soon", subject="redis", value=value, warning=900.0, critical=150.0, message="soon",
        lower_is_worse=True,
    )  # fmt: skip


def told(values, step=10.0, rules=RULES, finding=finding):
    """What one alarm tells of *values*, *step* seconds apart: `(place, state, kind)`."""
    alarms = Alerts(rules=rules)
    return [
        (place, each.state, each.kind)
        for place, value in enumerate(values)
        for each in alarms.take([finding(value)], place * step)
    ]


def test_what_is_well_is_not_told():
    assert told([0.1, 0.5, 0.69]) == []


def test_it_goes_up_at_once_through_both_states():
    assert told([0.6, 0.75, 0.81]) == [(1, "warning", "change"), (2, "critical", "change")]


def test_it_may_skip_a_state():
    assert told([0.1, 0.99]) == [(1, "critical", "change")]


def test_a_value_that_flaps_about_its_threshold_is_told_once():
    assert told([0.81, 0.79, 0.81, 0.79] * 50) == [(0, "critical", "change")]


def test_it_goes_down_when_it_has_been_low_for_long_enough():
    assert told([0.81] + [0.5] * 10) == [(0, "critical", "change"), (7, "ok", "change")]


def test_a_relapse_starts_the_waiting_anew():
    assert told([0.81] + [0.5] * 5 + [0.81] + [0.5] * 7)[1:] == [(13, "ok", "change")]


def test_from_critical_it_may_go_down_to_a_warning():
    assert told([0.81] + [0.72] * 10) == [(0, "critical", "change"), (7, "warning", "change")]


def test_seconds_that_are_left_are_worse_the_fewer_they_are():
    assert told([math.inf, 1000.0, 900.0, 150.0], finding=seconds_left) == [
        (2, "warning", "change"),
        (3, "critical", "change"),
    ]


def test_of_seconds_that_are_left_a_few_more_do_not_end_the_alert():
    flapping = told([900.0, *[940.0, 899.0] * 20], finding=seconds_left)

    assert flapping == [(0, "warning", "change")]
    assert told([900.0] + [math.inf] * 10, finding=seconds_left)[1:] == [(7, "ok", "change")]


def test_what_lasts_is_told_again_after_a_while_and_not_before():
    found = told([0.9] * 800)

    assert found == [(0, "critical", "change"), (360, "critical", "repeat"), (720, "critical", "repeat")]


def test_what_can_not_be_seen_changes_nothing():
    assert told([0.81, None, None, 0.81]) == [(0, "critical", "change")]


def test_alarms_of_two_things_are_two():
    alarms = Alerts(rules=RULES)
    found = alarms.take([finding(0.9, subject="a"), finding(0.1, subject="b")], 0.0)

    assert [(each.finding.subject, each.state) for each in found] == [("a", "critical")]
    assert alarms.worst() == "critical"


def test_what_is_not_found_any_more_is_over():
    alarms = Alerts(rules=RULES)
    alarms.take([finding(0.9, subject="gone")], 0.0)
    alarms.take([], 1.0)
    [over] = alarms.take([], 1.0 + RULES.calm)

    assert (over.state, over.finding.subject, alarms.worst()) == ("ok", "gone", "ok")


def test_while_the_broker_can_not_be_read_nothing_is_over():
    alarms = Alerts(rules=RULES)
    alarms.take([finding(0.9)], 0.0)

    assert not alarms.take([], RULES.calm, complete=False)
    assert not alarms.take([], 3 * RULES.calm, complete=False)
    assert alarms.worst() == "critical"


@pytest.mark.parametrize(
    ("value", "state"), [(0.69, "ok"), (0.7, "warning"), (0.8, "critical"), (None, None)]
)
def test_a_finding_s_state_is_by_its_thresholds(value, state):
    assert finding(value).state == state
