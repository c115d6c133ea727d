"""RANK: compare each run of one side with each of the other, from counts by bin: Mann and Whitney's test.

It assumes nothing about how run times are distributed, so a few very long runs don't mislead it. All pairs
are counted at once: the counts of each side are the digits of a large integer, and the two are multiplied.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from struct import pack, unpack
from typing import Final

BIN: Final = math.log(1.005)  #: how wide a bin of run times is, as a logarithm
TWO_SIDED: Final = 1.96  #: standard deviations on either side that hold 95 %
MIN_RUNS: Final = 5  #: on either side, for an interval
#: Digits of the large integers as struct's codes, with their bytes: one has room for the number of all pairs.
SHORT: Final = ("I", 4)
LONG: Final = ("Q", 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """How the two runs of all pairs differ. A ratio is how many times as long the one after takes."""

    z: float  #: Mann and Whitney's U in standard deviations; positive if runs take longer after
    ratio: float  #: Hodges and Lehmann's estimate: the median of the ratios of all pairs
    low: float | None  #: of its 95 % interval; None with less than `MIN_RUNS` on a side
    high: float | None


def compare_pairs(before: Mapping[int, int], after: Mapping[int, int]) -> Pairs:
    """Compare two sides, of which neither is empty: how many runs each bin of run times holds.

    The interval holds the ratios that Mann and Whitney's test wouldn't reject.
    """
    n, m = sum(before.values()), sum(after.values())
    first, counts = count_differences(before, after)
    totals = [0, *accumulate(counts)]
    zero = min(max(-first, -1), len(counts))  # where the pairs of equal runs are counted, or just outside
    losses = (totals[max(zero, 0)] + totals[min(zero + 1, len(counts))]) / 2
    deviation = math.sqrt(vary_wins(before, after))
    places = (n * m / 2 + deviation * offset for offset in (0.0, -TWO_SIDED, TWO_SIDED))
    ratio, low, high = (math.exp(BIN * (first + find_place(totals, place))) for place in places)
    return Pairs(
        z=(n * m / 2 - losses) / deviation if deviation else 0.0,
        ratio=ratio,
        low=low if min(n, m) >= MIN_RUNS else None,
        high=high if min(n, m) >= MIN_RUNS else None,
    )


def count_differences(before: Mapping[int, int], after: Mapping[int, int]) -> tuple[int, Sequence[int]]:
    """How many pairs differ by so many bins, after minus before: the least, and the counts from it on."""
    least, most = min(after), max(before)
    code, size = SHORT if sum(before.values()) * sum(after.values()) < 1 << 32 else LONG
    later = join_digits([after.get(k, 0) for k in range(least, max(after) + 1)], code)
    earlier = join_digits([before.get(k, 0) for k in range(most, min(before) - 1, -1)], code)
    length = max(after) - least + most - min(before) + 1
    return least - most, unpack(f"<{length}{code}", (later * earlier).to_bytes(size * length, "little"))


def join_digits(counts: Sequence[int], code: str) -> int:
    """The integer whose digits, of struct's *code*, are *counts*, the lowest first."""
    return int.from_bytes(pack(f"<{len(counts)}{code}", *counts), "little")


def vary_wins(before: Mapping[int, int], after: Mapping[int, int]) -> float:
    """The variance of Mann and Whitney's U, less where runs are equal."""
    n, m = sum(before.values()), sum(after.values())
    size = n + m
    ties = sum(count**3 - count for count in pool(before, after).values())
    return n * m / 12 * (size + 1 - ties / (size * (size - 1)))


def pool(before: Mapping[int, int], after: Mapping[int, int]) -> dict[int, int]:
    """The counts of both sides, added up."""
    return {k: before.get(k, 0) + after.get(k, 0) for k in before.keys() | after.keys()}


def find_place(totals: Sequence[int], count: float) -> float:
    """Where *totals*, which begin with 0, reach *count*: an index and its fraction, from the bin's middle."""
    count = min(max(count, 0.0), totals[-1])
    index = max(bisect_left(totals, count), 1)
    inside = totals[index] - totals[index - 1]
    return index - 1 + (count - totals[index - 1]) / inside - 0.5 if inside else index - 1.0
