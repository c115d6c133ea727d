"""RANK: what a change costs in worker time, for one task and for all, and whether a rate of failures rose."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CHANCE: Final = 0.001  #: that a rate is said to have risen and hasn't
TINY: Final = 1e-12
TWO_SIDED: Final = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The runs of one task on one side."""

    runs: int
    total: float  #: of their run times, in any unit

    @property
    def mean(self) -> float:
        """The mean run time; 0 without runs."""
        return self.total / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How the worker time changed, in three parts that add up to the whole change."""

    runs: float  #: more or fewer runs
    mix: float  #: other tasks, or more of one task and less of another
    times: float  #: slower or faster runs

    @property
    def whole(self) -> float:
        """The whole change."""
        return self.runs + self.mix + self.times


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Two rates, such as those of failures, and their ratio."""

    before: float | None  #: None without runs
    after: float | None
    ratio: float | None  #: of after to before; None if either is unknown, or the one before is 0
    low: float | None  #: the 95 % interval of the ratio; None where it has no end
    high: float | None
    rose: bool  #: for certain


def cost(before: Work, after: Work, scale: float = 1.0) -> float:
    """What the change of one task's run times costs in worker time, in the window after.

    This is runs after * (mean after - mean before). A new task costs its total. A vanished one saves its
    total, times *scale*: how many times as long the window after is.
    """
    if not after.runs:
        return -before.total * scale
    return after.total - after.runs * before.mean


def split_change(pairs: Iterable[tuple[Work, Work]], scale: float = 1.0) -> Split:
    """Split the change of the worker time of all tasks into three parts.

    Before, there were N runs, times *scale*: how many times as long the window after is. After, there are M.
    Of these, a task had n before, which took t on average, and m after, which took u. The parts are sums
    over all tasks:

    - runs: (M / N - 1) * n * t, as if each task had kept its share of the runs;
    - mix: (m - n * M / N) * t; a new task has no t, and counts with u;
    - times: m * (u - t), of tasks that ran on both sides.
    """
    pairs = [(Work(runs=b.runs, total=b.total), a) for b, a in pairs]
    total = sum(b.total for b, _ in pairs) * scale
    runs, later = sum(b.runs for b, _ in pairs) * scale, sum(a.runs for _, a in pairs)
    growth = (later - runs) * total / runs if runs else 0.0
    times = sum(cost(b, a) for b, a in pairs if b.runs and a.runs)
    whole = sum(a.total for _, a in pairs) - total
    return Split(runs=growth, mix=whole - growth - times, times=times)


def compare_rates(failures_before: int, runs_before: int, failures_after: int, runs_after: int) -> Rates:
    """Compare how often runs failed, or were killed.

    The interval is Katz's, of the logarithms, with half a run and half a failure added to each side: it also
    holds where none failed. The rate rose if Fisher's exact test gives less than 0.1 %.
    """
    before = failures_before / runs_before if runs_before else None
    after = failures_after / runs_after if runs_after else None
    if before is None or after is None:
        return Rates(before=before, after=after, ratio=None, low=None, high=None, rose=False)
    low, high = interval_of_ratio(failures_before, runs_before, failures_after, runs_after)
    return Rates(
        before=before,
        after=after,
        ratio=after / before if before else None,
        low=low if failures_after else 0.0,
        high=high if failures_before else None,
        rose=chance_of_more(failures_before, runs_before, failures_after, runs_after) < CHANCE,
    )


def interval_of_ratio(failed: int, runs: int, failed_after: int, runs_after: int) -> tuple[float, float]:
    """The 95 % interval of the ratio of two rates."""
    middle = math.log((failed_after + 0.5) / (runs_after + 0.5)) - math.log((failed + 0.5) / (runs + 0.5))
    variance = 1 / (failed + 0.5) - 1 / (runs + 0.5) + 1 / (failed_after + 0.5) - 1 / (runs_after + 0.5)
    reach = TWO_SIDED * math.sqrt(max(variance, 0.0))
    return math.exp(middle - reach), math.exp(middle + reach)


def chance_of_more(failed: int, runs: int, failed_after: int, runs_after: int) -> float:
    """How likely so many failures after, or more, are if the rate is the same: Fisher's exact test."""
    failures, whole = failed + failed_after, runs + runs_after
    if failed_after * whole <= failures * runs_after:
        return 1.0
    chance = term = math.exp(
        log_choices(runs_after, failed_after) + log_choices(runs, failed) - log_choices(whole, failures)
    )
    for more in range(1, min(failed, runs_after - failed_after) + 1):
        left, right = failed - more + 1, failed_after + more
        term *= left * (runs_after - right + 1) / (right * (runs - left + 1))
        chance += term
        if term < TINY * chance:
            break
    return chance


def log_choices(size: int, chosen: int) -> float:
    """The logarithm of the number of ways to choose so many of *size*."""
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)
