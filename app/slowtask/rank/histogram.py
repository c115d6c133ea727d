"""RANK: count run times on a logarithmic scale whose steps people know: 10 ms, 20 ms, 50 ms."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, isqrt, log10
from typing import Final

from slowtask.record.event import SECOND
from slowtask.store.comparison import WIDTH

MIN_BARS: Final = 8  #: of many runs; with fewer bars, the steps are smaller
MAX_BARS: Final = 18  #: with more, they are larger
#: The steps within a factor of ten, the largest steps first.
STEPS: Final[Sequence[Sequence[float]]] = (
    (1,),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2),
    (
        1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3,
        3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The runs that took from *low* to below *high* seconds."""

    low: float
    high: float
    count: int


def make_histogram(bins: Mapping[int, int]) -> list[Bar]:
    """Make the bars of the run times in *bins*, from the shortest to the longest, without gaps.

    Run times of 0 are a bar of their own. A time may be in the neighbouring bar if it is within 0.5 % of it.
    """
    zero = [Bar(low=0.0, high=0.0, count=bins[-1])] if bins.get(-1) else []
    times = {WIDTH ** (place + 0.5) / SECOND: count for place, count in bins.items() if place >= 0}
    return zero + _bars(times) if times else zero


def _bars(times: Mapping[float, int]) -> list[Bar]:
    """The bars of *times*, all above 0."""
    edges = _choose_edges(min(times), max(times), 1 + isqrt(sum(times.values())))
    counts = [0] * (len(edges) - 1)
    for time, count in times.items():
        counts[bisect_right(edges, time) - 1] += count
    return [
        Bar(low=low, high=high, count=count)
        for (low, high), count in zip(pairwise(edges), counts, strict=True)
    ]


def _choose_edges(low: float, high: float, wanted: int) -> list[float]:
    """The edges from at most *low* to above *high*, with the largest steps that give *wanted* bars."""
    edges: list[float] = []
    for steps in STEPS:
        finer = _edges(low, high, steps)
        if edges and len(finer) - 1 > MAX_BARS:
            return edges
        edges = finer
        if len(edges) > min(wanted, MIN_BARS):
            return edges
    return edges


def _edges(low: float, high: float, steps: Sequence[float]) -> list[float]:
    """The edges from the last at most *low* to the first above *high*."""
    decades = range(floor(log10(low)) - 1, floor(log10(high)) + 2)
    every = [float(f"{step:g}e{decade}") for decade in decades for step in steps]
    return every[bisect_right(every, low) - 1 : bisect_right(every, high) + 1]
