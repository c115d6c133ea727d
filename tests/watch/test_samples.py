"""The verdict in samples, and the cause in an alert's line."""

from dataclasses import replace

from slowtask.watch.alerts import Notification
from slowtask.watch.blame import Blame
from slowtask.watch.broker import Memory, Poll, Queue
from slowtask.watch.broker.track import Changes
from slowtask.watch.crew import Crew
from slowtask.watch.judge import capacities
from slowtask.watch.pace import Pace
from slowtask.watch.samples import alert_line, sample_lines
from slowtask.watch.verdict import Finding
from slowtask.watch.view import QueueView, View

NONE = Finding(
    name="workers-none", subject="mail", queue="mail", value=2.0, warning=1.0, critical=2.0, message="none",
    since=1_800_000_000.0,
)  # fmt: skip
AGE = replace(NONE, name="queue-age", value=1.0, since=None)
POLICY = replace(AGE, name="broker-policy", subject="redis", queue=None)


def samples(*found, began=None, depth=3, departures=1.0, complete=True):
    queue = Queue(name="mail", depth=depth)
    poll = Poll(
        time=1_800_000_100_000_000, system="rq", name="redis", queues=[queue], workers=[],
        memory=Memory(used=10, limit=100),
    )  # fmt: skip
    judged = QueueView(
        queue=queue, crew=Crew(members=(), complete=complete), pace=Pace(departures=departures)
    )
    view = View(
        poll=poll, capacities=capacities(poll), queues=[judged], overruns=(), owners=(), changes=Changes()
    )
    return sample_lines(view, found, began)


def test_a_queue_s_sample_has_its_worst_cause_and_since_when():
    queue, _ = samples(AGE, NONE, POLICY)

    assert (queue.verdict, queue.cause, queue.since.timestamp()) == (
        "critical",
        "workers-none",
        1_800_000_000,
    )


def test_the_broker_s_sample_has_what_belongs_to_no_queue():
    _, broker = samples(NONE, POLICY, began={("broker-policy", "redis"): 1_800_000_050.0})

    assert (broker.verdict, broker.cause) == ("warning", "broker-policy")
    assert broker.since.timestamp() == 1_800_000_050


def test_what_is_well_has_no_cause():
    queue, broker = samples()

    assert (queue.verdict, queue.cause, queue.since) == ("ok", None, None)
    assert (broker.verdict, broker.cause, broker.since) == ("ok", None, None)


def test_a_queue_whose_workers_or_departures_are_not_known_is_unknown_while_jobs_wait():
    assert samples(complete=False)[0].verdict == "unknown"
    assert samples(departures=None)[0].verdict == "unknown"
    assert samples(departures=None, depth=0)[0].verdict == "ok"


def test_an_alert_s_line_names_the_alert_that_explains_it():
    change = Notification(finding=AGE, state="warning", kind="change", before="ok", lasted=0.0)

    assert alert_line(change, "late", "workers-none").cause == "workers-none"
    assert alert_line(change, "late").cause is None


def test_an_alert_s_line_names_the_tenant_as_where_takes_it():
    blame = Blame(label="tenant", value="acme", queue="mail", share=0.8, usual=0.1, seconds=60.0)
    change = Notification(
        finding=replace(AGE, blame=blame), state="warning", kind="change", before="ok", lasted=0.0
    )

    assert alert_line(change, "late").blame == "tenant=acme"
