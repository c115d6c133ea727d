"""One word tells a task that is always slow from one that is sometimes terrible."""

import pytest

from figures import figures
from slowtask.rank.spread import MIN_RUNS, judge_spread

SECOND = 10**9


def task(times, margin=0):
    """The figures of a task whose runs took *times* seconds."""
    times = sorted(times)
    mean = sum(times) / len(times)
    deviation = (sum((each - mean) ** 2 for each in times) / len(times)) ** 0.5
    percentiles = {
        name: times[round(share * (len(times) - 1))] * SECOND
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return figures(
        "a", sum(times), count=len(times), max=times[-1] * SECOND, deviation=deviation * SECOND,
        margin=margin, **percentiles,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("times", "word"),
    [
        ([60] * 100, "steady"),
        ([50, 60, 70] * 100, "steady"),
        ([1, 2, 4, 8] * 100, "varied"),
        ([0.001, 1] * 100, "varied"),
        ([0.1] * 98 + [60] * 4, "spiky"),
        ([1] * 995 + [600] * 5, "spiky"),
    ],
)
def test_the_word_fits_the_times(times, word):
    assert judge_spread(task(times)) == word


def test_a_few_runs_say_nothing():
    assert judge_spread(task([1] * (MIN_RUNS - 1))) is None
    assert judge_spread(task([1] * MIN_RUNS)) == "steady"


def test_times_that_are_too_rough_say_nothing():
    assert judge_spread(task([1, 2] * 100, margin=SECOND)) is None
    assert judge_spread(task([60] * 100, margin=SECOND)) == "steady"


def test_unknown_times_say_nothing():
    assert judge_spread(figures("a", 0, count=100, timed=0, p50=None, deviation=None)) is None
    assert judge_spread(figures("a", 0, count=100)) is None
