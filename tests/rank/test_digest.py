"""The rows of a ranking: which are shown, what the others add up to, and how many workers were busy."""

import pytest

from figures import figures
from slowtask.rank.digest import FEW_ROWS, MAX_ROWS, add_up, choose_rows, count_busy, describe_busy
from slowtask.rank.ranking import rank
from slowtask.store import BadLines, Measurement


def names(tasks):
    return [task.task for task in tasks]


def many(*totals, **others):
    """Tasks a0, a1, … that took *totals* seconds, and *others*: the figures of more tasks by their names."""
    plain = [figures(f"a{number:02}", total) for number, total in enumerate(totals)]
    return rank([*plain, *(figures(name, **more) for name, more in others.items())])


def test_tasks_with_95_percent_of_the_time_are_shown():
    rows = choose_rows(many(60, 30, 5, *[0.1] * 50), "total")

    assert names(rows.tasks) == ["a00", "a01", "a02"]
    assert len(rows.rest) == 50


def test_no_more_than_twenty_are_shown():
    assert len(choose_rows(many(*[1] * 60), "total").tasks) == MAX_ROWS


def test_a_few_tasks_are_all_shown():
    assert len(choose_rows(many(99, *[0.01] * (FEW_ROWS - 1)), "total").tasks) == FEW_ROWS


def test_no_row_stands_for_a_single_task():
    rows = choose_rows(many(*[1] * (MAX_ROWS + 1)), "total")

    assert (len(rows.tasks), rows.rest) == (MAX_ROWS + 1, ())


def test_by_a_figure_that_does_not_add_up_the_first_twenty_are_shown():
    tasks = rank([figures("a", 1000), *(figures(f"b{each}", 1) for each in range(40))], "max")

    assert len(choose_rows(tasks, "max").tasks) == MAX_ROWS


def test_by_failures_the_tasks_with_95_percent_of_the_failures_are_shown():
    failing = [figures("a", 90, count=90, failures=90), figures("b", 10, count=10, failures=10)]
    tasks = rank([*failing, *(figures(f"c{each}", 0.1) for each in range(40))], "failures")

    assert names(choose_rows(tasks, "failures").tasks) == ["a", "b"]


@pytest.mark.parametrize(
    ("figure", "why"),
    [
        ({"killed": 1}, "killed"),
        ({"count": 20, "failures": 10}, "fails often"),
        ({"max": 200e9}, "longest run"),
        ({"memory": 10**9}, "most memory"),
    ],
)
def test_a_task_that_stands_out_is_shown_below(figure, why):
    tasks = many(100, 100, *[0.1] * 50, odd={"total": 0.01} | figure)
    rows = choose_rows(tasks, "total")

    assert names(rows.tasks) == ["a00", "a01", "odd"]
    assert [(task.task, reason) for task, reason in rows.outliers] == [("odd", why)]


def test_what_stands_out_is_bounded():
    odd = {f"odd{each}": {"total": 0.1, "killed": 1, "max": 1e12 + each} for each in range(40)}

    assert len(choose_rows(many(1000, *[0.1] * 30, **odd), "total").outliers) <= 4


@pytest.mark.parametrize("limit", [1, 2, 30])
def test_a_number_that_is_asked_for_is_kept_exactly(limit):
    rows = choose_rows(many(*[1] * 40, odd={"total": 0.1, "killed": 1}), "total", limit)

    assert (len(rows.tasks), len(rows.rest)) == (limit, 41 - limit)


@pytest.mark.parametrize("limit", [None, 0, 7])
def test_the_rows_and_the_rest_have_all_that_the_tasks_have(limit):
    tasks = rank(
        figures(f"a{each:03}", 1.5**each, count=each + 1, failures=each // 3, killed=each % 2)
        for each in range(138)
    )
    rows = choose_rows(tasks, "total", limit)
    shown, rest, whole = add_up(rows.tasks), add_up(rows.rest), add_up(tasks)

    assert (shown.share or 0) + (rest.share or 0) == pytest.approx(1)
    assert (shown.total or 0) + (rest.total or 0) == pytest.approx(whole.total)
    for name in ("count", "failures", "killed"):
        assert getattr(shown, name) + getattr(rest, name) == getattr(whole, name)


def test_hidden_tasks_count_for_the_95_percent_but_are_no_rows():
    """Otherwise each task that is hidden would bring up others that hardly matter."""
    rows = choose_rows(many(60, 30, 5, *[0.1] * 50), "total", hidden={"a00", "a03"})

    assert names(rows.tasks) == ["a01", "a02"]
    assert len(rows.rest) == 49


def test_what_does_not_add_up_is_unknown():
    rest = add_up(many(1, 2))

    assert (rest.p50, rest.p95, rest.p99, rest.mean, rest.wait_p95, rest.spread) == (None,) * 6
    assert rest.max == 2


def test_the_shares_of_all_tasks_add_up_to_1():
    """Floats that are added up miss it, and 0.9999999999999999 would be shown as 99.9 %."""
    for count in range(2, 100):
        assert add_up(many(*[1.1, 0.7, 0.3][:count], *[0.1] * count)).share == 1


def test_unknown_times_add_up_to_unknown():
    assert add_up(rank([figures("lost", 0, timed=0, max=None)])).total is None


def busy(total, seconds, *, count=100, workers=None, **others):
    """What is said of *count* runs that took *total* seconds and ended within so many *seconds*."""
    measured = figures("a", total, count=count, last=seconds * 1_000_000, **others)
    return describe_busy(Measurement(figures=(measured,), bad=BadLines(), source="1 file", workers=workers))


def test_a_worker_without_a_pause_is_one_busy_worker():
    """Of 100 runs of 1 s, the last ends 99 s after the first."""
    assert count_busy([figures("a", 100, count=100, last=99_000_000)]) == 1.0


@pytest.mark.parametrize(
    ("workers", "text"),
    [(2, "1.9 of 2 workers busy"), (None, "1.9 workers busy"), (1, "1.9 workers busy")],
)
def test_busy_workers_are_told_beside_those_that_were_seen_unless_more_were_busy(workers, text):
    assert busy(190, 98, workers=workers) == text


def test_one_worker_is_no_plural():
    assert busy(50, 99, workers=1) == "0.5 of 1 worker busy"
    assert busy(100, 99) == "1.0 worker busy"


@pytest.mark.parametrize(
    ("total", "seconds", "others"),
    [(1, 9, {}), (1000, 99, {}), (0, 99, {"timed": 0}), (50, 99, {"timed": 50})],
    ids=["a short time", "ten runs after another", "no time is known", "half the times are known"],
)
def test_where_nobody_can_say_nothing_is_said(total, seconds, others):
    assert busy(total, seconds, **others) == ""
