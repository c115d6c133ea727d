"""One page for one cause: what is sent, and what is only named."""

import pytest

from slowtask.watch import pages
from slowtask.watch.alerts import Alerts, Rules
from slowtask.watch.causes import CAUSES, broker_unseen
from slowtask.watch.message import PHRASES
from slowtask.watch.pages import Pages, explains
from slowtask.watch.verdict import CRITICAL, WARNING, Finding

RULES = Rules(calm=0.0, repeat=3600.0)


def found(name, queue="mail", value=CRITICAL, subject=None):
    return Finding(
        name=name, subject=subject or queue or "redis", queue=queue, value=value,
        warning=WARNING, critical=CRITICAL, message=f"{name} of {queue}",
    )  # fmt: skip


NONE, AGE, LOAD = found("workers-none"), found("queue-age"), found("queue-load", value=WARNING)
SOON = found("broker-full-soon", queue=None, value=WARNING)


class Night:
    """Polls, ten seconds apart: what each sends."""

    def __init__(self, rules=RULES):
        self.alerts, self.pages, self.now = Alerts(rules=rules), Pages(), 0.0

    def poll(self, *findings, deepest="mail", seconds=10.0):
        self.now += seconds
        self.changes = self.alerts.take(findings, self.now)
        pages = self.pages.group(self.alerts, self.changes, self.now, deepest)
        self.alerts.forget_calm()
        return [sent(page) for page in pages]


def sent(page):
    also = [each.name for each in page.also]
    text = f"{page.notification.state} {page.notification.finding.name} {page.notification.finding.subject}"
    return (text, *also)


def test_what_follows_from_one_cause_is_one_page():
    assert Night().poll(AGE, SOON, NONE, LOAD) == [
        ("critical workers-none mail", "broker-full-soon", "queue-load", "queue-age")
    ]


def test_what_follows_later_gets_no_page_of_its_own():
    night = Night()
    night.poll(NONE)

    assert night.poll(NONE, AGE) == []
    assert night.poll(NONE, AGE, LOAD) == []


def test_if_the_cause_ends_and_the_rest_stays_it_is_told_then():
    night = Night()
    night.poll(NONE, AGE)

    assert night.poll(AGE) == [("ok workers-none mail",), ("critical queue-age mail",)]
    assert night.poll() == [("ok queue-age mail",)]


def test_what_is_about_to_be_over_is_not_told_when_its_cause_ends():
    night = Night(Rules(calm=25.0))
    night.poll(NONE, AGE)
    for _ in range(3):
        night.poll(AGE)
    calm = found("queue-age", value=0.0)

    assert night.poll(calm) == [("ok workers-none mail",)]
    assert [night.poll(calm) for _ in range(5)] == [[]] * 5
    assert not night.alerts.states


def test_what_follows_is_resolved_in_silence_if_it_was_never_told():
    night = Night()
    night.poll(NONE, AGE)

    assert night.poll(NONE) == []
    assert night.poll() == [("ok workers-none mail",)]


def test_what_was_told_before_its_cause_is_told_as_resolved():
    night = Night()
    assert night.poll(AGE) == [("critical queue-age mail",)]
    assert night.poll(AGE, NONE) == [("critical workers-none mail", "queue-age")]

    assert night.poll(NONE) == [("ok queue-age mail",)]


def test_a_cause_hides_nothing_that_is_worse_than_what_was_told_of_it():
    night = Night()
    assert night.poll(LOAD) == [("warning queue-load mail",)]

    assert night.poll(LOAD, AGE) == [("critical queue-load mail", "queue-age")]
    assert night.poll(LOAD, AGE) == []
    assert night.poll(LOAD) == []


def test_each_queue_has_its_own_page():
    told = Night().poll(NONE, found("workers-none", "media"), AGE, found("queue-age", "media"))

    assert told == [
        ("critical workers-none mail", "queue-age"),
        ("critical workers-none media", "queue-age"),
    ]


def test_a_broker_fills_because_of_the_deepest_queue_and_of_no_other():
    assert Night().poll(NONE, SOON, deepest="media") == [
        ("critical workers-none mail",),
        ("warning broker-full-soon redis",),
    ]


def test_a_chain_of_causes_is_one_page():
    held = found("workers-held", value=WARNING)

    assert Night().poll(NONE, held, LOAD, AGE) == [
        ("critical workers-none mail", "workers-held", "queue-load", "queue-age")
    ]


def test_a_cause_that_lasts_is_sent_again_with_what_follows():
    night = Night()
    night.poll(NONE, AGE)

    assert night.poll(NONE, AGE, seconds=3600.0) == [("critical workers-none mail", "queue-age")]


def test_the_log_has_every_change_and_the_cause_it_is_grouped_under():
    night = Night()
    night.poll(NONE, AGE)

    assert [(each.finding.name, night.pages.cause(each.finding)) for each in night.changes] == [
        ("workers-none", None),
        ("queue-age", "workers-none"),
    ]
    night.poll(NONE)
    [over] = night.changes
    assert (over.state, night.pages.cause(over.finding)) == ("ok", "workers-none")


def test_no_cause_explains_itself_or_one_before_it():
    findings = [found(cause.name) for cause in CAUSES]

    assert not any(explains(each, each) for each in findings)
    assert not any(explains(a, b) and explains(b, a) for a in findings for b in findings)


@pytest.mark.parametrize("name", [*(cause.name for cause in CAUSES), broker_unseen("redis", None).name])
def test_each_cause_has_a_phrase_for_a_title(name):
    assert name in PHRASES


def test_of_a_thousand_queues_each_alert_is_compared_only_with_those_of_its_queue(monkeypatch):
    """Else a bad night of many queues would cost the square of its alerts at each poll."""
    compared = []
    monkeypatch.setattr(pages, "explains", lambda *each: compared.append(each) or explains(*each))
    Night().poll(*(found(name, f"q{n}") for name in ("workers-none", "queue-age") for n in range(1000)))

    assert len(compared) == 1000
