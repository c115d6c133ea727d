"""RANK: find the kinds of runs that one task has, such as small and large jobs, by its run times.

Each kind is a normal distribution of the logarithms. Schwarz's criterion says how many there are, up to four.
One kind, one with some very long runs, small and large jobs: all are described well enough by it to tell
which run times speak most for a slowdown.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Final

from slowtask.rank.pairwise import BIN, pool

MAX_KINDS: Final = 4
RUNS_PER_KIND: Final = 100  #: that a task must have for a second, third … kind
CELLS: Final = 80  #: into which all run times are put: the work doesn't grow with the runs
ROUNDS: Final = 40  #: of improving the kinds
ENOUGH: Final = 0.02  #: in log-likelihood: a round that improves less is the last
MIN_SPREAD: Final = 0.05  #: of a kind
ONE_KIND: Final = 0.25  #: run times with a smaller standard deviation than this factor are all of one kind
OUTER: Final = 0.01  #: of the runs at each end may lie beyond the cells
TINY: Final = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cells of equal width, and how many runs each holds before and after."""

    places: Sequence[float]  #: their middles: logarithms, from the middle of the grid
    first: float  #: where the first begins: a logarithm of ns
    width: float
    before: Sequence[float]
    after: Sequence[float]
    pooled: Sequence[float]  #: of both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of runs. Its logarithms are normally distributed."""

    share: float
    mean: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """The runs of two sides, and the kinds that both together consist of."""

    grid: Grid
    kinds: Sequence[Kind]
    likely: Sequence[Sequence[float]]  #: by kind and cell: how likely a run is of that kind
    scores: Sequence[float]  #: by cell: how much a run speaks for a slowdown


def find_blend(before: Mapping[int, int], after: Mapping[int, int], number: int | None = None) -> Blend:
    """Find the kinds of which *before* and *after*, runs by bin, together consist: as many as *number*."""
    grid = make_grid(before, after)
    kinds = find_kinds(grid) if number is None else fit_kinds(grid, number)[0]
    weights, whole = weigh(grid.places, kinds)
    likely = [[w / each for w, each in zip(weight, whole, strict=True)] for weight in weights]
    scores = [0.0] * len(grid.places)
    for row, kind in zip(likely, kinds, strict=True):
        slope = 1 / kind.spread**2
        scores = [
            score + chance * (place - kind.mean) * slope
            for score, chance, place in zip(scores, row, grid.places, strict=True)
        ]
    return Blend(grid=grid, kinds=kinds, likely=likely, scores=scores)


def make_grid(before: Mapping[int, int], after: Mapping[int, int]) -> Grid:
    """Put the runs of both sides into at most `CELLS` cells; those far out into the outermost."""
    low, high = find_range(pool(before, after))
    step = math.ceil((high - low + 1) / CELLS)
    cells = (high - low) // step + 1
    earlier, later = [0.0] * cells, [0.0] * cells
    for side, counts in ((before, earlier), (after, later)):
        for k, count in side.items():
            counts[(min(max(k, low), high) - low) // step] += count
    return Grid(
        places=[BIN * step * (cell + 0.5 - cells / 2) for cell in range(cells)],
        first=BIN * low,
        width=BIN * step,
        before=earlier,
        after=later,
        pooled=[b + a for b, a in zip(earlier, later, strict=True)],
    )


def find_range(counts: Mapping[int, int]) -> tuple[int, int]:
    """The first and the last bin worth a cell: not far beyond those that hold all but 2 % of the runs."""
    bins = sorted(counts)
    totals = list(accumulate(counts[k] for k in bins))
    first = next(k for k, total in zip(bins, totals, strict=True) if total >= OUTER * totals[-1])
    last = next(k for k, total in zip(bins, totals, strict=True) if total >= (1 - OUTER) * totals[-1])
    room = (last - first) // 3
    return max(bins[0], first - room), min(bins[-1], last + room)


def find_kinds(grid: Grid) -> Sequence[Kind]:
    """The kinds that describe the runs of both sides best, for their number."""
    runs = sum(grid.pooled)
    best, likelihood = fit_kinds(grid, 1)
    least = 2 * math.log(runs) - 2 * likelihood
    most = 1 if best[0].spread < ONE_KIND else min(MAX_KINDS, 1 + int(runs / RUNS_PER_KIND))
    for number in range(2, most + 1):
        kinds, likelihood = fit_kinds(grid, number)
        cost = (3 * number - 1) * math.log(runs) - 2 * likelihood
        if cost >= least:
            break
        best, least = kinds, cost
    return best


def fit_kinds(grid: Grid, number: int) -> tuple[Sequence[Kind], float]:
    """Fit *number* kinds by expectation and maximisation; also the log-likelihood."""
    counts, before = grid.pooled, -math.inf
    parts = split_cells(grid.places, counts, number)
    kinds = [describe(grid, [c * (a <= n < b) for n, c in enumerate(counts)]) for a, b in parts]
    for _ in range(ROUNDS):
        weights, whole = weigh(grid.places, kinds)
        likelihood = sum(map(mul, counts, map(math.log, whole)))
        if number == 1 or likelihood - before < ENOUGH:
            break
        before = likelihood
        ratios = [c / each for c, each in zip(counts, whole, strict=True)]
        kinds = [describe(grid, list(map(mul, ratios, weight))) for weight in weights]
    return kinds, likelihood


def describe(grid: Grid, counts: Sequence[float]) -> Kind:
    """The kind that has these *counts* of the runs in the grid."""
    size = max(sum(counts), TINY)
    moments = list(map(mul, grid.places, counts))
    mean = sum(moments) / size
    variance = sum(map(mul, grid.places, moments)) / size - mean**2
    least = max(MIN_SPREAD, grid.width / 2) ** 2
    return Kind(share=size / sum(grid.pooled), mean=mean, spread=math.sqrt(max(variance, least)))


def weigh(places: Sequence[float], kinds: Sequence[Kind]) -> tuple[list[list[float]], list[float]]:
    """The density of each kind, times its share, at each place; and of all together."""
    weights = []
    for kind in kinds:
        factor, scale = kind.share / kind.spread, -0.5 / kind.spread**2
        weights.append([factor * math.exp(scale * (p - kind.mean) ** 2) for p in places])
    return weights, [max(sum(each), TINY) for each in zip(*weights, strict=True)]


def split_cells(places: Sequence[float], counts: Sequence[float], number: int) -> list[tuple[int, int]]:
    """Cut the cells into *number* parts, each time where the variance within the parts becomes least."""
    parts = [(0, len(places))]
    while len(parts) < number:
        cuts = [(*best_cut(places, counts, part), part) for part in parts]
        _, cut, part = max(cuts)
        parts.remove(part)
        parts += [(part[0], cut), (cut, part[1])]
    return sorted(parts)


def best_cut(places: Sequence[float], counts: Sequence[float], part: tuple[int, int]) -> tuple[float, int]:
    """By how much the best cut of a *part* lowers its squared deviations, and where it is."""
    first, end = part
    size, total = (
        sum(counts[first:end]),
        sum(p * c for p, c in zip(places[first:end], counts[first:end], strict=True)),
    )
    best, cut, below, sum_below = -1.0, first, 0.0, 0.0
    for cell in range(first, end - 1):
        below += counts[cell]
        sum_below += places[cell] * counts[cell]
        if 0 < below < size:
            gain = (sum_below - total * below / size) ** 2 * size / (below * (size - below))
            best, cut = max((best, cut), (gain, cell + 1))
    return best, cut
