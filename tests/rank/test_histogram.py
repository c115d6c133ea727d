"""A histogram of run times: steps that people know, no run lost."""

from itertools import pairwise
from math import floor, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowtask.rank.histogram import MAX_BARS, make_histogram
from slowtask.store.comparison import WIDTH

times = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60)


def bins(*seconds):
    """Run times as a store counts them."""
    found = {}
    for each in seconds:
        key = floor(log(each * 1e9) / log(WIDTH)) if each else -1
        found[key] = found.get(key, 0) + 1
    return found


@given(times)
def test_every_run_is_in_one_bar_and_the_bars_have_no_gaps(seconds):
    bars = make_histogram(bins(*seconds))

    assert sum(each.count for each in bars) == len(seconds)
    assert all(one.high == other.low for one, other in pairwise(bars))
    assert bars[0].low <= min(seconds) * WIDTH
    assert bars[-1].high >= max(seconds) / WIDTH
    assert bars[0].count
    assert bars[-1].count


@given(times)
def test_a_page_holds_them(seconds):
    assert len(make_histogram(bins(*seconds))) <= MAX_BARS


def test_times_over_many_decades_have_steps_of_1_2_and_5():
    bars = make_histogram(bins(*(0.001 * 1.2**step for step in range(40))))

    assert [each.low for each in bars[:4]] == pytest.approx([0.001, 0.002, 0.005, 0.01])


def test_times_close_together_are_told_apart():
    bars = make_histogram(bins(*(1 + step / 100 for step in range(100))))

    assert len(bars) > 5


def test_runs_that_took_no_time_are_a_bar():
    first, *_ = make_histogram(bins(0, 0, 1.0))

    assert (first.low, first.high, first.count) == (0.0, 0.0, 2)


def test_without_times_there_is_no_bar():
    assert make_histogram({}) == []
