"""The recent runs of tasks, and how long they usually take."""

from itertools import count

import pytest

from slowtask.watch.history import MAX_TASKS, History
from slowtask.watch.judge import Typical
from slowtask.watch.recent import MAX_RUNS, RecentRun

NUMBERS = count()


def recent(task="jobs.price", end=0.0, took=0.1, **others):
    return RecentRun(**({"task": task, "end": end, "took": took, "id": next(NUMBERS)} | others))


def history(*runs, summary=None):
    found = History()
    found.summary = summary or {}
    found.add(runs)
    return found


def test_a_run_comes_back_as_it_was_added():
    run = recent(wait=2.0, memory=5e7, failed=True, action="killed", reason="signal 9", queue="mail",
                 version="2.0", worker="w1", host="web-2")  # fmt: skip

    assert history(run).runs() == [run]


def test_what_is_not_known_comes_back_as_none():
    run = recent(took=None)

    assert history(run).runs() == [run]
    assert history(run).typical() == {}


def test_the_newest_runs_are_kept():
    found = history()
    for end in range(1000):
        found.add([recent(end=float(end))])

    ends = [run.end for run in found.runs()]
    assert ends == [float(end) for end in range(1000 - MAX_RUNS, 1000)]


def test_the_tasks_that_ran_last_are_kept():
    found = history(*(recent(task=f"jobs.t{number}", end=float(number)) for number in range(MAX_TASKS + 1)))

    assert "jobs.t0" not in found.tasks
    assert f"jobs.t{MAX_TASKS}" in found.tasks
    assert len(found.tasks) <= MAX_TASKS


def test_a_run_that_is_read_twice_counts_once():
    runs = [recent(end=float(end)) for end in range(10)]
    found = history(*runs)

    assert found.add(runs[3:]) == 0
    assert len(found.runs()) == 10


def test_a_new_version_counts_alone_from_five_runs_on():
    old = [recent(end=float(end), took=0.1, version="1.9") for end in range(200)]
    new = [recent(end=200.3 + end, took=0.3, version="2.0") for end in range(5)]

    before = history(*old, *new[:4]).typical()["jobs.price"]
    after = history(*old, *new).typical()["jobs.price"]

    assert before.mean == pytest.approx(0.104, abs=0.001)
    assert (after.mean, after.version, after.count) == (pytest.approx(0.3), "2.0", 5)
    assert after.since == pytest.approx(200.0)


def test_the_new_version_counts_alone_also_when_the_old_one_is_long_gone():
    old = [recent(end=float(end), took=0.1, version="1.9") for end in range(200)]
    new = [recent(end=200.0 + end, took=0.3, version="2.0") for end in range(100)]

    assert history(*old, *new).typical()["jobs.price"].mean == pytest.approx(0.3)


def test_a_version_that_comes_back_is_the_newest_again():
    versions = ["1.9"] * 100 + ["2.0"] * 100 + ["1.9"] * 10
    runs = [recent(end=float(end), version=version) for end, version in enumerate(versions)]

    assert history(*runs).typical()["jobs.price"].version == "1.9"


def test_few_runs_of_a_new_version_keep_the_distance_of_the_old_p99():
    old = [recent(end=float(end), took=2.0 if end % 50 == 0 else 0.1, version="1.9") for end in range(200)]
    new = [recent(end=200.0 + end, took=0.3, version="2.0") for end in range(10)]

    typical = history(*old, *new).typical()["jobs.price"]

    assert typical.p99 > 3


def test_few_recent_runs_leave_the_summary_in_place():
    summary = {"jobs.price": Typical(mean=5.0, p99=9.0, count=1000)}
    runs = [recent(end=float(end)) for end in range(20)]

    assert history(*runs[:19], summary=summary).typical() == summary
    assert history(*runs, summary=summary).typical()["jobs.price"].mean == pytest.approx(0.1)


def test_runs_that_were_cut_short_say_nothing_about_run_times():
    runs = [recent(end=1.0, took=10.0), recent(end=2.0, took=0.1, action="killed")]

    assert history(*runs).typical()["jobs.price"].mean == 10.0


def test_the_mix_and_the_waits_of_a_queue_are_those_of_its_recent_runs():
    runs = [recent(queue="mail", wait=2.0), recent(queue="mail", wait=None), recent(queue="web", wait=1.0)]

    assert history(*runs).mix("mail") == {"jobs.price": 2}
    assert history(*runs).waits("mail") == [2.0]
