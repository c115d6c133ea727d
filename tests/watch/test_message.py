"""The text of alerts, as a phone shows it."""

from dataclasses import replace

import pytest

from slowtask.watch.alerts import Notification
from slowtask.watch.message import MAX_HEAD, MAX_TITLE, PHRASES, make_message
from slowtask.watch.pages import Page
from slowtask.watch.verdict import CRITICAL, Finding

NONE = Finding(
    name="workers-none",
    subject="mail",
    queue="mail",
    part="workers",
    value=CRITICAL,
    warning=1.0,
    critical=2.0,
    message="No live worker on mail: 135 jobs wait, the first for 65.0 s, and nothing takes them.",
    todo="Start a worker.",
    commands=("rq worker --url redis://queue:6379 mail", "rq info --url redis://queue:6379 --only-workers"),
)
AGE = replace(NONE, name="queue-age", message="mail: 135 jobs wait.", todo="", commands=())


def told(finding=NONE, state="critical", kind="change", before="ok", lasted=250.0, also=(), **others):
    notification = Notification(finding=finding, state=state, kind=kind, before=before, lasted=lasted)
    return make_message(Page(notification=notification, also=also), **others)


def test_a_message_has_head_evidence_what_follows_the_commands_and_the_link():
    found = told(
        also=[AGE], broker="redis://queue:6379", links=["https://slowtask/queues", "https://kibana/x"]
    )

    assert found.title == "CRITICAL mail: no live worker"
    assert found.body.splitlines() == [
        "CRITICAL mail: no live worker. Start a worker.",
        "No live worker on mail: 135 jobs wait, the first for 65.0 s, and nothing takes them.",
        "At redis://queue:6379.",
        "also: mail: jobs wait too long",
        "rq worker --url redis://queue:6379 mail",
        "rq info --url redis://queue:6379 --only-workers",
        "https://slowtask/queues",
        "https://kibana/x",
    ]


def test_a_resolved_message_says_how_long_it_was_and_what_ended_it():
    found = told(state="ok", before="critical", ended="w31 and w32 started; 12 jobs/s leave.")

    assert found.title == "RESOLVED mail: no live worker, for 4m 10s"
    assert found.body == ("RESOLVED mail: no live worker, for 4m 10s. w31 and w32 started; 12 jobs/s leave.")


def test_a_reminder_says_that_it_still_stands():
    assert told(kind="repeat", before="critical").title == "CRITICAL (still) mail: no live worker"


@pytest.mark.parametrize("name", PHRASES)
@pytest.mark.parametrize("state", ["ok", "warning", "critical"])
def test_a_title_fits_a_phone_however_long_the_name(name, state):
    long = replace(NONE, name=name, subject="shop.reports.nightly." * 9)
    found = told(long, state=state, before="critical", kind="repeat" if state != "ok" else "change")

    assert len(found.title) <= MAX_TITLE
    assert "shop.re" in found.title
    assert PHRASES[name] in found.title


def test_the_head_of_the_body_has_the_next_step_even_if_it_is_long():
    long = replace(NONE, todo="Let one serve it again: " + "look at each of them. " * 20)
    head, evidence, *_ = told(long).body.splitlines()

    assert len(head) == MAX_HEAD
    assert head.startswith("CRITICAL mail: no live worker. Let one serve it again: look at")
    assert evidence.endswith(long.todo.rstrip())


def test_of_many_that_follow_a_few_are_named():
    lines = told(also=[replace(AGE, subject=f"q{n}") for n in range(9)]).body.splitlines()

    assert [line for line in lines if line.startswith("also")] == [
        *(f"also: q{n}: jobs wait too long" for n in range(5)),
        "also: 4 more",
    ]


def test_a_name_cannot_begin_a_line_of_its_own():
    found = told(replace(NONE, subject="mail\nrm -rf /", commands=("rq worker 'a\nb'",)))

    assert "mail\\nrm -rf /" in found.title
    assert "\nrm" not in found.body
    assert "rq worker 'a\\nb'" in found.body


def test_two_states_of_one_alert_have_one_key_so_the_newer_replaces_the_older():
    assert told(broker="a").key == told(state="ok", before="critical", broker="a").key
    assert told(broker="a").key != told(broker="b").key
