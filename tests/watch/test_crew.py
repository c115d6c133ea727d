"""The workers of a queue: which are free, busy, frozen, silent or gone."""

from datetime import UTC, datetime

import pytest

from slowtask.watch.broker import Poll, Queue, Running, Worker
from slowtask.watch.broker.rq_values import find_heard
from slowtask.watch.crew import Crews

SECOND = 1_000_000  #: µs
NOW = 1_700_000_000 * SECOND


def make_worker(name="w1", **fields):
    return Worker(**{"name": name, "queues": ("mail",), "busy": 0, "finished": 7, "heard": NOW} | fields)


def make_poll(*workers, at=0.0, system="rq", **queue):
    mail = Queue(**{"name": "mail", "depth": 3, "oldest": 9 * SECOND * 1000} | queue)
    return Poll(
        time=round(NOW + at * SECOND),
        system=system,
        name="redis://queue",
        queues=[mail],
        workers=workers,
        workers_delayed=system == "celery",
    )


def make_job(worker="w1", task="jobs.mail", ago=1.0):
    return Running(id="job", queue="mail", task=task, worker=worker, started=round(NOW - ago * SECOND))


def conditions(polls, running=()):
    """The conditions of the workers of `mail` after *polls*."""
    crews = Crews()
    for poll in polls:
        crew = crews.find(poll, running)["mail"]
    return [member.condition for member in crew.members]


def test_a_worker_that_runs_a_job_is_busy_and_one_that_waits_is_free():
    poll = make_poll(make_worker("w1", busy=1), make_worker("w2"))

    assert conditions([poll], [make_job("w1")]) == ["busy", "free"]


def test_a_worker_without_a_connection_is_gone():
    poll = make_poll(make_worker(connected=False, heard=NOW - 60 * SECOND))

    assert conditions([poll]) == ["gone"]


def test_a_worker_that_has_just_started_may_have_no_connection_yet():
    poll = make_poll(make_worker(connected=False, heard=NOW - SECOND), depth=0, oldest=None)

    assert conditions([poll]) == ["free"]


def test_a_worker_whose_sign_of_life_is_overdue_is_silent():
    poll = make_poll(make_worker(heard=NOW - 41 * SECOND, patience=40.0, busy=1))

    assert conditions([poll], [make_job()]) == ["silent"]


@pytest.mark.parametrize("clock", ["2023-11-14T21:13:20.000000Z", "2023-11-15T00:13:20.000000Z"])
def test_a_worker_whose_clock_is_wrong_is_heard_by_how_long_its_key_lives(clock):
    """It is an hour behind, or two ahead; its heartbeat was ten seconds ago."""
    assert find_heard(clock.encode(), 80_000, 90.0, NOW) == NOW - 10 * SECOND


def test_a_heartbeat_counts_where_it_is_the_later_one():
    """A short time limit of a job lets the key live for less than usual."""
    told = datetime.fromtimestamp(NOW / SECOND - 3, UTC).isoformat()

    assert find_heard(told.encode(), 65_000, 90.0, NOW) == NOW - 3 * SECOND


def test_a_free_worker_that_leaves_a_job_waiting_is_frozen():
    polls = [make_poll(make_worker(), at=seconds) for seconds in (0, 1, 3)]

    assert conditions(polls[:2]) == ["free"]
    assert conditions(polls) == ["frozen"]


def test_a_worker_that_ends_jobs_meanwhile_is_not_frozen():
    polls = [make_poll(make_worker(finished=seconds), at=seconds) for seconds in (0, 1, 3)]

    assert conditions(polls) == ["free"]


def test_a_busy_worker_without_a_job_is_frozen():
    """The process that ran its job has ended, and it hasn't noticed."""
    polls = [make_poll(make_worker(busy=1), at=seconds) for seconds in (0, 3)]

    assert conditions(polls) == ["frozen"]


def test_of_two_free_workers_the_one_heard_first_took_the_job_that_nobody_begins():
    workers = make_worker("old", heard=NOW - 90 * SECOND), make_worker("new")
    polls = [make_poll(*workers, at=seconds, depth=0, oldest=None, handed="job") for seconds in (0, 3)]

    assert conditions(polls) == ["frozen", "free"]


def test_celery_s_workers_are_never_frozen_for_they_report_late():
    polls = [make_poll(make_worker(), at=seconds, system="celery") for seconds in (0, 3)]

    assert conditions(polls) == ["free"]


def test_without_a_consumer_all_workers_are_gone():
    crew = Crews().find(make_poll(make_worker(), system="celery", consumers=0), ())["mail"]

    assert (crew.complete, crew.slots, [each.condition for each in crew.members]) == (True, 0, ["gone"])


def test_the_slots_are_unknown_if_a_worker_does_not_report_its_queues():
    crew = Crews().find(make_poll(make_worker(queues=None), system="celery"), ())["mail"]

    assert (crew.complete, crew.slots, crew.busy) == (False, None, None)


def test_a_worker_that_a_new_one_has_replaced_is_not_lost():
    gone = make_worker("w1", connected=False, heard=NOW - 60 * SECOND)
    crew = Crews().find(make_poll(gone, make_worker("w2", born=NOW - 50 * SECOND), depth=0, oldest=None), ())

    assert crew["mail"].lost == []
    assert Crews().find(make_poll(gone, make_worker("w2", born=NOW - 99 * SECOND)), ())["mail"].lost
