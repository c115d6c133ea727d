"""How many workers a queue needs, for autoscalers."""

from itertools import count
from types import SimpleNamespace

import pytest

from slowtask.watch.broker import Queue
from slowtask.watch.history import History
from slowtask.watch.judge import TaskBacklog, Typical
from slowtask.watch.needed import count_needed, find_run_times
from slowtask.watch.recent import MAX_RUNS, RecentRun

NUMBERS = count()


def history(*runs):
    found = History()
    found.add(runs)
    return found


def ran(task, end, took=1.0, queue="mail", **others):
    return RecentRun(task=task, end=end, id=next(NUMBERS), took=took, queue=queue, **others)


def view(arrivals=0.0, depth=0, running=0, backlog=()):
    return SimpleNamespace(
        queue=Queue(name="mail", depth=depth, running=running), arrivals=arrivals, backlog=backlog
    )


def waiting(jobs, work):
    return TaskBacklog(task="a", count=jobs, margin=0, work=work, share=None)


@pytest.mark.parametrize(("arrivals", "needed"), [(0.1, 1), (1.6, 4), (1.61, 5), (4.0, 10)])
def test_arrivals_need_workers_that_are_busy_for_four_fifths_of_their_time(arrivals, needed):
    """Jobs of two seconds."""
    assert count_needed(view(arrivals), 2.0) == needed


def test_what_waits_shall_be_gone_in_five_minutes():
    assert count_needed(view(depth=1500), 2.0) == 10
    assert count_needed(view(arrivals=1.0, depth=1500), 2.0) == 12


def test_what_waits_counts_by_its_own_tasks_as_far_as_these_are_known():
    """A thousand jobs of 6 s and five hundred unknown ones of 2 s: 7,000 s of work."""
    known, unknown = waiting(1000, 6000.0), waiting(500, None)

    assert count_needed(view(depth=1500, backlog=[known, unknown]), 2.0) == 24


def test_a_queue_without_jobs_needs_no_worker_even_if_their_times_are_not_known():
    assert count_needed(view(), None) == 0


def test_a_job_that_runs_needs_its_worker():
    assert count_needed(view(running=1), 2.0) == 1


def test_what_is_not_known_is_no_number():
    assert count_needed(view(arrivals=None), 2.0) is None
    assert count_needed(view(arrivals=1.0), None) is None
    assert count_needed(view(depth=5), None) is None


def test_the_run_time_of_what_arrives_is_that_of_the_queues_own_tasks():
    runs = [ran("a", end, 1.0) for end in range(10)] + [ran("b", end, 9.0, "other") for end in range(10)]

    assert find_run_times(history(*runs)) == {"mail": 1.0, "other": 9.0}


def test_tasks_count_by_how_often_they_ran_though_of_a_busy_one_few_runs_are_kept():
    """One export of 31 s in ten seconds, a hundred mails of 1 s: of these the last half minute is kept."""
    mails = [ran("mail", 0.1 * number, 1.0) for number in range(10_000)]
    exports = [ran("export", 10.0 * number, 31.0) for number in range(100)]

    assert len(history(*mails).tasks["mail"]) == MAX_RUNS
    assert find_run_times(history(*mails, *exports))["mail"] == pytest.approx(1 + 30 / 101, rel=0.05)


def test_runs_of_more_than_an_hour_ago_do_not_count():
    old = [ran("report", number, 100.0) for number in range(50)]

    assert find_run_times(history(*old, *(ran("mail", 7200 + number, 1.0) for number in range(9)))) == {
        "mail": 1.0
    }


def test_a_new_release_counts_at_once():
    before = [ran("price", number, 0.1, version="1") for number in range(100)]
    after = [ran("price", 100 + number, 0.3, version="2") for number in range(10)]

    assert find_run_times(history(*before, *after))["mail"] == pytest.approx(0.3)


def test_without_runs_nothing_is_known():
    assert find_run_times(history()) == {}
    assert find_run_times(history(ran("a", 1.0, None))) == {}


def test_a_summary_of_the_log_gives_times_to_runs_without_them():
    found = history(ran("a", 1.0, None))
    found.summary = {"a": Typical(mean=4.0, p99=5.0, count=9)}

    assert find_run_times(found) == {"mail": 4.0}
