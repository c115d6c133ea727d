"""RANK: judge whether a task's runs take longer than they did, by the run times of both sides.

All is done on logarithms, where a slowdown adds the same to each run. It is a linear rank test: each run has
a score, how much its time speaks for a slowdown. The sum of the scores after is compared with that of as many
runs drawn from both sides. The scores come from both sides together, so the test keeps its level whatever
they are. They are the best ones for the way the run times are distributed: nearly normal, with a long tail,
or of several kinds. Where small and large jobs are well apart, a larger share of large ones hardly changes
the sum.

What passes is compared with the other explanation, another mix of kinds. bench/bench_diff_power.py shows how
often the judgement is right.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Final, Literal

from slowtask.rank.explain import compare_explanations
from slowtask.rank.kinds import Blend, Grid, find_blend
from slowtask.rank.pairwise import BIN, TWO_SIDED, Pairs, compare_pairs
from slowtask.rank.scores import Test, estimate_shift, project_out, test_scores

Change = Literal["slower", "faster", "mix", "tail", "same", "unknown"]

SLOWDOWN: Final = math.log(1.3)  #: that is to be found
MIN_Z: Final = 2.45  #: the least threshold, in standard deviations: 0.7 % of unchanged tasks pass it
MAX_Z: Final = 3.5  #: the threshold where run times vary little, or runs are many: 0.02 %
SPARE: Final = 2.6  #: standard deviations by which a slowdown by `SLOWDOWN` clears the threshold: 99.5 % do
RANK_Z: Final = 4.0  #: for Mann and Whitney's test alone, which takes another mix for a slowdown
MIXED_Z: Final = 3.5  #: for another mix, and for a slowdown beside it
MAX_SHIFT: Final = math.log(3)  #: that can be told from another mix
MIN_MOVED: Final = 0.05  #: of the runs that are of another kind: less is no other mix
NARROWER: Final = 0.8  #: times the interval of all pairs: then the test's own is used
FEW: Final = 30  #: runs, below which both tests must agree
FLOOR: Final = math.log(1.05)  #: a smaller change is none that matters, however certain
MISFIT: Final = 18.0  #: about what a right explanation has: a slowdown that fits no worse is believed
BETTER: Final = 4.0  #: for each share that can change: by how much another mix must fit better
TAILS: Final = (0.05, 0.01)  #: of the runs, the longest
TAIL_Z: Final = 3.5
TAIL_FLOOR: Final = math.log(1.2)  #: that these quantiles must have moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a task's run times."""

    ratio: float | None  #: how many times as long a typical run takes; None if a side has no runs
    low: float | None  #: the 95 % interval of the ratio; None if a side has too few runs
    high: float | None
    change: Change

    @property
    def slower(self) -> bool:
        """Whether its runs take longer, for certain."""
        return self.change == "slower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What changed, and the test that says so."""

    change: Change
    test: Test
    kinds: int  #: of runs
    mixed: bool = False  #: the mix of kinds changed too, and the test is one that this doesn't disturb


def judge_times(before: Mapping[int, int], after: Mapping[int, int]) -> Judgement:
    """Judge how the run times of a task changed.

    Args:
        before: Runs by bin: bin k holds run times t (ns) with floor(ln(t) / ln(1.005)) == k.
        after: The same for the other side.

    Returns:
        `slower` or `faster`: all its runs changed, for certain and by 5 % or more.
        `mix`: it has more of one kind of runs, and less of another. `tail`: more of its runs are very long.
        `same`: a change by 1.3 would show. `unknown`: it wouldn't, for there are too few runs.
    """
    before, after = drop_empty(before), drop_empty(after)
    if not before or not after:
        return Judgement(ratio=None, low=None, high=None, change="unknown")
    pairs = compare_pairs(before, after)
    if pairs.low is None or pairs.high is None:
        return Judgement(ratio=pairs.ratio, low=None, high=None, change="unknown")
    finding = find_change(before, after, pairs)
    low, ratio, high = find_ratio(before, after, finding, pairs)
    return Judgement(ratio=ratio, low=low, high=high, change=finding.change)


def drop_empty(times: Mapping[int, int]) -> dict[int, int]:
    """*times* without bins that hold no run."""
    return {k: count for k, count in times.items() if count}


def find_change(before: Mapping[int, int], after: Mapping[int, int], pairs: Pairs) -> Finding:
    """What changed between two sides with enough runs."""
    blend = find_blend(before, after)
    test = test_scores(blend.scores, blend.grid)
    shift = find_shift(test, pairs, few=min(sum(before.values()), sum(after.values())) < FEW)
    moved = find_moved_share(blend)
    mixed = (shift != 0 or moved > 0) and len(blend.kinds) > 1 and is_mix((before, after), blend, pairs)
    if mixed:
        test = test_scores(project_out(blend.scores, blend.likely, blend.grid.pooled), blend.grid)
        sees = test.error < SLOWDOWN and abs(test.shift) < MAX_SHIFT
        shift = test.shift if sees and abs(test.z) >= MIXED_Z else 0.0
    change = name_change(shift, mixed=mixed and (moved >= MIN_MOVED or abs(math.log(pairs.ratio)) >= FLOOR))
    if change is None and has_longer_tail(before, after, blend.grid):
        change = "tail"
    narrow: Change = "same" if is_narrow(test, pairs) else "unknown"
    return Finding(change=change or narrow, test=test, kinds=len(blend.kinds), mixed=mixed)


def name_change(shift: float, *, mixed: bool) -> Change | None:
    """What a certain *shift* of the logarithms and another mix are called; None if there is neither."""
    if abs(shift) >= FLOOR:
        return "slower" if shift > 0 else "faster"
    return "mix" if mixed else None


def find_ratio(
    before: Mapping[int, int], after: Mapping[int, int], finding: Finding, pairs: Pairs
) -> tuple[float | None, float, float | None]:
    """The ratio between the ends of its interval: of all pairs, or by the test if it is more precise."""
    middle = (pairs.low, pairs.ratio, pairs.high)
    if finding.change not in {"slower", "faster"} or pairs.low is None or pairs.high is None:
        return middle
    if finding.mixed:
        return spread(finding.test.shift, finding.test.error)
    if finding.test.error >= NARROWER * math.log(pairs.high / pairs.low) / 2 / TWO_SIDED:
        return middle
    found = estimate_shift(before, after, finding.test, finding.kinds)
    return spread(*found) if found and pairs.low <= math.exp(found[0]) <= pairs.high else middle


def spread(shift: float, error: float) -> tuple[float, float, float]:
    """The ratio of a *shift* of the logarithms between the ends of its 95 % interval."""
    return math.exp(shift - TWO_SIDED * error), math.exp(shift), math.exp(shift + TWO_SIDED * error)


def find_shift(test: Test, pairs: Pairs, *, few: bool) -> float:
    """The logarithm of the ratio if it is certain that it isn't 1, else 0.

    The threshold is as high as it can be if a slowdown by 1.3 is still to be found.
    """
    threshold = min(max(SLOWDOWN / test.error - SPARE, MIN_Z), MAX_Z)
    rank_shift = math.log(pairs.ratio)
    z = min(test.z, pairs.z, key=abs) if few else test.z
    if abs(z) >= threshold:
        return max(test.shift, rank_shift) if z > 0 else min(test.shift, rank_shift)
    return rank_shift if abs(pairs.z) >= RANK_Z else 0.0


def find_moved_share(blend: Blend) -> float:
    """By how much the share of a kind changed for certain; 0 if that of none did."""
    grid, moved = blend.grid, 0.0
    for row in blend.likely:
        if abs(test_scores(row, grid).z) >= MIXED_Z:
            before, after = (sum(map(mul, row, side)) / sum(side) for side in (grid.before, grid.after))
            moved = max(moved, abs(after - before))
    return moved


def is_mix(sides: tuple[Mapping[int, int], Mapping[int, int]], blend: Blend, pairs: Pairs) -> bool:
    """Whether a slowdown explains the difference badly, and another mix of kinds does so clearly better."""
    reach = math.log((pairs.high or pairs.ratio) / (pairs.low or pairs.ratio))
    misfits = compare_explanations(sides, blend, math.log(pairs.ratio), reach)
    return misfits.slowdown > MISFIT and misfits.slowdown - misfits.mix > BETTER * (len(blend.kinds) - 1)


def has_longer_tail(before: Mapping[int, int], after: Mapping[int, int], grid: Grid) -> bool:
    """Whether, for certain, more of the runs after are very long, and clearly longer than those before."""
    return any(
        test_scores(mark_longest(grid, tail), grid).z >= TAIL_Z
        and BIN * (find_quantile(after, 1 - tail) - find_quantile(before, 1 - tail)) >= TAIL_FLOOR
        for tail in TAILS
    )


def mark_longest(grid: Grid, share: float) -> Sequence[float]:
    """The part of each cell that belongs to the longest *share* of all runs."""
    left, parts = share * sum(grid.pooled), []
    for count in reversed(grid.pooled):
        parts.append(min(1.0, max(left, 0.0) / count) if count else 0.0)
        left -= count
    return parts[::-1]


def find_quantile(times: Mapping[int, int], share: float) -> int:
    """The bin that the run with a *share* of the others below it is in."""
    bins = sorted(times)
    totals = list(accumulate(times[k] for k in bins))
    return bins[bisect_left(totals, share * totals[-1])]


def is_narrow(test: Test, pairs: Pairs) -> bool:
    """Whether a change by 1.3 either way is ruled out, by the better of both tests."""
    edges = [math.log(pairs.low or math.inf), math.log(pairs.high or math.inf)]
    own = [test.shift - TWO_SIDED * test.error, test.shift + TWO_SIDED * test.error]
    return any(low > -SLOWDOWN and high < SLOWDOWN for low, high in (edges, own))
