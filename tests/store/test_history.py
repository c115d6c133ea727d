import random
from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import BEGIN, made, written
from slowtask.cli.show.report import moments
from slowtask.cli.show.report.scale import decades, even
from slowtask.cli.show.report.series import Slots, Value, lines, stacks
from slowtask.errors import SourceError
from slowtask.parse.sources import resolve
from slowtask.store import Query
from slowtask.store.files import Files
from slowtask.store.history import MAX_SLOTS, MIN_SLOTS, choose_slot_width
from slowtask.store.slots import WEEK

MINUTE = 60_000_000
DAY = 1440 * MINUTE


def history(path, *tasks, query=None):
    return Files(resolve([str(path)])).history(query or Query(), lambda _: tasks)


def exact(values):
    """The smallest of *values* that 95 % don't exceed."""
    ordered = sorted(values)
    return ordered[-(-95 * len(ordered) // 100) - 1]


@pytest.fixture(scope="module")
def runs():
    """Two thousand runs of three tasks in two queues, over an hour."""
    chance = random.Random(7)
    return [
        made(
            chance.choice(("a", "b", "c")), chance.lognormvariate(0, 2), 1.8 * number,
            wait=int(1e9 * chance.expovariate(0.1)), queue=chance.choice(("x", "y")), id=f"{number:032x}",
        )
        for number in range(2000)
    ]  # fmt: skip


def slots(runs, wide, key):
    """*runs* by the slot in which they ended, and by *key*."""
    found = defaultdict(list)
    for run in runs:
        end = int(run.timestamp.timestamp() * 1e6)
        found[end // wide * wide, key(run)].append(run)
    return found


def test_each_slot_of_a_task_has_its_count_total_and_percentile(runs, tmp_path):
    """The percentile within 2 %, all others exactly."""
    found = history(written(tmp_path / "runs.ndjson", runs), "a", "b")
    wanted = slots(runs, found.width, lambda run: run.task if run.task != "c" else None)

    assert {(each.at, each.task) for each in found.tasks} == set(wanted)
    for each in found.tasks:
        durations = [run.duration for run in wanted[each.at, each.task]]
        assert (each.count, each.total) == (len(durations), sum(durations))
        assert each.p95 == pytest.approx(exact(durations), rel=0.021)


def test_each_slot_of_a_queue_has_the_percentile_of_its_waits(runs, tmp_path):
    found = history(written(tmp_path / "runs.ndjson", runs))
    wanted = slots(runs, found.width, lambda run: run.queue)

    assert {(each.at, each.queue) for each in found.queues} == set(wanted)
    for each in found.queues:
        waits = [run.wait for run in wanted[each.at, each.queue]]
        assert each.wait == pytest.approx(exact(waits), rel=0.021)
    assert found.wait == pytest.approx(exact([run.wait for run in runs]), rel=0.021)


def test_failures_are_counted_by_exception_the_most_frequent_first(tmp_path):
    failed = {"outcome": "failure", "error": "ValueError"}
    runs = [made("a", 1, each, **failed) for each in range(3)] + [made("b", 1, 9, **failed), made("b", 1, 10)]
    runs += [made("c", 1, 11, outcome="failure")]
    found = history(written(tmp_path / "runs.ndjson", runs)).failures

    assert [(each.error, each.count, each.task, each.tasks) for each in found] == [
        ("ValueError", 4, "a", 2),
        (None, 1, "c", 1),
    ]


def test_a_task_among_the_first_with_no_run_in_a_slot_has_none_there(tmp_path):
    found = history(written(tmp_path / "runs.ndjson", [made("a", 1, 0), made("b", 1, 3600)]), "a", "b")

    assert [(each.task, each.count) for each in found.tasks] == [("a", 1), ("b", 1)]


def test_logs_without_a_run_have_no_history(tmp_path):
    with pytest.raises(SourceError, match="nothing to show"):
        history(written(tmp_path / "runs.ndjson", []))


@given(st.integers(0, 4 * 10**15), st.integers(0, 10**16), st.integers(1, 10**9))
def test_slots_are_never_many(first, span, runs):
    wide = choose_slot_width(first, first + span, runs)

    assert (first + span) // wide - first // wide < MAX_SLOTS
    assert DAY % wide == 0 or wide in (2 * DAY, 3 * DAY) or wide % WEEK == 0


def test_few_runs_have_few_slots():
    assert choose_slot_width(0, DAY - 1, 10**6) == 15 * MINUTE
    assert DAY / choose_slot_width(0, DAY - 1, 100) <= MIN_SLOTS


@pytest.mark.parametrize(
    ("wide", "words", "slot"),
    [
        (10_000_000, "10 seconds", "6 Nov 2026 09:00:00 \N{EN DASH} 09:00:10"),
        (5 * MINUTE, "5 minutes", "6 Nov 2026 09:00 \N{EN DASH} 09:05"),
        (60 * MINUTE, "hour", "6 Nov 2026 09:00 \N{EN DASH} 10:00"),
        (DAY, "day", "6 Nov 2026"),
        (2 * WEEK, "2 weeks", "6 Nov 2026 \N{EN DASH} 19 Nov 2026"),
    ],
)
def test_slots_in_words(wide, words, slot):
    at = int(BEGIN.timestamp() * 1e6)

    assert moments.width(wide) == words
    assert moments.slot(at, wide) == slot


def test_the_span_has_its_year_and_a_day_only_once():
    first, last = (int((BEGIN + timedelta(hours=each)).timestamp() * 1e6) for each in (0, 8))

    assert moments.period(first, last) == "6 Nov 2026 09:00 \N{EN DASH} 17:00 UTC"
    assert moments.period(first, last + DAY) == "6 Nov 2026 09:00 \N{EN DASH} 7 Nov 2026 17:00 UTC"


@given(st.floats(1e-6, 1e8))
def test_an_even_axis_has_a_few_ticks_and_goes_past_the_highest(highest):
    ticks = even(highest)

    assert ticks[0] == 0
    assert ticks[-2] <= highest <= ticks[-1] * (1 + 1e-9)
    assert 2 <= len(ticks) <= 7


@given(st.floats(1e-6, 1e7), st.floats(1, 1e6))
def test_a_logarithmic_axis_holds_all_and_has_two_ticks_at_least(low, factor):
    ticks, (bottom, top) = decades(low, low * factor)

    assert bottom <= low <= low * factor <= top
    assert len(ticks) >= 2
    assert all(bottom <= each <= top for each in ticks)


def values(*slots_of_a):
    return [Value(at=each * MINUTE, name="a", value=1.0) for each in slots_of_a]


def test_a_line_breaks_where_nothing_ran_and_a_lone_point_is_a_dot():
    found = lines(values(0, 1, 3), Slots(0, 3 * MINUTE, MINUTE), joined=False)

    assert [each["value"] for each in found["points"]] == [1, 1, None, 1, None]
    assert [each["at"] for each in found["alone"]] == [210_000]


def test_a_line_of_samples_goes_on_between_them():
    found = lines(values(0, 1, 30), Slots(0, 30 * MINUTE, MINUTE), joined=True)

    assert [each["value"] for each in found["points"]] == [1, 1, 1, None]
    assert found["alone"] == []


def test_a_stack_is_as_high_as_its_parts_in_the_order_of_the_names():
    parts = [Value(at=0, name=name, value=value) for name, value in ((None, 4.0), ("b", 2.0), ("a", 1.0))]
    found = stacks(parts, ["a", "b", None], Slots(0, 0, MINUTE))["points"]

    assert [(each["name"], each["bottom"], each["top"]) for each in found] == [
        ("a", 0, 1),
        ("b", 1, 3),
        ("all others", 3, 7),
    ]
