"""Cells of an Elasticsearch: how they are packed, merged and chosen."""

import random
import statistics
import zlib
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowtask.store import Query
from slowtask.store.elastic.bins import bin_of
from slowtask.store.elastic.rolled.cell import Cell, add_up
from slowtask.store.elastic.rolled.figures import make_cell, make_figures
from slowtask.store.elastic.rolled.hours import DAY, HOUR, Kept, find_seam, month_of
from slowtask.store.elastic.rolled.sketch import count_bins, list_bins, pack, unpack

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
START = int(BEGIN.timestamp() * 1000)


def cell_of(times, waits=()):
    """The cell of runs with such *times* and *waits*."""
    mean = statistics.fmean(times)
    return Cell(
        runs=len(times),
        timed=len(times),
        total=sum(times),
        spread=sum((time - mean) ** 2 for time in times),
        max=max(times),
        times=count_bins(Counter(map(bin_of, times))),
        waits=count_bins(Counter(map(bin_of, waits))),
    )


def hours(first, last, count=10):
    """So many runs in each hour from *first* to *last*, counted from the beginning of the month."""
    return {START + hour * HOUR: count for hour in range(first, last)}


def limit(**since):
    return BEGIN + timedelta(**since)


@given(st.dictionaries(st.integers(-1, 32_767), st.integers(1, 2**40)))
def test_bins_come_back_as_they_were_packed(bins):
    assert list_bins(unpack(pack(count_bins(bins)))) == bins


@pytest.mark.parametrize("packed", [[1], [1, 1, "AAAA"], [1, 3, ""], ["1", 1, ""], [-2, 1, ""], {"first": 1}])
def test_what_nobody_packed_is_refused(packed):
    with pytest.raises(ValueError, match="not counts by bin"):
        unpack(packed)


def test_a_document_cannot_swell_in_memory():
    bomb = [0, 1, b64encode(zlib.compress(bytes(1 << 22))).decode()]

    with pytest.raises(ValueError, match="too long"):
        unpack(bomb)


def test_merged_cells_have_the_figures_of_all_runs_within_one_percent():
    chance = random.Random(1)
    parts = [[int(1e9 * chance.lognormvariate(level, 1)) for _ in range(300)] for level in range(4)]
    times = sorted(time for part in parts for time in part)

    found = make_figures("t", add_up(cell_of(part, part) for part in parts))

    cuts = statistics.quantiles(times, n=100, method="inclusive")
    assert (found.count, found.total, found.max) == (1200, sum(times), max(times))
    assert found.deviation == pytest.approx(statistics.pstdev(times))
    assert (found.p50, found.p95, found.p99) == pytest.approx((cuts[49], cuts[94], cuts[98]), rel=0.01)
    assert found.wait_p95 == pytest.approx(cuts[94], rel=0.01)


def test_figures_become_a_cell_and_come_back():
    figures = make_figures("t", cell_of([1_000, 2_000, 4_000], [0, 5]))

    assert (
        make_figures("t", make_cell(figures, Counter(map(bin_of, [1_000, 2_000, 4_000])), {-1: 1, 322: 1}))
        == figures
    )


def test_nothing_is_read_from_cells_while_all_runs_are_there():
    kept = Kept(hour=hours(0, 48))

    assert find_seam(kept, hours(0, 72), Query()) is None


def test_hours_whose_runs_are_gone_are_read_from_cells():
    kept = Kept(hour=hours(0, 48))

    seam = find_seam(kept, hours(36, 72), Query())

    assert seam.pieces == (("hour", (START, START + 36 * HOUR)),)
    assert seam.closed == ((0, START + 36 * HOUR),)
    assert (seam.since_moved, seam.until_moved) == (None, None)


def test_an_hour_with_only_late_runs_is_read_from_its_cells():
    kept = Kept(hour=hours(0, 48))

    seam = find_seam(kept, hours(10, 11, count=1) | hours(36, 72), Query())

    assert seam.closed == ((0, START + 36 * HOUR),)


def test_an_hour_that_was_never_rolled_up_is_read_from_its_runs():
    kept = Kept(hour=hours(0, 10) | hours(11, 48))

    seam = find_seam(kept, hours(10, 11, count=1) | hours(36, 72), Query())

    assert seam.closed == ((0, START + 10 * HOUR), (START + 11 * HOUR, START + 36 * HOUR))


def test_whole_days_and_months_are_read_from_few_cells():
    october = START - 31 * DAY
    early = {october + hour * HOUR: 1 for hour in range(31 * 24)}
    kept = Kept(
        hour=early | hours(0, 36), day={START: 240} | {october: 24}, month={october: 31 * 24, START: 240}
    )

    seam = find_seam(kept, {}, Query())

    assert seam.pieces == (
        ("month", (october, START)),
        ("day", (START, START + DAY)),
        ("hour", (START + DAY, START + 36 * HOUR)),
    )


def test_a_day_that_is_older_than_its_hours_is_read_from_these():
    kept = Kept(hour=hours(0, 24), day={START: 239})

    seam = find_seam(kept, {}, Query())

    assert [span for span, _ in seam.pieces] == ["hour"]


def test_a_limit_inside_a_day_is_read_from_hours():
    kept = Kept(hour=hours(0, 48), day={START: 240, START + DAY: 240})

    seam = find_seam(kept, {}, Query(since=limit(hours=5), until=limit(days=2)))

    assert seam.pieces == (
        ("hour", (START + 5 * HOUR, START + DAY)),
        ("day", (START + DAY, START + 2 * DAY)),
    )
    assert (seam.since_moved, seam.until_moved) == (None, None)


def test_a_limit_inside_a_rolled_up_hour_counts_as_its_beginning_and_is_told():
    kept = Kept(hour=hours(0, 48))

    seam = find_seam(kept, {}, Query(since=limit(hours=5, minutes=30), until=limit(hours=7, minutes=30)))

    assert seam.pieces == (("hour", (START + 5 * HOUR, START + 7 * HOUR)),)
    assert seam.closed == ((START + 5 * HOUR, START + 8 * HOUR),)
    assert (seam.since_moved, seam.until_moved) == (limit(hours=5), limit(hours=7))
    assert seam.until == limit(hours=7)


def test_the_other_hours_of_a_slot_are_read_from_cells_too_if_all_their_runs_are_in_them():
    kept = Kept(hour=hours(0, 44))

    seam = find_seam(kept, hours(30, 72), Query(), 6 * HOUR)
    day = find_seam(kept, hours(30, 72), Query(), DAY)

    assert seam.closed == ((0, START + 30 * HOUR),)
    assert day.closed == ((0, START + 44 * HOUR),)


def test_a_month_begins_on_its_first_day_of_utc():
    assert month_of(START + 17 * DAY + 5) == START
