"""What ended an alert: what differs between its worst poll and now."""

from dataclasses import replace

import pytest

from slowtask.watch.alerts import AlertState
from slowtask.watch.broker import Memory, Poll, Queue, Running, Worker
from slowtask.watch.broker.facts import ServerFacts
from slowtask.watch.broker.track import Changes
from slowtask.watch.crew import Crew, Member
from slowtask.watch.ending import Endings, Scene
from slowtask.watch.judge import Typical
from slowtask.watch.pace import Pace
from slowtask.watch.verdict import CRITICAL, Finding
from slowtask.watch.view import QueueView, View

NONE = Finding(
    name="workers-none",
    subject="mail",
    queue="mail",
    value=CRITICAL,
    warning=1.0,
    critical=2.0,
    message="none",
)


def view(
    workers=(), *, silent=(), jobs=(), depth=0, late=0.0, out=None, used=100, limit=200, run="a", version=None
):
    members = [
        Member(worker=Worker(name=name, queues=("mail",), busy=0, finished=0), condition=condition)
        for names, condition in ((workers, "free"), (silent, "silent"))
        for name in names
    ]
    queue = Queue(name="mail", depth=depth, oldest=round(late * 1e9) or None)
    poll = Poll(
        time=0, system="rq", name="redis", queues=[queue], workers=[each.worker for each in members],
        memory=Memory(used=used * 10**6, limit=limit * 10**6), server_facts=ServerFacts(run_id=run),
    )  # fmt: skip
    running = [Running(id=job, queue="mail", task="jobs.export", worker="w1", started=0) for job in jobs]
    return View(
        poll=poll, capacities=(), overruns=(), owners=(), changes=Changes(), members=members, running=running,
        queues=[QueueView(queue=queue, crew=Crew(members=members, complete=True), pace=Pace(departures=out))],
        typical={"jobs.price": Typical(mean=0.1, version=version)},
    )  # fmt: skip


def ended(*before, now, finding=NONE, values=None):
    """The sentence, where the alert stood in the views *before*."""
    endings = Endings()
    for place, each in enumerate(before):
        standing = replace(finding, value=values[place] if values else finding.value)
        endings.note({(finding.name, finding.subject): (AlertState(state="critical"), standing)}, Scene(each))
    return endings.describe(finding, Scene(now))


def test_workers_that_started_and_what_leaves():
    now = view(workers=["w31", "w32"], depth=90, late=80.0, out=12.0)

    assert ended(view(depth=135, late=65.0), now=now) == "w31 and w32 started; 12 jobs/s leave."


def test_a_worker_that_answers_again_is_back():
    assert ended(view(workers=["w1"], silent=["w21"]), now=view(workers=["w1", "w21"])) == "w21 is back."


def test_of_many_workers_three_are_named():
    assert ended(view(), now=view(workers=list("abcde"))) == "a, b, c and 2 more started."


def test_a_job_that_held_them_has_ended():
    held = replace(NONE, name="workers-held", task="jobs.export")

    assert ended(view(jobs=["6c1f0d2e-1"]), now=view(), finding=held) == "jobs.export (6c1f0d2e) ended."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": "b"}, "The server has restarted."),
        ({"used": 40}, "60 MB of memory are free again."),
        ({"limit": 400}, "Its memory was raised from 200 MB to 400 MB."),
        ({"depth": 1, "late": 0.5}, "The first job waits 500 ms, not 1m 5s."),
        ({"depth": 0}, "No job waits any more."),
        ({"depth": 135, "late": 65.0}, "What ended it isn't known."),
    ],
)
def test_what_changed_at_the_broker(change, said):
    assert ended(view(depth=135, late=65.0), now=view(**{"depth": 135, "late": 65.0} | change)) == said


def test_a_task_that_runs_in_another_version():
    slower = replace(NONE, name="task-slower", subject="jobs.price", task="jobs.price")

    assert ended(view(version="2.0"), now=view(version="2.1"), finding=slower) == (
        "jobs.price runs in version 2.1."
    )


def test_it_is_compared_with_the_worst_poll_and_not_the_last():
    """The second worker started after the worst poll, and before the last of the bad ones."""
    polls = [view(["w1"], depth=10), view(["w1"], depth=900), view(["w1", "w2"], depth=500)]

    text = ended(*polls, now=view(["w1", "w2"], depth=500), values=[2.0, 9.0, 5.0])

    assert text == "w2 started."


def test_an_alert_nobody_saw_begin_has_no_sentence():
    assert Endings().describe(NONE, Scene(view())) == ""


def test_a_broker_that_was_away_can_be_read_again_perhaps_after_a_restart():
    unseen = replace(
        NONE, name="broker-unseen", subject="redis", queue=None, message="redis can be read again."
    )

    assert ended(view(), now=view(run="b"), finding=unseen) == (
        "redis can be read again. The server has restarted."
    )
    assert ended(view(), now=view(), finding=unseen) == "redis can be read again."
