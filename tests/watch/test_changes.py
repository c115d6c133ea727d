"""A task is compared with itself: slower, failing, killed, or in need of more memory."""

import math
import random
from itertools import count

import pytest

from slowtask.watch.changes import Failing, Growing, Killed, Slower, TaskWatch
from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun
from slowtask.watch.shift import INTERVAL, Level

NUMBERS = count()
PRICE = "jobs.price"
SIGMAS = (0.3, 0.5, 0.8)


class Site:
    """A task whose runs end every *gap* seconds, and what is found of them after each poll."""

    def __init__(self, seed=1, sigma=0.5, gap=1.0):
        self.chance, self.sigma, self.gap = random.Random(seed), sigma, gap
        self.history, self.watch, self.now = History(), TaskWatch(), 0.0

    def run(self, number, median=0.1, **others):
        """Let *number* runs end, with a poll after each five; return what has changed by then."""
        for place in range(number):
            self.now += self.gap
            took = median * math.exp(self.chance.gauss(0, self.sigma))
            values = {"task": PRICE, "end": self.now, "id": next(NUMBERS), "took": took, "action": "finished"}
            self.history.add([RecentRun(**(values | others))])
            if place % 5 == 4:
                self.changes()
        return self.changes()

    def changes(self):
        return self.watch.changes(self.history, self.now)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("sigma", "runs"), [(0.3, 10), (0.5, 10), (0.8, 20)])
def test_a_release_that_makes_a_task_three_times_slower_shows_at_once(sigma, runs, seed):
    site = Site(seed, sigma)
    site.run(200, version="1.9")

    [slower] = site.run(runs, median=0.3, version="2.0")

    assert isinstance(slower, Slower)
    assert (slower.version, slower.before) == ("2.0", "1.9")
    assert slower.shift.factor == pytest.approx(3, rel=0.5)
    assert slower.shift.since == pytest.approx(200.0, abs=3.0)


def test_a_release_that_changes_nothing_is_no_change():
    changed = []
    for seed in range(100):
        site = Site(seed, sigma=0.8)
        site.run(100, version="1.9")
        changed += site.run(100, version="2.0")

    assert changed == []


def test_a_release_that_is_taken_back_is_no_change_any_more():
    site = Site()
    site.run(200, version="1.9")
    site.run(100, median=0.3, version="2.0")

    assert site.run(100, version="1.9") == []


def steps_found(sigma, factor, seeds, runs=100):
    """How many of so many steps show within two intervals after a day, with *runs* in 15 minutes."""
    found = 0
    for seed in range(seeds):
        level, chance, now = Level(), random.Random(seed), 0.0
        while level.ended < 110:
            level.add(math.exp(chance.gauss(0, sigma)), now)
            now += INTERVAL / runs
        before = level.shift
        while level.ended < 112:
            level.add(math.exp(chance.gauss(math.log(factor), sigma)), now)
            now += INTERVAL / runs
        found += before is None and level.shift is not None
    return found


@pytest.mark.parametrize("sigma", SIGMAS)
def test_a_step_by_three_tenths_shows_within_two_intervals(sigma):
    assert steps_found(sigma, 1.3, seeds=20) >= 19


@pytest.mark.parametrize("sigma", SIGMAS)
def test_a_small_step_is_too_small_to_matter(sigma):
    assert steps_found(sigma, 1.05, seeds=20) == 0


def alarms(took_at, days, gap):
    """How often a task that takes *took_at* some time is found to be slower."""
    level, found, before, now = Level(), 0, False, 0.0
    while now < days * 86400:
        level.add(took_at(now), now)
        found += level.shift is not None and not before
        before = level.shift is not None
        now += gap
    return found


def test_a_daily_rhythm_is_no_change():
    chance = random.Random(1)

    def took(now):
        return math.exp(0.15 * math.sin(2 * math.pi * now / 86400) + chance.gauss(0, 0.5))

    assert alarms(took, days=7, gap=20) == 0


def test_more_large_jobs_among_small_ones_are_no_change():
    chance = random.Random(1)

    def took(now):
        large = chance.random() < (0.1 if now < 86400 / 2 else 0.3)
        return math.exp((3 if large else 0) + chance.gauss(0, 0.3))

    assert alarms(took, days=1, gap=20) == 0


def test_a_change_ends_when_the_task_is_as_fast_as_before():
    level, chance, now, seen = Level(), random.Random(1), 0.0, []
    for factor in (1.0, 2.0, 1.0):
        until = now + 8 * 3600
        while now < until:
            level.add(factor * math.exp(chance.gauss(0, 0.3)), now)
            now += 10
        seen.append(level.shift is not None)

    assert seen == [False, True, False]


def test_a_level_that_lasts_for_a_day_is_usual():
    level, chance, now, seen = Level(), random.Random(1), 0.0, []
    for factor, hours in ((1.0, 8), (2.0, 8), (2.0, 24)):
        until = now + hours * 3600
        while now < until:
            level.add(factor * math.exp(chance.gauss(0, 0.3)), now)
            now += 10
        seen.append(level.shift is not None)

    assert seen == [False, True, False]


def test_a_task_that_begins_to_fail_is_told_with_its_error_and_how_often_it_failed_before():
    site = Site()
    site.run(200)

    [failing] = site.run(20, failed=True, error="requests.Timeout", action="failed")

    assert isinstance(failing, Failing)
    assert (failing.failures, failing.runs) == (20, 50)
    assert failing.usual < 0.01
    assert failing.error == "requests.Timeout"


def test_a_task_that_always_fails_now_and_then_is_no_change():
    site = Site()
    changed = []
    for _ in range(200):
        changed += site.run(10) + site.run(1, failed=True)

    assert changed == []


def test_a_task_that_stops_failing_is_no_change_any_more():
    site = Site()
    site.run(200)
    site.run(20, failed=True)

    assert site.run(60) == []


def test_kills_are_counted_with_signal_memory_and_host_for_five_minutes():
    site = Site()
    site.run(50)
    killed = {"action": "killed", "reason": "signal 9", "failed": True, "host": "web-2"}
    found = [site.run(1, memory=memory, **killed) for memory in (1.9e9, 1e9, 5e8)][-1]
    [after] = [site.run(100), site.run(200)][:1]

    assert found == [
        Killed(task=PRICE, count=3, since=51.0, last=53.0, reason="signal 9", memory=1.9e9, hosts=("web-2",))
    ]
    assert [each.count for each in after] == [3]
    assert site.changes() == []


def test_a_task_that_needs_ever_more_memory_is_told():
    site = Site(gap=10)
    site.run(1000, memory=100e6)

    found = site.run(300, memory=400e6)

    [growing] = [each for each in found if isinstance(each, Growing)]
    assert growing.shift.factor == pytest.approx(4.0, rel=0.01)


def test_a_little_more_memory_is_too_small_to_matter():
    site = Site(gap=10)
    site.run(1000, memory=20e6)

    assert site.run(300, memory=60e6) == []
