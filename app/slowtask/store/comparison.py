"""Bring together both sides of a comparison, task by task."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from slowtask.store import Comparison, Measurement, Pair, Side

WIDTH: Final = 1.005  #: of a bin of run times: its longest is so many times its shortest
ZERO: Final = -1  #: the bin of 0 ns, and the first of all

Times = Mapping[str, Mapping[int, int]]  #: of each task, by bin


def make_comparison(before: Measurement, after: Measurement, times: tuple[Times, Times]) -> Comparison:
    """Bring together the figures and the *times* of both sides."""
    first, second = ({each.task: each for each in side.figures} for side in (before, after))
    pairs = (
        Pair(
            task=task,
            before=Side(figures=first.get(task), times=times[0].get(task, {})),
            after=Side(figures=second.get(task), times=times[1].get(task, {})),
        )
        for task in dict.fromkeys((*first, *second))
    )
    return Comparison(pairs=tuple(pairs), before=before, after=after)


def find_percentiles(times: Mapping[int, int], shares: Sequence[float]) -> list[float | None]:
    """The run times in ns below which these *shares* of the *times* are, within 0.3 %; None without any.

    Between two runs it interpolates, as DuckDB does.
    """
    places = sorted(times)
    upto = list(accumulate(times[place] for place in places))
    if not upto:
        return [None] * len(shares)

    def nth(number: int) -> float:
        return middle_of(places[bisect_right(upto, number)])

    found: list[float | None] = []
    for share in shares:
        number, rest = divmod(share * (upto[-1] - 1), 1)
        low, high = nth(int(number)), nth(min(int(number) + 1, upto[-1] - 1))
        found.append(low + (high - low) * rest)
    return found


def middle_of(place: int) -> float:
    """A run time in the middle of the bin *place*."""
    return 0.0 if place == ZERO else WIDTH ** (place + 0.5)
