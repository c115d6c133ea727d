"""Whether a task became slower, by the run times of two windows."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowtask.rank.difference import judge_times
from slowtask.rank.pairwise import BIN, compare_pairs

SECOND = math.log(1e9)
SIDES = st.dictionaries(st.integers(-1, 3000), st.integers(0, 10**5), max_size=12)


def times(runs, draw, seed=1):
    """Bins of *runs* run times, of which *draw* gives the logarithm of the seconds."""
    chance = random.Random(seed)
    return Counter(math.floor((SECOND + draw(chance)) / BIN) for _ in range(runs))


def lognormal(sigma=0.5, factor=1.0):
    return lambda chance: chance.gauss(math.log(factor), sigma)


def jobs(large, factor=1.0):
    """Small jobs and, in so many of all cases, ten times as large ones."""
    return lambda chance: chance.gauss(math.log(factor * (10 if chance.random() < large else 1)), 0.3)


def long_tail(share):
    """One second, but for a *share* of runs that take up to a minute."""
    return lambda chance: chance.gauss(0, 0.2) + (chance.uniform(2, 4) if chance.random() < share else 0)


def test_a_slowdown_by_1_3_is_found_in_200_runs():
    judged = judge_times(times(200, lognormal()), times(200, lognormal(factor=1.3), seed=2))

    assert judged.slower
    assert judged.low < 1.3 < judged.high


def test_it_is_found_between_200_and_20000_runs():
    judged = judge_times(times(20_000, lognormal()), times(200, lognormal(factor=1.3), seed=2))

    assert judged.slower


def test_the_opposite_is_faster():
    judged = judge_times(times(200, lognormal(factor=1.3)), times(200, lognormal(), seed=2))

    assert judged.change == "faster"
    assert judged.low < 1 / 1.3 < judged.high


def test_an_unchanged_task_is_the_same():
    judged = judge_times(times(500, lognormal()), times(500, lognormal(), seed=2))

    assert judged.change == "same"
    assert judged.low < 1 < judged.high


def test_more_large_jobs_are_another_mix():
    judged = judge_times(times(1000, jobs(large=0.2)), times(1000, jobs(large=0.5), seed=2))

    assert judged.change == "mix"


def test_a_few_more_large_jobs_are_no_slowdown():
    judged = judge_times(times(200, jobs(large=0.2)), times(200, jobs(large=0.3), seed=2))

    assert not judged.slower


def test_small_and_large_jobs_can_become_slower():
    judged = judge_times(times(200, jobs(large=0.5)), times(200, jobs(large=0.5, factor=1.3), seed=2))

    assert judged.slower
    assert 1.15 < judged.low < 1.3 < judged.high < 1.5


def test_a_slowdown_is_found_beside_another_mix():
    judged = judge_times(times(2000, jobs(large=0.4)), times(2000, jobs(large=0.1, factor=1.3), seed=2))

    assert judged.slower
    assert judged.ratio == pytest.approx(1.3, abs=0.1)


def test_more_very_long_runs_are_a_longer_tail():
    judged = judge_times(times(1000, long_tail(0.01)), times(1000, long_tail(0.06), seed=2))

    assert judged.change == "tail"


def test_a_slowdown_by_1_percent_is_none_that_matters():
    judged = judge_times(dict.fromkeys(range(4000, 4050), 100000), dict.fromkeys(range(4002, 4052), 100000))

    assert judged.change == "same"
    assert judged.low > 1


def test_five_runs_that_take_twice_as_long_are_slower():
    judged = judge_times(times(5, lognormal(0.05)), times(5, lognormal(0.05, factor=2), seed=2))

    assert judged.slower


def test_four_runs_are_too_few():
    judged = judge_times(times(4, lognormal(0.05)), times(200, lognormal(0.05, factor=2), seed=2))

    assert (judged.change, judged.low, judged.high) == ("unknown", None, None)
    assert judged.ratio == pytest.approx(2, rel=0.1)


def test_a_few_runs_that_vary_much_tell_nothing():
    judged = judge_times(times(20, lognormal(1.0)), times(20, lognormal(1.0), seed=2))

    assert judged.change == "unknown"


@pytest.mark.parametrize(("before", "after"), [({}, {1: 9}), ({1: 9}, {}), ({}, {}), ({1: 0}, {1: 9})])
def test_a_side_without_runs_has_no_ratio(before, after):
    judged = judge_times(before, after)

    assert (judged.ratio, judged.change) == (None, "unknown")


def test_runs_that_all_take_the_same_time_are_the_same():
    judged = judge_times({4000: 50}, {4000: 70})

    assert (judged.ratio, judged.change) == (1.0, "same")


def test_runs_that_all_take_another_time_are_slower():
    judged = judge_times({4000: 50}, {4100: 70})

    assert judged.slower
    assert judged.ratio == pytest.approx(1.005**100)


def test_runs_of_no_time_are_compared_too():
    judged = judge_times({-1: 50}, {-1: 50, 4000: 1})

    assert judged.change == "same"


def test_pairs_are_counted_as_by_hand():
    before, after = [-1, 1, 1, 3], [1, 2, 3, 3, 9]
    wins = sum((b > a) + (b == a) / 2 for a in before for b in after)
    ties = sum(count**3 - count for count in Counter(before + after).values())
    variance = 20 / 12 * (10 - ties / 72)

    assert compare_pairs(Counter(before), Counter(after)).z == pytest.approx(
        (wins - 10) / math.sqrt(variance)
    )


def test_the_ratio_is_the_median_of_all_pairs():
    before, after = times(101, lognormal(1)), times(99, lognormal(1, factor=3), seed=2)
    ratios = sorted(a - b for a in after.elements() for b in before.elements())

    assert compare_pairs(before, after).ratio == pytest.approx(
        math.exp(BIN * ratios[len(ratios) // 2]), rel=0.005
    )


def test_exchanged_sides_give_the_opposite():
    before, after = times(60, lognormal(1)), times(90, lognormal(1, factor=3), seed=2)
    there, back = compare_pairs(before, after), compare_pairs(after, before)

    assert there.z == pytest.approx(-back.z)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.low == pytest.approx(1 / back.high)


@settings(deadline=None, max_examples=40)
@given(SIDES, SIDES)
def test_any_two_sides_are_judged(before, after):
    judged = judge_times(before, after)

    assert judged.ratio is None or judged.low is None or judged.low <= judged.ratio <= judged.high


@pytest.mark.parametrize("draw", [lognormal(factor=1.3), jobs(large=0.5), long_tail(0.2)])
def test_the_unit_of_time_doesnt_matter(draw):
    before, after = times(300, jobs(large=0.2)), times(300, draw, seed=2)
    moved = [{k + 300: count for k, count in side.items()} for side in (before, after)]

    assert judge_times(*moved).change == judge_times(before, after).change


@pytest.mark.parametrize("draw", [lognormal(), jobs(large=0.3), long_tail(0.05)])
def test_hardly_an_unchanged_task_is_slower(draw):
    slower = [judge_times(times(300, draw, seed), times(200, draw, -seed)).slower for seed in range(1, 31)]

    assert sum(slower) <= 1


@pytest.mark.parametrize("draw", [lambda chance: chance.expovariate(1), lambda chance: chance.expovariate(3)])
def test_a_slowdown_of_a_sharp_lower_edge_is_no_other_mix(draw):
    judged = judge_times(times(2000, draw), times(2000, lambda chance: draw(chance) + math.log(1.3), seed=2))

    assert judged.slower


def test_thousands_of_millions_of_runs_are_judged():
    few, many = times(2000, lognormal()), times(2000, lognormal(factor=1.3), seed=2)

    judged = judge_times(
        {k: count * 10**6 for k, count in few.items()}, {k: count * 10**6 for k, count in many.items()}
    )

    assert judged.slower
    assert judged.high / judged.low < 1.001


def test_a_few_scattered_times_have_a_ratio():
    after = {
        3674: 10**7,
        2599: 10**7,
        1832: 1,
        3518: 1,
        3576: 2,
        3101: 5,
        3680: 10**7,
        3929: 10**7,
        4375: 100,
    }

    assert judge_times({1969: 100}, after).ratio > 1
