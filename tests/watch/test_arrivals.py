"""How many jobs arrive, over the longest time in which that hasn't surely changed."""

import random

import pytest

from slowtask.watch.arrivals import LONGEST, ArrivalTrack

POLL = 5.0


def track(rates, seed=1):
    """What is known after polls at which jobs had arrived by these *rates* a second, by themselves."""
    chance, found = random.Random(seed), ArrivalTrack()
    for rate in rates:
        found.add(POLL, draw_poisson(chance, rate * POLL))
    return found.measure()


def draw_poisson(chance, mean):
    """How many jobs arrive where *mean* do on average."""
    return next(number for number, time in enumerate(times(chance)) if time >= mean)


def times(chance):
    """When jobs arrive, one a second on average."""
    now = 0.0
    while True:
        now += chance.expovariate(1.0)
        yield now


def polls(seconds):
    return round(seconds / POLL)


@pytest.mark.parametrize("seed", range(20))
def test_a_steady_rate_is_taken_over_ten_minutes(seed):
    found = track([2.0] * polls(1200), seed)

    assert found.seconds == LONGEST
    assert found.rate == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_a_rate_that_is_ten_times_as_high_is_seen_within_fifteen_seconds(seed):
    found = track([1.0] * polls(600) + [10.0] * polls(15), seed)

    assert found.rate == pytest.approx(10.0, rel=0.4)


@pytest.mark.parametrize("seed", range(20))
def test_a_rate_that_is_half_as_high_is_seen_within_two_minutes(seed):
    found = track([4.0] * polls(600) + [2.0] * polls(120), seed)

    assert found.rate == pytest.approx(2.0, rel=0.35)


def test_no_rate_is_known_before_half_a_minute():
    assert track([2.0] * polls(25)) is None
    assert track([2.0] * polls(30)).seconds == 30.0


def test_batches_that_come_again_and_again_are_no_change():
    """600 jobs every two minutes: 5 a second."""
    found = ArrivalTrack()
    for number in range(polls(1210)):
        found.add(POLL, 600 if number % polls(120) == 0 else 0)
    measured = found.measure()

    assert measured.rate == pytest.approx(5.0, rel=0.2)
    assert measured.variability > 100


def test_a_batch_that_came_once_is_over_once_it_is_over():
    """3,000 jobs at once, then one every two seconds again."""
    calm = [ArrivalTrack(), ArrivalTrack()]
    for found, batch in zip(calm, (0, 3000), strict=True):
        for number in range(polls(600)):
            found.add(POLL, (batch if number == polls(500) else 0) + (2 + number % 2))
    without, after = (found.measure() for found in calm)

    assert after.rate == pytest.approx(without.rate, rel=0.1)
    assert after.variability == 1.0


def test_jobs_that_come_by_themselves_vary_as_chance_does():
    assert 1.0 <= track([2.0] * polls(600)).variability < 1.7


def test_polls_that_are_far_apart_count_too():
    found = ArrivalTrack()
    for _ in range(30):
        found.add(60.0, 120)

    assert found.measure().rate == 2.0
    assert found.measure().seconds == LONGEST


def test_a_queue_without_jobs_has_a_rate_of_nothing():
    assert track([0.0] * polls(60)).rate == 0
