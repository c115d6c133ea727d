"""The page of the queues, from what a monitor sent to Elasticsearch."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from documents import samples
from served import Served
from slowtask.record.sample import ALERT_DATASET, QUEUE_DATASET, Alert, QueueSample

pytestmark = pytest.mark.slow


def sample(queue, age=0.0, **others):
    return QueueSample(
        timestamp=datetime.now(UTC) - timedelta(seconds=age), id=uuid.uuid4().hex, dataset=QUEUE_DATASET,
        queue=queue, system="rq", **others,
    )  # fmt: skip


def alert(queue, state, age):
    return Alert(
        timestamp=datetime.now(UTC) - timedelta(seconds=age), id=uuid.uuid4().hex, dataset=ALERT_DATASET,
        name="queue-depth", state=state, queue=queue, message=f"{queue} is {state}",
    )  # fmt: skip


@pytest.fixture
def sent(elasticsearch, namespace):
    """Store samples and alerts in the test's own streams."""

    def store(*seen, alerts=()):
        assert not samples(elasticsearch, f"metrics-slowtask.queue-{namespace}", seen)
        assert not samples(elasticsearch, f"logs-slowtask.alert-{namespace}", alerts)

    return store


@pytest.fixture
def page(tmp_path, access, namespace):
    """Get the page `/queues`, served with the login of the administrator or of *user*."""

    def get(user=access):
        names = ("username", "password", "ca_file")
        login = {f"SLOWTASK_ELASTICSEARCH_{name.upper()}": getattr(user, name) or "" for name in names}
        with Served(tmp_path, f"{access.url}/logs-slowtask.run-{namespace}", **login) as server:
            return server.get("/queues")

    return get


def test_the_last_poll_and_the_alerts_that_last_are_shown(sent, page):
    sent(
        sample("gone", 90), sample("mail", 9, depth=1), sample("mail", depth=4711),
        alerts=[
            alert("mail", "warning", 3000), alert("mail", "critical", 3),
            alert("slow", "warning", 5), alert("slow", "ok", 4),
        ],
    )  # fmt: skip

    found = page()
    assert "From Elasticsearch: the last samples of slowtask monitor" in found.text
    assert "1 queue " in found.text
    assert "4,711" in found.text
    assert "mail is critical" in found.text
    assert "slow is" not in found.text


def test_samples_of_an_hour_ago_say_nothing_of_now(sent, page):
    sent(sample("mail", 3600, depth=4711), alerts=[alert("mail", "critical", 3600)])

    found = page()
    assert "It isn't known how the queues are." in found.text
    assert "1h 0m old" in found.text
    assert "mail is critical" not in found.text


def test_without_samples_the_page_says_how_to_get_some(elasticsearch, page):
    found = page()

    assert "It isn't known how the queues are." in found.text
    assert "this Elasticsearch has no samples of slowtask monitor" in found.text


def test_queues_in_trouble_are_not_called_well_if_alerts_may_not_be_read(
    sent, page, elasticsearch, access, namespace
):
    sent(sample("mail", verdict="critical", cause="queue-growing"), alerts=[alert("mail", "critical", 3)])
    streams = [f"{name}-{namespace}" for name in ("metrics-slowtask.queue", "logs-slowtask.run")]
    elasticsearch.security.put_role(
        name=namespace, cluster=["monitor"], indices=[{"names": streams, "privileges": ["read"]}]
    )
    elasticsearch.security.put_user(username=namespace, password=namespace, roles=[namespace])

    found = page(replace(access, username=namespace, password=namespace))
    assert "The queues are in trouble." in found.text
    assert "mail is critical" not in found.text
