import pytest

from figures import figures
from slowtask.rank.ranking import ORDERS, match_tasks, rank, verdict
from slowtask.units import percent

UNTIMED = {"timed": 0, "max": None, "p50": None, "p95": None, "p99": None}


def test_ten_short_runs_outrank_one_long_one():
    tasks = rank([figures("report", 15), figures("thumb", 20, count=10)])

    assert [task.task for task in tasks] == ["thumb", "report"]


def test_the_longest_run_outranks_many_short_ones_by_max():
    tasks = rank([figures("thumb", 20, count=10), figures("report", 15)], by="max")

    assert [task.task for task in tasks] == ["report", "thumb"]


def test_shares_are_of_all_worker_seconds():
    tasks = rank([figures("a", 30), figures("b", 10)])

    assert [task.share for task in tasks] == [0.75, 0.25]


def test_equals_stand_in_the_order_of_their_names():
    tasks = rank([figures("b", 1), figures("a", 1)])

    assert [task.task for task in tasks] == ["a", "b"]


def test_times_are_told_in_seconds():
    task = rank([figures("a", 12, count=4, p95=2.5e9, wait_p95=1.5e9)])[0]

    assert (task.total, task.mean, task.max, task.p95, task.wait_p95) == (12.0, 3.0, 3.0, 2.5, 1.5)


def test_the_mean_is_of_the_runs_that_have_a_time():
    task = rank([figures("a", 12, count=4, timed=3)])[0]

    assert task.mean == 4.0


def test_a_task_without_times_counts_in_runs_and_failures_only():
    task = rank([figures("lost", 0, count=4, failures=1, **UNTIMED)])[0]

    assert (task.count, task.failure_rate) == (4, 0.25)
    assert [task.share, task.mean, task.max, task.p95] == [None] * 4


def test_the_cpu_of_a_run_is_as_much_of_its_mean_as_of_the_runs_whose_cpu_is_known():
    task = rank([figures("a", 12, count=4, cpu=1e9, cpu_time=4e9)])[0]

    assert task.cpu == pytest.approx(0.75)


@pytest.mark.parametrize("by", ORDERS)
def test_what_is_not_known_ranks_last(by):
    known = figures("known", 1, failures=1, count=3, wait_p95=1.0)
    tasks = rank([figures("lost", 0, **UNTIMED), known], by=by)

    assert tasks[-1].task == "lost"


def test_task_globs_narrow_what_is_shown_but_not_the_shares():
    tasks = match_tasks(rank([figures("shop.a", 30), figures("mail.b", 10)]), ["mail.*", "x"])

    assert [(task.task, task.share) for task in tasks] == [("mail.b", 0.25)]


def test_the_verdict_names_the_task_and_its_share():
    assert verdict(rank([figures("jobs.send_mail", 61), figures("b", 39)])) == (
        "jobs.send_mail used 61 % of the worker time."
    )


def test_the_verdict_by_failures_tells_how_many():
    found = verdict(rank([figures("a", 9, count=9, failures=3), figures("b", 1)], "failures"), "failures")

    assert found.startswith("a failed most often: 3 of 9 runs.")


def test_the_verdict_by_kills_and_by_memory_has_the_figure_in_its_unit():
    killed = rank([figures("a", 9, count=9, killed=2), figures("b", 1)], "killed")
    hungry = rank([figures("a", 9, memory=2_000_000_000), figures("b", 1, memory=1)], "memory")

    assert verdict(killed, "killed").startswith("a was killed most often: 2 of 9 runs.")
    assert verdict(hungry, "memory").startswith("a needed most memory: 2 GB.")


@pytest.mark.parametrize(("value", "name"), [("acme", "tenant acme"), ("", "Work with no tenant")])
def test_the_verdict_says_what_is_ranked_if_it_is_not_tasks(value, name):
    assert verdict(rank([figures(value, 1)]), noun="tenant") == f"{name} used 100 % of the worker time."


@pytest.mark.parametrize("by", ORDERS)
def test_the_verdict_claims_nothing_where_nothing_is_known(by):
    found = verdict(rank([figures("a", 0, **UNTIMED)], by), by)

    assert ("No run" in found) == (by != "count")


def test_the_verdict_shows_a_hostile_name_escaped():
    assert "\\x1b[2J used" in verdict(rank([figures("\x1b[2J", 1)]))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0001, "<0.1 %"),
        (0.0042, "0.4 %"),
        (0.0996, "10 %"),
        (0.61, "61 %"),
        (0.9999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share, text):
    assert percent(share) == text
