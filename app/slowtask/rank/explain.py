"""RANK: how badly two explanations fit why run times changed: a slowdown, or another mix of kinds.

A slowdown multiplies all run times by one factor: divided by it, those after are distributed as those before.
Another mix leaves each kind of runs as long as it was, and changes how many there are of each. The misfit is
the likelihood ratio G of a table with the two sides as rows and ranges of run times as columns.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul
from typing import Final

from slowtask.rank.kinds import Blend
from slowtask.rank.pairwise import BIN

RANGES: Final = 10  #: of run times, by the quantiles of each side
STEPS: Final = 8  #: to each side of the first guess of a factor
FINER: Final = 3  #: times: how much smaller the next steps are
ROUNDS: Final = 30  #: of improving the shares
MAX_RUNS: Final = 5000  #: as if a side had no more: with millions, no explanation fits exactly
TINY: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfits:
    """How badly both explanations fit: G, which is about as large as a table's columns if one is right."""

    slowdown: float
    mix: float


class Counts:
    """The runs of one side, in the order of their bins."""

    def __init__(self, times: Mapping[int, int]) -> None:
        self._bins = sorted(times)
        self._totals = [0, *accumulate(times[k] for k in self._bins)]
        self.runs = self._totals[-1]
        ranks = (self.runs * part / RANGES for part in range(1, RANGES))
        self.cuts = [self._bins[bisect_right(self._totals, rank) - 1] + 1 for rank in ranks]

    def split(self, edges: Iterable[int]) -> list[int]:
        """How many runs are in each range between *edges*, and beyond the first and the last."""
        below = (self._totals[bisect_left(self._bins, edge)] for edge in edges)
        return [b - a for a, b in pairwise([0, *below, self.runs])]


def compare_explanations(
    sides: tuple[Mapping[int, int], Mapping[int, int]], blend: Blend, guess: float, reach: float
) -> Misfits:
    """How badly a slowdown and another mix explain the difference of *sides*, before and after.

    Args:
        sides: Runs by bin.
        blend: The kinds that both together consist of.
        guess: The logarithm of the factor of a slowdown.
        reach: How far the true one may be from it.
    """
    before, after = map(Counts, sides)
    scale = min(1.0, MAX_RUNS * (before.runs + after.runs) / (2 * before.runs * after.runs))
    return Misfits(
        slowdown=scale * fit_slowdown(before, after, round(guess / BIN), max(STEPS, round(reach / BIN))),
        mix=scale * fit_mix(before, after, blend),
    )


def fit_slowdown(before: Counts, after: Counts, guess: int, reach: int) -> float:
    """The misfit of the best factor; *guess* and *reach* are in bins."""
    step = max(1, reach // STEPS)
    best = min(
        (misfit_of_factor(before, after, guess + step * i), guess + step * i)
        for i in range(-STEPS, STEPS + 1)
    )
    while step > 1:
        step = max(1, step // FINER)
        tries = [best[1] + step * i for i in range(1 - FINER, FINER)]
        best = min((misfit_of_factor(before, after, each), each) for each in tries)
    return best[0]


def misfit_of_factor(before: Counts, after: Counts, factor: int) -> float:
    """The misfit of a slowdown by *factor*, in bins."""
    edges = sorted({*after.cuts, *(cut + factor for cut in before.cuts)})
    rows = before.split(edge - factor for edge in edges), after.split(edges)
    runs = before.runs + after.runs
    return sum(
        misfit(row, [(b + a) * side.runs / runs for b, a in zip(*rows, strict=True)])
        for row, side in zip(rows, (before, after), strict=True)
    )


def fit_mix(before: Counts, after: Counts, blend: Blend) -> float:
    """The misfit of the best shares of the kinds before and after."""
    grid, cells = blend.grid, len(blend.grid.places)
    cuts = {round((cut * BIN - grid.first) / grid.width) for cut in (*before.cuts, *after.cuts)}
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < cells), cells]
    relative = [
        [each / kind.share for each in row] for row, kind in zip(blend.likely, blend.kinds, strict=True)
    ]
    whole = 0.0
    for side in (grid.before, grid.after):
        expected = expect(side, grid.pooled, relative)
        whole += misfit(add_up(side, edges), add_up(expected, edges))
    return whole


def expect(
    side: Sequence[float], pooled: Sequence[float], relative: Sequence[Sequence[float]]
) -> list[float]:
    """What *side* would be if it differed from the *pooled* runs only in the shares of the kinds."""
    shares = fit_shares(side, relative)
    expected = [
        p * sum(map(mul, shares, row)) for p, row in zip(pooled, zip(*relative, strict=True), strict=True)
    ]
    factor = sum(side) / sum(expected)
    return [factor * each for each in expected]


def fit_shares(counts: Sequence[float], densities: Sequence[Sequence[float]]) -> list[float]:
    """The shares of kinds with these *densities* that explain *counts* best."""
    shares = [1 / len(densities)] * len(densities)
    runs = sum(counts)
    columns = list(zip(*densities, strict=True))
    for _ in range(ROUNDS):
        ratios = [c / max(sum(map(mul, shares, each)), TINY) for c, each in zip(counts, columns, strict=True)]
        shares = [
            share * sum(map(mul, ratios, row)) / runs for share, row in zip(shares, densities, strict=True)
        ]
    return shares


def add_up(cells: Sequence[float], edges: Sequence[int]) -> Iterator[float]:
    """The sums of *cells* between *edges*."""
    return (sum(cells[a:b]) for a, b in pairwise(edges))


def misfit(seen: Iterable[float], expected: Iterable[float]) -> float:
    """Twice the log-likelihood that is lost by *expected*."""
    return 2 * sum(s * math.log(s / max(e, TINY)) for s, e in zip(seen, expected, strict=True) if s)
