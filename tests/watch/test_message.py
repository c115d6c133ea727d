"""The text of alerts, as a phone shows it."""

from slowtask.watch.alerts import Finding, Notification
from slowtask.watch.message import body, make_message, title


def told(state="critical", kind="change", before="ok"):
    finding = Finding(
        name="broker-capacity", subject="redis", value=0.9, warning=0.7, critical=0.8, message="full"
    )
    return Notification(finding=finding, state=state, kind=kind, before=before, lasted=90.0)


def test_a_message_has_the_state_what_happened_and_the_link():
    found = make_message(told(), "redis", "https://kibana/x")

    assert (found.title, found.body) == ("CRITICAL: broker-capacity of redis", "full\nhttps://kibana/x")


def test_that_it_is_over_is_told_with_how_long_it_was():
    over = told(state="ok", before="critical")

    assert title(over) == "RESOLVED: broker-capacity of redis"
    assert body(over) == "full\nIt was critical for 1m 30s."


def test_two_states_of_one_alert_have_one_key_so_the_newer_replaces_the_older():
    assert make_message(told(), "a").key == make_message(told(state="ok", before="critical"), "a").key
    assert make_message(told(), "a").key != make_message(told(), "b").key
