"""RANK: tests that add up a score of each run, and the estimate of a slowdown that belongs to them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

from slowtask.rank.kinds import Grid, find_blend
from slowtask.rank.pairwise import BIN

STEPS: Final = 4  #: towards an estimate
MAX_MOVED: Final = 1000  #: bins: an estimate of a hundredfold slowdown is beyond this method
TINY: Final = 1e-300
NOTHING: Final = 1e-6  #: of the scores' squares, which rounding may leave
CLOSE: Final = 0.2  #: of its standard error: a step that is shorter is the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """The result of a test of scores."""

    z: float  #: in standard deviations; positive if runs take longer after
    error: float  #: the standard error of the logarithm of the ratio

    @property
    def shift(self) -> float:
        """The logarithm of the ratio, about."""
        return self.z * self.error


def test_scores(scores: Sequence[float], grid: Grid) -> Test:
    """Compare the sum of the *scores* after with that of as many runs drawn from both sides."""
    pooled, runs = grid.pooled, sum(grid.pooled)
    mean = sum(s * c for s, c in zip(scores, pooled, strict=True)) / runs
    squares = sum((s - mean) ** 2 * c for s, c in zip(scores, pooled, strict=True))
    above = sum((s - mean) * c for s, c in zip(scores, grid.after, strict=True))
    share = sum(grid.before) * sum(grid.after) / runs
    if not squares:
        return Test(z=0.0, error=BIN)
    return Test(z=above / math.sqrt(share * squares / (runs - 1)), error=math.sqrt(runs / squares / share))


def project_out(
    scores: Sequence[float], rows: Sequence[Sequence[float]], weights: Sequence[float]
) -> Sequence[float]:
    """What is left of *scores* that no sum of *rows* can give: the change of the mix leaves it as it is."""
    basis: list[Sequence[float]] = []
    for row in (*rows, scores):
        rest = row
        for each in basis:
            factor = multiply(rest, each, weights) / max(multiply(each, each, weights), TINY)
            rest = [r - factor * e for r, e in zip(rest, each, strict=True)]
        basis.append(rest)
    left = multiply(basis[-1], basis[-1], weights) > NOTHING * multiply(scores, scores, weights)
    return basis[-1] if left else [0.0] * len(scores)


def multiply(one: Sequence[float], other: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted sum of the products of *one* and *other*."""
    total: float = sum(map(mul, weights, map(mul, one, other)))
    return total


def estimate_shift(
    before: Mapping[int, int], after: Mapping[int, int], test: Test, kinds: int
) -> tuple[float, float] | None:
    """The logarithm of the ratio, and its standard error, from a first *test*; None if it doesn't settle.

    The runs before are moved by the shift until the test finds none that is left. They have so many *kinds*.
    """
    moved = 0
    for _ in range(STEPS):
        if abs(test.shift) < CLOSE * test.error:
            return moved * BIN + test.shift, test.error
        moved += round(test.shift / BIN)
        if abs(moved) > MAX_MOVED:
            break
        blend = find_blend({k + moved: count for k, count in before.items()}, after, kinds)
        test = test_scores(blend.scores, blend.grid)
    return None
