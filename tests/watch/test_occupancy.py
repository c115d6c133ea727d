"""How long a job of each queue occupies a worker, by the log of runs."""

from itertools import count

import pytest

from slowtask.watch.history import History
from slowtask.watch.judge import Typical
from slowtask.watch.occupancy import find_occupancies
from slowtask.watch.recent import MAX_RUNS, RecentRun

NUMBERS = count()


def history(*runs):
    found = History()
    found.add(runs)
    return found


def ran(task, end, took=1.0, queue="mail", **others):
    return RecentRun(task=task, end=end, id=next(NUMBERS), took=took, queue=queue, **others)


def means(found):
    return {queue: each.mean for queue, each in find_occupancies(found).items()}


def test_the_run_time_of_what_arrives_is_that_of_the_queues_own_tasks():
    runs = [ran("a", end, 1.0) for end in range(10)] + [ran("b", end, 9.0, "other") for end in range(10)]

    assert means(history(*runs)) == {"mail": 1.0, "other": 9.0}


def test_tasks_count_by_how_often_they_ran_though_of_a_busy_one_few_runs_are_kept():
    """One export of 31 s in ten seconds, a hundred mails of 1 s: of these the last half minute is kept."""
    mails = [ran("mail", 0.1 * number, 1.0) for number in range(10_000)]
    exports = [ran("export", 10.0 * number, 31.0) for number in range(100)]

    assert len(history(*mails).tasks["mail"]) == MAX_RUNS
    assert means(history(*mails, *exports))["mail"] == pytest.approx(1 + 30 / 101, rel=0.05)


def test_runs_of_more_than_an_hour_ago_do_not_count():
    old = [ran("report", number, 100.0) for number in range(50)]

    assert means(history(*old, *(ran("mail", 7200 + number, 1.0) for number in range(9)))) == {"mail": 1.0}


def test_a_new_release_counts_at_once():
    before = [ran("price", number, 0.1, version="1") for number in range(100)]
    after = [ran("price", 100 + number, 0.3, version="2") for number in range(10)]

    assert means(history(*before, *after))["mail"] == pytest.approx(0.3)


def test_without_runs_nothing_is_known():
    assert means(history()) == {}
    assert means(history(ran("a", 1.0, None))) == {}


def test_a_summary_of_the_log_gives_times_to_runs_without_them():
    found = history(ran("a", 1.0, None))
    found.summary = {"a": Typical(mean=4.0, p99=5.0, count=9)}

    assert means(found) == {"mail": 4.0}


def test_runs_of_another_queue_system_do_not_count():
    """Both systems have a queue of this name."""
    runs = [ran("a", number, 1.0, system="rq") for number in range(9)]
    others = [ran("b", number, 9.0, system="celery") for number in range(9)]
    found = history(*runs, *others)

    assert find_occupancies(found, "rq")["mail"].mean == 1.0
    assert find_occupancies(found, "celery")["mail"].mean == 9.0


@pytest.mark.parametrize(
    ("times", "variability"), [([2.0] * 10, 0.0), ([1.0, 3.0] * 50, 0.25), ([0.1] * 99 + [90.1], 82.6)]
)
def test_run_times_vary_as_they_did(times, variability):
    """By the variance over the square of the mean."""
    found = find_occupancies(history(*(ran("a", number, took) for number, took in enumerate(times))))

    assert found["mail"].variability == pytest.approx(variability, rel=0.02, abs=0.001)


def test_two_even_tasks_of_different_lengths_vary_together():
    runs = [ran("a", number, 1.0) for number in range(50)] + [ran("b", number, 3.0) for number in range(50)]

    assert find_occupancies(history(*runs))["mail"].variability == pytest.approx(0.25)


def worked(worker, starts, took, waited=10.0, **others):
    return [ran("a", start + took, took, wait=waited, worker=worker, **others) for start in starts]


def test_what_a_worker_needs_between_two_jobs_occupies_it_too():
    """Runs of 10 ms, one every 50 ms, while others wait."""
    runs = worked("w1", [0.05 * number for number in range(20)], 0.01)

    assert means(history(*runs))["mail"] == pytest.approx(0.05)


def test_a_worker_that_had_no_job_was_not_occupied():
    """Each job came after the one before had ended."""
    runs = worked("w1", [10.0 * number for number in range(20)], 0.01, waited=0.5)

    assert means(history(*runs))["mail"] == pytest.approx(0.01)


def test_what_other_workers_and_queues_did_is_not_between_two_jobs():
    """Two workers take turns, each with jobs of two queues."""
    runs = [
        run
        for number in range(20)
        for run in (
            *worked("w1", [0.2 * number], 0.08),
            *worked("w1", [0.2 * number + 0.1], 0.08, queue="other"),
            *worked("w2", [0.2 * number + 0.05], 0.08),
        )
    ]

    assert means(history(*runs))["mail"] == pytest.approx(0.08 + 0.02, abs=0.06)
