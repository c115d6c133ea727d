"""When a limit will be reached: lines, planted series of growth, and hours in which nothing fills.

A poll comes every five seconds; levels are of a limit of 1,000.
"""

import random
from collections import deque
from itertools import count, islice
from statistics import median

import pytest

from slowtask.watch.forecast import MIN_POINTS, forecast
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import FORECAST_POLLS

MOST = 1000.0
SOON = Thresholds().soon
HOUR = 720  #: polls


def windows(levels):
    """What each poll of *levels* is judged by."""
    window = deque(maxlen=FORECAST_POLLS)
    for number, level in enumerate(levels):
        window.append((5.0 * number, level))
        yield [*window]


def is_soon(found):
    return found is not None and found.seconds <= SOON


def polls_until_soon(levels, steady):
    """How many polls after *steady* ones the forecast warns; none of the steady ones may."""
    warned = (number for number, window in enumerate(windows(levels)) if is_soon(forecast(window, MOST)))
    return next(warned) - steady


def count_warnings(levels, first, last):
    """How many polls, from the *first* to before the *last*, have a forecast that warns."""
    return sum(is_soon(forecast(window, MOST)) for window in islice(windows(levels), first, last))


def growing(chance, steady, slope, noise):
    """*steady* polls on one level, then growth by *slope* a poll."""
    return (300 + max(0, number - steady) * slope + chance.gauss(0, noise) for number in count())


def noisy(chance, noise):
    return (500 + chance.gauss(0, noise) for _ in count())


def drifting(chance, noise):
    """Noise of which each value keeps nine tenths of the one before."""
    level = 0.0
    while True:
        level = 0.9 * level + chance.gauss(0, noise)
        yield 500 + level


def sawtooth(chance, period):
    """Results that expire all at once, each *period* polls."""
    while True:
        top = 200 * chance.uniform(0.9, 1.1)
        yield from (300 + top * part / period + chance.gauss(0, 2) for part in range(period))


def steps(chance):
    """Batches that come and go, 100 polls apart in the mean."""
    level = 300
    while True:
        level = chance.choice([300, 400, 500]) if chance.random() < 0.01 else level
        yield level + chance.gauss(0, 2)


def bursts(chance):
    """A hundred jobs at once, each five minutes in the mean, that drain in 100 s."""
    waiting = 0
    while True:
        waiting = max(0, waiting - 5) + (100 if chance.random() < 1 / 60 else 0)
        yield 200 + waiting + chance.gauss(0, 1)


def spikes(chance):
    """Large answers that take memory for a moment, at one poll in twenty."""
    return (300 + chance.gauss(0, 3) + (chance.random() < 0.05) * 400 * chance.random() for _ in count())


STEADY = {
    "1 % noise": lambda chance: noisy(chance, 10),
    "5 % noise": lambda chance: noisy(chance, 50),
    "drifting noise": lambda chance: drifting(chance, 8),
    "short sawtooth": lambda chance: sawtooth(chance, 20),
    "long sawtooth": lambda chance: sawtooth(chance, 60),
    "steps": steps,
    "bursts": bursts,
    "spikes": spikes,
}


def test_a_straight_line_is_forecast_exactly():
    found = forecast([(5.0 * n, 100.0 + n) for n in range(20)], 139.0)

    assert found.seconds == pytest.approx(100.0)
    assert found.soonest == pytest.approx(100.0)
    assert found.latest == pytest.approx(100.0)


def test_noise_and_a_few_odd_samples_leave_the_forecast_near():
    chance = random.Random(1)
    points = [(5.0 * n, 1000.0 + 10 * n + chance.gauss(0, 5)) for n in range(60)]
    points[30] = (150.0, 9000.0)

    found = forecast(points, 2190.0)

    assert found.soonest < 300.0 < found.latest
    assert found.seconds == pytest.approx(300.0, rel=0.05)


@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_what_does_not_grow_is_not_forecast(slope):
    chance = random.Random(2)
    points = [(5.0 * n, 1000.0 + slope * n + chance.gauss(0, 3)) for n in range(60)]

    assert forecast(points, 2000.0) is None


def test_too_few_samples_give_no_forecast():
    assert forecast([(5.0 * n, 100.0 * n) for n in range(MIN_POINTS - 1)], 1e6) is None


def test_polls_of_one_moment_give_no_forecast():
    assert forecast([(5.0, 100.0 * n) for n in range(MIN_POINTS)], 1e6) is None


@pytest.mark.parametrize(("noise", "usual"), [(0, 7), (1, 8), (10, 8)])
def test_growth_after_a_steady_time_is_noticed_soon(noise, usual):
    levels = (growing(random.Random(seed), FORECAST_POLLS, 10, noise) for seed in range(20))
    polls = sorted(polls_until_soon(each, FORECAST_POLLS) for each in levels)

    assert polls[0] > 0
    assert median(polls) <= usual
    assert polls[-1] <= 30


def test_growth_that_has_just_begun_is_forecast_at_its_own_pace():
    levels = islice(growing(random.Random(4), FORECAST_POLLS, 10, 1), FORECAST_POLLS + 24)
    *_, window = windows(levels)

    assert forecast(window, MOST).seconds == pytest.approx((MOST - window[-1][1]) / 2, rel=0.15)


def test_a_single_step_is_no_growth():
    for before in range(MIN_POINTS, FORECAST_POLLS):
        levels = [300.0] * before + [500.0] * (FORECAST_POLLS - before)

        assert [window for window in windows(levels) if forecast(window, MOST)] == []


def test_two_batches_one_after_the_other_are_no_growth():
    levels = [300.0] * FORECAST_POLLS + [400.0] * 4 + [500.0] * 8

    assert [window for window in windows(levels) if forecast(window, MOST)] == []


@pytest.mark.parametrize("series", STEADY)
def test_in_hours_in_which_nothing_fills_no_forecast_warns(series):
    warned = count_warnings(STEADY[series](random.Random(5)), FORECAST_POLLS, 4 * HOUR)

    assert warned == 0


def test_few_starts_on_a_noisy_level_warn():
    warned = sum(count_warnings(noisy(random.Random(seed), 20), 0, 24) > 0 for seed in range(200))

    assert warned < 20
