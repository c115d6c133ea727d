"""Targets are judged by how fast their budget burns, by what waits, and by what will wait."""

from itertools import count

import pytest

from slowtask.errors import UsageError
from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun
from slowtask.watch.settings import Targets, load
from slowtask.watch.targets import TargetWatch, Waiting, predict_miss

NUMBERS = count()
MAIL = Targets(wait={"mail": 60.0})
NOW = 100 * 3600.0


def runs(number, wait, until=NOW, over=3600.0, **others):
    """So many runs that ended at an even pace *over* some time *until* then."""
    ends = (until - over * place / number for place in range(number))
    values = {"task": "jobs.mail", "queue": "mail", "took": 0.1, "wait": wait}
    return [RecentRun(**(values | others | {"end": end, "id": next(NUMBERS)})) for end in ends]


def judge(*groups, targets=MAIL, waiting=None):
    history = History()
    history.add([run for group in groups for run in group])
    [state] = TargetWatch(targets).states(history, waiting or {}, NOW)
    return state


def wait(depth=0, oldest=None, arrivals=1.0, departures=1.0):
    return {"mail": Waiting(depth=depth, oldest=oldest, arrivals=arrivals, departures=departures)}


def test_a_target_that_is_kept_is_well():
    state = judge(runs(200, wait=10.0))

    assert (state.state, state.missed, state.runs, state.apdex) == ("ok", 0, 200, 1.0)


def test_a_budget_that_burns_fourteen_times_too_fast_is_critical():
    state = judge(runs(160, wait=10.0), runs(40, wait=100.0, over=1200.0))

    assert (state.state, state.missed, state.runs, state.minutes) == ("critical", 40, 200, 60)


def test_one_that_burns_six_times_too_fast_is_a_warning():
    state = judge(runs(270, wait=10.0, over=6 * 3600), runs(25, wait=100.0, over=6 * 3600))

    assert (state.state, state.minutes) == ("warning", 360)


def test_misses_of_an_hour_ago_are_over():
    assert judge(runs(200, wait=10.0), runs(90, wait=100.0, until=NOW - 2000, over=600)).state == "ok"


def test_two_runs_that_miss_a_target_are_no_alarm():
    assert judge(runs(2, wait=100.0)).state == "ok"


def test_jobs_that_wait_too_long_already_count_before_they_run():
    state = judge(waiting=wait(depth=100, oldest=120.0, departures=0.0))

    assert (state.state, state.missed) == ("critical", 50)


def test_runs_have_targets_too():
    slow = runs(50, wait=0.0, task="jobs.price", took=5.0)

    assert judge(slow, targets=Targets(run={"jobs.price": 2.0})).state == "critical"
    assert judge(slow, targets=Targets(run={"jobs.price": 6.0})).state == "ok"


def test_apdex_counts_runs_of_up_to_four_times_the_target_half():
    groups = (runs(50, wait=60.0), runs(30, wait=240.0), runs(20, wait=241.0))

    assert judge(*groups).apdex == 0.65


def test_a_miss_is_told_before_it_happens():
    state = judge(runs(100, wait=1.0), waiting=wait(depth=30, oldest=30.0, arrivals=1.125, departures=1.0))

    assert (state.state, state.misses_in, state.predicted) == ("warning", 240.0, 30.0)


@pytest.mark.parametrize(
    ("depth", "arrivals", "departures", "seconds"),
    [(30, 0.5, 1.0, None), (90, 0.5, 1.0, 0.0), (30, 1.0, 0.0, None), (30, 2.0, 1.0, 30.0)],
)
def test_a_miss_is_predicted_from_depth_arrivals_and_departures(depth, arrivals, departures, seconds):
    [queue] = wait(depth, arrivals=arrivals, departures=departures).values()

    assert predict_miss(queue, 60.0) == seconds


def test_runs_are_counted_once_however_often_they_are_looked_at():
    history, watch = History(), TargetWatch(MAIL)
    history.add(runs(100, wait=10.0))
    watch.states(history, {}, NOW)

    [state] = watch.states(history, {}, NOW)

    assert state.runs == 100


def test_targets_are_tables_of_the_settings(tmp_path):
    path = tmp_path / "slowtask.toml"
    path.write_text('[targets]\nshare = 0.95\n[targets.wait]\nmail = 60\n[targets.run]\n"jobs.price" = 2\n')

    targets = load(path, {}).targets

    assert targets == Targets(share=0.95, wait={"mail": 60.0}, run={"jobs.price": 2.0})


@pytest.mark.parametrize("text", ["[targets]\nwait = 5", "[targets.wait]\nmail = 0", "[targets.rum]\na = 1"])
def test_a_wrong_target_is_refused(tmp_path, text):
    path = tmp_path / "slowtask.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match="targets must be a table of wait and run"):
        load(path, {})
