"""What comes at regular times is learnt, and told when it doesn't come."""

import random
from itertools import count

import pytest

from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun
from slowtask.watch.schedules import DAY, Schedules

NUMBERS = count()
TICK = "jobs.tick"


def runs(task, times, took=0.1, wait=0.0):
    """Runs of *task* that were enqueued at *times*."""
    return [
        RecentRun(task=task, end=at + (wait or 0) + took, id=next(NUMBERS), took=took, wait=wait)
        for at in times
    ]


def every(period, last=0.0, number=30, jitter=0.0, seed=1):
    """The last *number* times of a schedule, off by up to *jitter*."""
    chance = random.Random(seed)
    return [last - place * period + chance.uniform(-jitter, jitter) for place in reversed(range(number))]


def history(*groups):
    found = History()
    found.add([run for group in groups for run in group])
    return found


def missed(now, *groups):
    """The tasks that are missed *now*, while another one goes on."""
    found = history(*groups, runs("jobs.mail", [now - 0.5]))
    return [each.schedule.task for each in Schedules().missed(found, now)]


def test_a_tick_that_does_not_come_is_missed_with_its_period_and_its_last_time():
    found = history(runs(TICK, every(2.0, jitter=0.05)), runs("jobs.mail", [19.5]))

    [tick] = Schedules().missed(found, 20.0)

    assert tick.schedule.task == TICK
    assert tick.schedule.period == pytest.approx(2.0, abs=0.1)
    assert tick.silence == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(("now", "told"), [(14.0, []), (16.0, [TICK])])
def test_a_frequent_tick_has_fifteen_seconds(now, told):
    assert missed(now, runs(TICK, every(2.0))) == told


@pytest.mark.parametrize(("now", "told"), [(115.0, []), (125.0, [TICK])])
def test_others_have_two_periods(now, told):
    assert missed(now, runs(TICK, every(60.0))) == told


def test_a_schedule_is_not_missed_where_nothing_else_ends_either():
    found = history(runs(TICK, every(2.0)), runs("jobs.mail", [1.0]))

    assert Schedules().missed(found, 20.0) == []


def test_a_schedule_is_known_by_when_jobs_came_not_by_when_they_ran():
    waits = [random.Random(1).uniform(0, 50) for _ in range(30)]
    late = [run for at, wait in zip(every(60.0), waits, strict=True) for run in runs(TICK, [at], wait=wait)]

    [schedule] = Schedules().learn(history(late))

    assert schedule.period == pytest.approx(60.0)


def test_several_jobs_of_one_tick_are_one():
    times = [at + place * 0.01 for at in every(60.0) for place in range(10)]

    [schedule] = Schedules().learn(history(runs(TICK, times)))

    assert schedule.period == pytest.approx(60.0, rel=0.01)


def test_five_times_are_no_schedule():
    assert Schedules().learn(history(runs(TICK, every(60.0, number=5)))) == []


def test_jobs_that_come_by_chance_are_no_schedule():
    chance = random.Random(1)
    found = []
    for number in range(500):
        gaps = [chance.expovariate(1 / 60) for _ in range(chance.randrange(6, 300))]
        times = [sum(gaps[:place]) for place in range(len(gaps))]
        found += Schedules().learn(history(runs(f"jobs.{number}", times)))

    assert len(found) <= 1


def test_what_comes_many_times_a_second_is_load():
    assert Schedules().learn(history(runs(TICK, every(0.1)))) == []


def test_runs_that_follow_one_another_on_a_busy_worker_are_no_schedule():
    busy = [RecentRun(task=TICK, end=at + 1.0, id=next(NUMBERS), took=1.0, wait=None) for at in every(1.05)]

    assert Schedules().learn(history(busy)) == []


def test_a_pause_at_night_is_told_at_most_once():
    """Every ten minutes from 9:00 to 17:00, of which the log has two days."""
    days = [day * DAY + 9 * 3600 + at for day in (0, 1) for at in range(0, 8 * 3600, 600)]

    assert missed(2 * DAY + 8.9 * 3600, runs(TICK, days)) == []
    assert missed(2 * DAY + 11 * 3600, runs(TICK, days)) == [TICK]


def test_a_schedule_that_was_given_up_is_forgotten():
    assert missed(1.5 * DAY, runs(TICK, every(2.0))) == []


def test_a_long_run_is_not_missed_while_it_may_still_run():
    assert missed(700.0, runs(TICK, every(300.0), took=200.0)) == []
