"""Bring together both sides of a comparison, task by task."""

from collections.abc import Mapping
from typing import Final

from slowtask.store import Comparison, Measurement, Pair, Side

WIDTH: Final = 1.005  #: of a bin of run times: its longest is so many times its shortest

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
