"""What a store answers when it is asked to compare two sets of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slowtask.store import Figures, Measurement

WIDTH: Final = 1.005  #: of a bin of run times: its longest is so many times its shortest


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The runs of one task on one side of a comparison.

    Attributes:
        figures: None if the task has no run on this side.
        times: How many run times are in each bin. Bin k holds the times of which floor(log(ns) / log(WIDTH))
            is k; bin -1 holds those of 0 ns.
    """

    figures: Figures | None
    times: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The runs of one task before and after; with `Query.group`, those of one value."""

    task: str
    before: Side
    after: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sets of runs, task by task, in no particular order."""

    pairs: tuple[Pair, ...]
    before: Measurement
    after: Measurement


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
