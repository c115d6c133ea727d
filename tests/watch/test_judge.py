"""What polls mean: pure functions, no clock and no server."""

import pytest

from slowtask.watch import judge
from slowtask.watch.broker import Memory, Running, Waiting
from slowtask.watch.judge import Typical

MB = 1_000_000
MAIL, THUMB = "jobs.send_mail", "jobs.thumb"
TYPICAL = {MAIL: Typical(mean=5.0, p99=9.0, count=10), THUMB: Typical(mean=0.1, p99=0.4, count=90)}


def test_capacity_is_of_the_limit():
    found = judge.memory_limit(Memory(used=80 * MB, limit=100 * MB, machine=1000 * MB))

    assert (found.ratio, found.kind, found.maximum) == (0.8, "memory", 100 * MB)


def test_without_a_limit_capacity_is_of_the_machine():
    found = judge.memory_limit(Memory(used=80 * MB, limit=0, machine=800 * MB))

    assert (found.ratio, found.kind) == (0.1, "machine")


@pytest.mark.parametrize("memory", [None, Memory(used=80, limit=0)])
def test_what_is_not_known_is_none(memory):
    assert judge.memory_limit(memory) is None


def test_the_backlog_is_counted_in_work_not_in_jobs():
    waiting = Waiting(queue="q", depth=110, sampled=110, tasks={MAIL: 10, THUMB: 100})

    first, second = judge.backlog_by_task(waiting, TYPICAL)

    assert (first.task, first.count, first.work, first.margin) == (MAIL, 10, 50.0, 0)
    assert first.share == pytest.approx(50 / 60)
    assert second.task == THUMB


def test_a_sample_is_scaled_up_and_says_how_sure_it_is():
    waiting = Waiting(queue="q", depth=1_000_000, sampled=2401, tasks={MAIL: 1200, THUMB: 1201})

    first = judge.backlog_by_task(waiting, TYPICAL)[0]

    assert first.count == pytest.approx(499_792, abs=1)
    assert first.margin == pytest.approx(20_000, rel=0.01)


def test_a_task_that_the_log_does_not_know_has_no_work_and_stands_last():
    waiting = Waiting(queue="q", depth=101, sampled=101, tasks={"jobs.new": 100, THUMB: 1})

    first, last = judge.backlog_by_task(waiting, TYPICAL)

    assert (first.task, last.task, last.work, last.share) == (THUMB, "jobs.new", None, None)


def test_one_task_in_two_queues_is_one_of_the_backlog():
    queues = [Waiting(queue=name, depth=10, sampled=10, tasks={MAIL: 10}) for name in "ab"]

    [found] = judge.merge_backlogs(each for queue in queues for each in judge.backlog_by_task(queue, TYPICAL))

    assert (found.count, found.work, found.share) == (20, 100.0, 1.0)


def running(task, since, alive=None):
    return Running(id=task, queue="q", task=task, worker="w", started=since, heartbeat=alive)


def test_a_run_past_its_own_p99_is_an_overrun_and_one_below_is_not():
    now = 100_000_000
    jobs = [running(MAIL, now - 8_000_000), running(THUMB, now - 6_000_000)]

    [found] = judge.overruns(jobs, TYPICAL, now, {})

    assert (found.job.task, found.took, found.allowed, found.why) == (THUMB, 6.0, 0.4, "p99")


@pytest.mark.parametrize(
    ("p99", "took", "told"),
    [(0.267, 0.6, False), (0.267, 5.3, True), (60.0, 66.0, False), (60.0, 121.0, True)],
)
def test_a_run_is_an_overrun_from_twice_its_p99_and_five_seconds_more(p99, took, told):
    job = Running(id="1", queue="mail", task=MAIL, worker="w", started=0)

    found = judge.overruns([job], {MAIL: Typical(mean=0.1, p99=p99)}, round(took * 1e6), {})

    assert bool(found) is told


def test_a_set_limit_wins_over_the_p99():
    now = 100_000_000

    [found] = judge.overruns([running(MAIL, now - 8_000_000)], TYPICAL, now, {MAIL: 7.0})

    assert (found.why, found.allowed) == ("limit", 7.0)


def test_a_run_without_a_sign_of_life_is_lost():
    now = 1_000_000_000

    [found] = judge.overruns([running("jobs.new", 0, alive=now - 300_000_000)], TYPICAL, now, {})

    assert found.why == "lost"
