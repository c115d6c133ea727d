"""What a change costs in worker time, and whether failures became more frequent."""

import pytest

from slowtask.rank.costs import Work, compare_rates, cost, split_change

NONE = Work(runs=0, total=0)


def test_a_slower_task_costs_the_difference_in_each_run():
    assert cost(Work(runs=10, total=20), Work(runs=100, total=300)) == 100


def test_a_new_task_costs_its_total():
    assert cost(NONE, Work(runs=10, total=20)) == 20


def test_a_vanished_task_saves_its_total_in_a_window_of_that_length():
    assert cost(Work(runs=10, total=20), NONE, scale=2) == -40


def test_more_runs_of_the_same_tasks_are_only_more_runs():
    split = split_change(
        [(Work(runs=10, total=20), Work(runs=20, total=40)), (Work(runs=1, total=9), Work(runs=2, total=18))]
    )

    assert (split.runs, split.mix, split.times) == (29, 0, 0)


def test_more_of_the_longer_task_is_another_mix():
    split = split_change(
        [
            (Work(runs=10, total=10), Work(runs=5, total=5)),
            (Work(runs=10, total=90), Work(runs=15, total=135)),
        ]
    )

    assert (split.runs, split.mix, split.times) == (0, 40, 0)


def test_longer_runs_are_slower_runs():
    split = split_change([(Work(runs=10, total=10), Work(runs=10, total=13))])

    assert (split.runs, split.mix, split.times) == (0, 0, 3)


def test_a_window_twice_as_long_changes_nothing():
    split = split_change([(Work(runs=10, total=10), Work(runs=20, total=20))], scale=2)

    assert (split.runs, split.mix, split.times) == (0, 0, 0)


def test_new_and_vanished_tasks_belong_to_the_mix():
    split = split_change([(Work(runs=10, total=10), NONE), (NONE, Work(runs=10, total=50))])

    assert (split.runs, split.mix, split.times) == (0, 40, 0)


def test_the_parts_add_up():
    pairs = [
        (Work(runs=10, total=12), Work(runs=31, total=70)),
        (Work(runs=4, total=400), Work(runs=3, total=250)),
        (Work(runs=7, total=1), NONE),
        (NONE, Work(runs=2, total=30)),
    ]

    assert split_change(pairs, scale=1.5).whole == pytest.approx(350 - 413 * 1.5)


def test_a_first_window_without_runs_is_another_mix():
    assert split_change([(NONE, Work(runs=2, total=30))]).mix == 30


def test_a_rate_that_rose_for_certain():
    rates = compare_rates(10, 1000, 40, 1000)

    assert rates.rose
    assert rates.ratio == pytest.approx(4)
    assert 1 < rates.low < 4 < rates.high


def test_a_rate_that_rose_by_chance():
    rates = compare_rates(10, 1000, 18, 1000)

    assert not rates.rose
    assert rates.low < 1


def test_one_failure_after_none_is_no_rise():
    rates = compare_rates(0, 1000, 1, 20)

    assert not rates.rose
    assert (rates.ratio, rates.high) == (None, None)


def test_many_failures_after_none_are_a_rise():
    rates = compare_rates(0, 1000, 30, 1000)

    assert rates.rose
    assert rates.low > 1


def test_no_failures_at_all_say_nothing_of_the_ratio():
    rates = compare_rates(0, 1000, 0, 1000)

    assert (rates.rose, rates.ratio, rates.low, rates.high) == (False, None, 0, None)


def test_a_rate_of_no_runs_is_unknown():
    rates = compare_rates(0, 0, 1, 10)

    assert (rates.before, rates.after, rates.ratio, rates.rose) == (None, 0.1, None, False)


def test_runs_that_all_fail_have_a_ratio_of_1():
    rates = compare_rates(10, 10, 20, 20)

    assert rates.ratio == 1
    assert not rates.rose
