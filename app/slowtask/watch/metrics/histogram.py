"""WATCH: a histogram of seconds, in fixed buckets and in the exponential ones of native histograms.

A native bucket *i* of schema *s* holds what is over 2**((i - 1) / 2**s) and at most 2**(i / 2**s).
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

#: The upper bounds of the fixed buckets: from a quick job to one of an hour.
BOUNDS: Final = (
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0
)  # fmt: skip
SCHEMA: Final = 3  #: each native bucket is 9 % wider than the one before
MIN_SCHEMA: Final = -4  #: the coarsest that Prometheus knows
ZERO_THRESHOLD: Final = 2.0**-10  #: seconds up to which a value counts as 0
MAX_BUCKETS: Final = 160  #: native ones; over that, neighbours are merged


class Native(NamedTuple):
    """The native buckets, as they are sent."""

    schema: int
    zero_count: int
    spans: Sequence[tuple[int, int]]  #: buckets to leave out before it, and how many follow each other
    deltas: Sequence[int]  #: how each count differs from the one before


class Reading(NamedTuple):
    """What a histogram has at one moment."""

    total: float  #: seconds
    buckets: Sequence[tuple[float, int]]  #: how many are at most as long as each bound; the last is infinite
    native: Native


class Histogram:
    """Counts seconds."""

    def __init__(self) -> None:
        self.total = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)
        self._schema = SCHEMA
        self._zeros = 0
        self._natives: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count *seconds*."""
        self.total += seconds
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        if seconds <= ZERO_THRESHOLD:
            self._zeros += 1
            return
        self._natives[math.ceil(math.ldexp(math.log2(seconds), self._schema))] += 1
        while len(self._natives) > MAX_BUCKETS and self._schema > MIN_SCHEMA:
            self._merge()

    def read(self) -> Reading:
        """What was counted by now."""
        bounds = (*BOUNDS, math.inf)
        return Reading(self.total, [*zip(bounds, accumulate(self._counts), strict=True)], self._native())

    def _native(self) -> Native:
        """The native buckets."""
        spans, deltas, before, next_index = [], [], 0, 0
        for index, length in find_spans(sorted(self._natives)):
            spans.append((index - next_index, length))
            next_index = index + length
            for each in range(index, next_index):
                deltas.append(self._natives[each] - before)
                before = self._natives[each]
        return Native(self._schema, self._zeros, spans, deltas)

    def _merge(self) -> None:
        """Make one native bucket of every two."""
        merged: Counter[int] = Counter()
        for index, count in self._natives.items():
            merged[(index + 1) >> 1] += count
        self._schema -= 1
        self._natives = merged


def find_spans(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where each unbroken row of the sorted *indexes* begins, and how long it is."""
    begin = 0
    for place in range(1, len(indexes) + 1):
        if place == len(indexes) or indexes[place] != indexes[place - 1] + 1:
            yield indexes[begin], place - begin
            begin = place
