"""How many workers a queue needs so that its jobs begin in time, for autoscalers."""

import math
from itertools import islice

import pytest

from slowtask.watch.arrivals import Arrivals
from slowtask.watch.broker import Queue
from slowtask.watch.history import History
from slowtask.watch.judge import TaskBacklog
from slowtask.watch.needed import Staffing, WaitTarget, count_needed, shares_waiting
from slowtask.watch.occupancy import Occupancy
from slowtask.watch.recent import RecentRun
from slowtask.watch.settings import Targets

MINUTE = WaitTarget()


def needed(rate=0.0, run_time=2.0, *, depth=0, running=0, backlog=(), target=MINUTE, even=1.0, batches=1.0):
    """What the queue needs if *rate* jobs a second arrive in it."""
    queue = Queue(name="mail", depth=depth, running=running)
    arrivals = None if rate is None else Arrivals(rate=rate, seconds=600.0, variability=batches)
    occupancy = None if run_time is None else Occupancy(mean=run_time, variability=even)
    return count_needed(queue, arrivals, backlog, occupancy, target)


def waiting(jobs, work):
    return TaskBacklog(task="a", count=jobs, margin=0, work=work, share=None)


@pytest.mark.parametrize(
    ("workers", "busy", "share"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (10, 8.0, 0.409), (100, 90.0, 0.217)]
)
def test_the_share_of_jobs_that_wait_is_that_of_erlangs_tables(workers, busy, share):
    found = dict(islice(shares_waiting(busy), 20))

    assert found[workers] == pytest.approx(share, rel=0.003)


@pytest.mark.parametrize(("rate", "workers"), [(0.01, 1), (0.45, 1), (0.5, 2), (2.5, 6), (20.0, 41)])
def test_what_arrives_needs_workers_that_are_busy_most_of_their_time(rate, workers):
    """Jobs of two seconds, of which 95 in 100 may wait for a minute at most."""
    assert needed(rate) == workers


@pytest.mark.parametrize(("seconds", "workers"), [(600.0, 6), (60.0, 6), (10.0, 6), (1.0, 8), (0.1, 10)])
def test_the_shorter_the_target_the_more_workers(seconds, workers):
    """Five workers are busy with runs of two seconds."""
    assert needed(2.5, target=WaitTarget(seconds=seconds)) == workers


def test_with_one_worker_the_waits_are_those_of_the_exact_formula():
    """Of M/M/1: load * exp(-(1 - load) * target / run time)."""
    exact = -math.log(0.05 / 0.7) * 2.0 / 0.3

    assert needed(0.35, target=WaitTarget(seconds=exact + 0.1)) == 1
    assert needed(0.35, target=WaitTarget(seconds=exact - 0.1)) == 2


def test_runs_that_vary_more_need_more_workers():
    """Eight are busy. Of the run times of short thumbnails and long exports the variance is high."""
    assert needed(4.0, 2.0, even=0.0) == 9
    assert needed(4.0, 2.0, even=30.0) == 10


def test_jobs_that_come_in_batches_need_more_workers():
    assert (needed(4.0), needed(4.0, batches=100.0)) == (9, 11)


def test_what_waits_shall_be_done_in_half_of_the_target():
    """3,000 seconds of work: in a minute's half 100 workers do it, in ten minutes' half 10."""
    assert needed(depth=1500) == 100
    assert needed(depth=1500, target=WaitTarget(seconds=600.0)) == 10
    assert needed(1.0, depth=1500, target=WaitTarget(seconds=600.0)) == 10


def test_what_waits_counts_by_its_own_tasks_as_far_as_these_are_known():
    """A thousand jobs of 6 s and five hundred unknown ones of 2 s: 7,000 s of work."""
    known, unknown = waiting(1000, 6000.0), waiting(500, None)

    assert needed(depth=1500, backlog=[known, unknown], target=WaitTarget(seconds=600.0)) == 24


def test_a_queue_without_jobs_needs_no_worker_even_if_their_times_are_not_known():
    assert needed(0.0, None) == 0


def test_a_job_that_runs_needs_its_worker():
    assert needed(running=1) == 1


def test_what_is_not_known_is_no_number():
    assert needed(None) is None
    assert needed(1.0, None) is None
    assert needed(0.0, None, depth=5) is None


def staffing(**targets):
    runs = [RecentRun(task="a", end=float(number), id=number, took=2.0, queue="mail") for number in range(9)]
    history, found = History(), Staffing("rq", Targets(**targets))
    history.add(runs)
    found.read(history, 10.0)
    return found


def test_the_target_of_a_queue_is_the_one_that_is_set_for_its_alerts():
    found = staffing(wait={"mail": 5.0}, share=0.9)

    assert found.target("mail") == WaitTarget(seconds=5.0, share=0.9)
    assert found.target("other") == WaitTarget(seconds=60.0, share=0.95)


def test_the_rates_of_a_broker_count_where_no_jobs_were_counted():
    queue = Queue(name="mail", depth=0, rates=(2.5, 2.5))

    assert staffing().count(queue, None, []) == 6
    assert staffing().count(Queue(name="mail", depth=0), None, []) is None
