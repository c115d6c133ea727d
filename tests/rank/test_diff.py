"""What became of each task between two sets of runs, and what that costs."""

import math
from collections import Counter

import pytest

from slowtask.rank.diff import describe, diff, is_regression
from slowtask.store import BadLines, Figures, Measurement
from slowtask.store.comparison import make_comparison

SECOND = 10**9


def figures(task, times, *, failures=0, killed=0, hours=1.0, margin=0, p50=None):
    """The figures of runs that took so many seconds."""
    total = sum(times) * SECOND
    return Figures(
        task=task, count=len(times), failures=failures, killed=killed, timed=len(times), total=total,
        max=max(times) * SECOND, p50=p50, p95=None, p99=None, deviation=None, wait_p95=None, cpu=None,
        cpu_time=None, memory=None, margin=margin, first=0, last=round(hours * 3600e6),
    )  # fmt: skip


def compared(before, after, **options):
    """The diff of two sides: run times in seconds, or figures, by task."""
    sides = [
        {task: each if isinstance(each, Figures) else figures(task, each) for task, each in side.items()}
        for side in (before, after)
    ]
    times = tuple(
        {task: {} if isinstance(each, Figures) else bins(each) for task, each in side.items()}
        for side in (before, after)
    )
    measured = (Measurement(figures=tuple(side.values()), bad=BadLines(), source="a log") for side in sides)
    return diff(make_comparison(*measured, times), **options)


def bins(times):
    return Counter(math.floor(math.log(each * SECOND) / math.log(1.005)) for each in times)


def around(seconds, count=200):
    """Run times from half of it to twice as long."""
    return [seconds * 2 ** (2 * number / count - 1) for number in range(count)]


def by_task(found):
    return {task.task: task for task in found.tasks}


def test_a_task_whose_runs_all_take_longer_is_slower_by_that_ratio():
    task = by_task(compared({"a": around(1)}, {"a": around(1.5)}))["a"]

    assert (task.change, task.slower) == ("slower", True)
    assert task.ratio == pytest.approx(1.5, rel=0.02)
    assert task.ratio_low < 1.5 < task.ratio_high


def test_one_that_stays_is_not():
    task = by_task(compared({"a": around(1)}, {"a": around(1, 300)}))["a"]

    assert (task.change, task.slower) == ("same", False)


def test_the_dearest_change_comes_first():
    before = {"cheap": around(1), "dear": around(10), "same": around(5)}
    after = {"cheap": around(2), "dear": around(15), "same": around(5)}

    assert [task.task for task in compared(before, after).tasks] == ["dear", "cheap", "same"]


def test_a_change_costs_what_the_runs_after_take_longer():
    task = by_task(compared({"a": [1.0] * 50}, {"a": [3.0] * 100}))["a"]

    assert task.cost == pytest.approx(200)


def test_runs_that_take_as_long_as_before_cost_nothing():
    """0.1 added up three times isn't 0.3 to a float; that is no cost."""
    [task] = compared({"a": [0.1, 0.1, 0.1]}, {"a": [0.3 / 3] * 3}).tasks

    assert task.cost == 0


def test_new_and_vanished_tasks_are_told():
    found = by_task(compared({"old": [1.0] * 10}, {"new": [2.0] * 10}))

    assert (found["new"].change, found["new"].cost, found["new"].before) == ("new", 20, None)
    assert (found["old"].change, found["old"].cost, found["old"].after) == ("gone", -10, None)


def test_few_runs_are_no_proof():
    task = by_task(compared({"a": [1.0, 2.0]}, {"a": [2.0, 3.0]}))["a"]

    assert (task.change, task.slower) == ("unknown", False)


def test_more_failures_are_told_beside_the_run_times():
    before, after = figures("a", [1.0] * 500, failures=5), figures("a", [1.0] * 500, failures=60)
    task = by_task(compared({"a": before}, {"a": after}))["a"]

    assert (task.fails_more, task.failure_ratio) == (True, 12)
    assert is_regression(task, 2.0)


def test_a_slowdown_is_a_regression_from_the_limit_on():
    task = by_task(compared({"a": around(1)}, {"a": around(1.5)}))["a"]

    assert (is_regression(task, 1.2), is_regression(task, 2.0)) == (True, False)


def test_twice_the_runs_in_twice_the_time_keep_as_many_workers_busy():
    before = {"a": figures("a", [36.0] * 100, hours=1)}
    after = {"a": figures("a", [36.0] * 200, hours=2)}
    found = compared(before, after)

    assert found.busy == pytest.approx((1.0, 1.0))
    assert found.split.whole == pytest.approx(0)


def test_the_parts_of_the_change_add_up():
    before, after = (
        {"a": around(1), "b": around(4, 50)},
        {"a": around(2), "b": around(4, 100), "c": around(1)},
    )
    found = compared(before, after)
    change = sum(map(sum, after.values())) - sum(map(sum, before.values()))

    assert found.split.whole == pytest.approx(change)
    assert found.split.runs + found.split.mix + found.split.times == pytest.approx(change)


def test_sides_without_a_span_are_not_counted_by_time():
    found = compared({"a": figures("a", [1.0], hours=0)}, {"a": figures("a", [1.0], hours=0)})

    assert (found.busy, found.scale) == (None, 1.0)


def test_the_sentence_names_the_slower_task_its_interval_and_what_it_costs():
    said = describe(compared({"a": around(1)}, {"a": around(1.5)}).tasks)

    assert said.startswith("a got slower: a run takes 1.50 times as long (1.")
    assert said.endswith(" of worker time.")


def test_the_sentence_says_what_got_slower_if_it_is_no_task():
    said = describe(
        compared({"": around(1), "b": around(1)}, {"": around(1.5), "b": around(1.5)}).tasks, "tenant"
    )

    assert said.startswith("Work with no tenant got slower: ")
    assert said.endswith(" tenant b got slower too.")


@pytest.mark.parametrize(
    ("before", "after", "rough"),
    [
        ((0, 1), (0.4, 0), True),  # whole seconds beside exact times
        ((3, 1), (3.4, 0), True),
        ((12, 1), (12.4, 0), False),
        ((0, 1), (1, 1), True),  # whole seconds on both sides
        ((3, 1), (4, 1), False),
        ((0.41, 1), (0.42, 0), False),  # only a few of the runs are timed in whole seconds
    ],
)
def test_whole_seconds_are_not_compared_where_they_hide_the_run_times(before, after, rough):
    """Else each task of an old stock log gets slower on the day on which its times become exact."""
    sides = (
        {"a": figures("a", [p50] * 9, margin=margin * SECOND, p50=p50 * SECOND)}
        for p50, margin in (before, after)
    )

    [task] = compared(*sides).tasks

    assert task.rough == rough


def test_the_sentence_says_for_how_many_tasks_nothing_can_be_told():
    said = describe(compared({"a": around(1), "b": [1.0]}, {"a": around(1), "b": [1.0]}).tasks)

    assert said == "No task got slower. 1 task has too few runs to tell."
