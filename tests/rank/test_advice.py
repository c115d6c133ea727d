"""The advice of a replay: how many workers, or which queue of its own, or that there is none."""

from collections import deque
from dataclasses import replace
from random import Random

import pytest

from slowtask.rank import crowd
from slowtask.rank.advice import advise
from slowtask.rank.crew import find_workers
from slowtask.store.columns import Columns

SECOND = 10**9


def arrivals(seed, end, *kinds):
    """Jobs at random moments until *end* seconds (arrival, task, run time) of (task, interval, time)."""
    random, jobs = Random(seed), []
    for task, every, took in kinds:
        now = random.expovariate(1 / every)
        while now < end:
            jobs.append((now, task, took))
            now += random.expovariate(1 / every)
    return sorted(jobs)


def work(jobs, workers, queue="mail", name="worker"):
    """The runs of *jobs* on workers that each take the first job that waits."""
    free = [0.0] * workers
    for come, task, took in jobs:
        mine = min(range(workers), key=free.__getitem__)
        start = max(come, free[mine]) + 0.01
        free[mine] = start + took + 0.01
        yield come, start, took, task, queue, f"{name}-{mine}"


def work_prefetching(jobs, workers, multiplier=4):
    """The runs of *jobs* on Celery workers that each are sent jobs in turn, and keep them."""
    random, free, kept = Random(1), [0.0] * workers, [deque() for _ in range(workers)]
    for come, task, took in jobs:
        for ends in kept:
            while ends and ends[0] <= come:
                ends.popleft()
        room = [each for each in range(workers) if len(kept[each]) <= multiplier]
        mine = random.choice(room or range(workers))
        start = max(come, free[mine]) + 0.01
        free[mine] = start + took
        kept[mine].append(free[mine])
        yield come, start, took, task, "mail", f"celery@{mine}"


def logged(*runs):
    """The columns of a log of *runs*."""
    come, start, took, tasks, queues, workers = zip(*sorted(runs), strict=True)
    names = [tuple(dict.fromkeys(each)) for each in (tasks, queues, workers)]
    task, queue, worker = (
        [known.index(each) for each in column]
        for known, column in zip(names, (tasks, queues, workers), strict=True)
    )
    return Columns(
        arrival=[round(each * SECOND) for each in come],
        wait=[round((begin - each) * SECOND) for each, begin in zip(come, start, strict=True)],
        took=[round(each * SECOND) for each in took],
        task=task, queue=queue, worker=worker, tasks=names[0], queues=names[1], workers=names[2],
    )  # fmt: skip


def p95_of(runs, *, without=""):
    waits = sorted(start - come for come, start, _, task, *_ in runs if task != without)
    return waits[int(0.95 * len(waits))]


EXPORTS = arrivals(1, 600, ("jobs.export", 7.3, 14.0), ("jobs.fast", 0.7, 0.05))


def test_exports_that_hold_both_workers_need_one_more_or_two_of_their_own():
    """Exports of 14 s and jobs of 50 ms share two workers."""
    found = advise(logged(*work(EXPORTS, 2)), {})["mail"]
    words = found.sentence

    assert words.startswith("Add 1 worker to mail: p95 wait 1m 7s → 20.1 s (")
    assert (
        " Or give export a queue of its own with 2 more workers: p95 wait of the other tasks 1m 8s" in words
    )
    assert (found.reliable, found.workers) == (True, 1)


def test_the_waits_that_advice_promises_are_those_that_more_workers_have():
    found = advise(logged(*work(EXPORTS, 2)), {})["mail"]

    assert found.wait_before.p95 == pytest.approx(p95_of(work(EXPORTS, 2)), rel=0.05)
    assert found.wait_after.p95 == pytest.approx(p95_of(work(EXPORTS, 3)), rel=0.05)
    assert found.wait_after.low <= found.wait_after.p95 <= found.wait_after.high < found.wait_before.low


def test_the_same_log_gives_the_same_advice():
    log = logged(*work(EXPORTS, 2))

    assert advise(log, {}) == advise(log, {})


def test_a_task_that_needs_few_of_the_workers_gets_its_queue_without_new_ones():
    """Reports of a minute that come eight at a time hold all four workers, and can do with three."""
    bursts = [(600.0 * burst + 1, "jobs.report", 60.0) for burst in range(3) for _ in range(8)]
    jobs = sorted([*bursts, *arrivals(6, 1800, ("jobs.fast", 1.0, 0.05))])
    found = advise(logged(*work(jobs, 4)), {})["mail"]

    assert found.sentence.startswith("Give report a queue of its own with 3 of its workers: p95 wait of the ")
    assert ", its own 1m 0s → 2m 0s." in found.sentence
    assert found.workers == 0


def test_a_queue_that_is_short_of_many_workers_is_told_so_at_once():
    """Arrivals that keep 7 workers busy, on two."""
    found = advise(logged(*work(arrivals(7, 900, ("jobs.mail", 0.5, 3.5)), 2)), {})["mail"]

    assert found.workers in (5, 6, 8)
    assert "Or " not in found.sentence


def test_a_queue_that_keeps_up_gets_no_advice():
    assert advise(logged(*work(EXPORTS, 40)), {}) == {}
    assert advise(Columns(), {}) == {}


def test_trouble_that_began_only_now_counts():
    """An hour of quiet, then ten minutes in which exports hold the workers."""
    calm = arrivals(1, 3000, ("jobs.fast", 0.5, 0.05))
    late = [(come + 3000, task, took) for come, task, took in EXPORTS if come < 400]

    assert advise(logged(*work([*calm, *late], 2)), {})["mail"].workers == 1


def test_a_short_log_is_taken_as_a_whole():
    """Its last quarter is 40 runs."""
    found = advise(logged(*list(work(EXPORTS, 2))[:160]), {})["mail"]

    assert "(A replay of 160 runs within " in found.sentence


def test_a_replay_that_misses_what_happened_gives_a_reason_instead_of_a_number():
    """The workers were away for half of the time: no job of theirs says so."""
    away = [
        (come, start + 300, took, *names) for come, start, took, *names in work(EXPORTS, 40) if come > 300
    ]
    found = advise(logged(*[run for run in work(EXPORTS, 40) if run[0] <= 300], *away), {})["mail"]

    assert (found.reliable, found.workers, found.wait_after) == (False, None, None)
    assert "off what really happened" in found.sentence


def test_a_few_runs_are_no_percentile():
    found = advise(logged(*list(work(EXPORTS, 1))[:20]), {})["mail"]

    assert (
        found.sentence
        == "No advice on workers for mail: the log has 20 runs of it, too few for a percentile."
    )


def test_the_number_of_workers_can_be_given():
    """One of three workers has run nothing yet, since its first job doesn't end."""
    log = logged(*work(EXPORTS, 2))

    assert not advise(log, {None: 1})["mail"].reliable
    assert advise(log, {"mail": 2}) == advise(log, {})


HOARDED = arrivals(8, 1800, ("jobs.slow", 60, 45.0), ("jobs.fast", 1.5, 0.2))


def test_tasks_kept_at_a_busy_celery_worker_need_no_more_workers_but_no_prefetching():
    found = advise(logged(*work_prefetching(HOARDED, 4)), {})["mail"]

    assert found.sentence.startswith("Let workers prefetch nothing (worker_prefetch_multiplier = 1 ")
    assert (found.reliable, found.workers) == (True, 0)
    assert found.wait_after.p95 < found.wait_before.p95 / 2


def test_workers_of_rq_that_idle_are_a_replay_that_fails():
    log = logged(*work_prefetching(HOARDED, 4))
    log = replace(log, workers=[f"{number:032x}" for number in range(4)])

    assert not advise(log, {})["mail"].reliable


def test_workers_that_serve_two_queues_get_more_of_the_same():
    """The holder may come by the other queue."""
    runs = [(*run[:4], "exports" if run[3] == "jobs.export" else "mail", run[5]) for run in work(EXPORTS, 2)]
    found = advise(logged(*runs), {})

    assert list(found) == ["mail", "exports"] or list(found) == ["exports", "mail"]
    assert found["mail"].sentence.startswith("Add 1 worker to ")
    assert "mail" in found["mail"].sentence.partition(":")[0]
    assert "give export a queue of its own" in found["mail"].sentence


def test_of_a_long_log_the_last_runs_count(monkeypatch):
    monkeypatch.setattr(crowd, "MAX_RUNS", 500)
    log = logged(*work(arrivals(7, 900, ("jobs.mail", 0.5, 1.2)), 2))

    assert crowd.find_crowd(log, find_workers(log), 0).jobs.arrival == log.arrival[-500:]
    assert advise(log, {})["mail"].reliable


def test_names_are_printed_safely():
    jobs = [(come, f"{task}\x1b", took) for come, task, took in EXPORTS]
    found = advise(logged(*work(jobs, 2, queue="a\x1b")), {})["a\x1b"]

    assert "\\x1b" in found.sentence
    assert "\x1b" not in found.sentence
