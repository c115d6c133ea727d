"""Says in one word whether a task always takes about as long, or is quick and sometimes terrible."""

from typing import Final, Literal, get_args

from slowtask.store import Figures

Spread = Literal["steady", "varied", "spiky"]
SPREADS: Final[tuple[Spread, ...]] = get_args(Spread)  #: from the tamest to the wildest
MIN_RUNS: Final = 20  #: with a known run time; of fewer, the 95th percentile is only the longest
STEADY_TAIL: Final = 2.0  #: the 95th percentile of a steady task is less than so many medians
STEADY_DEVIATION: Final = 0.5  #: and its deviation less than so many means
SPIKY_TAIL: Final = 20.0  #: the 99th percentile of a spiky task is so many medians or more
SPIKY_DEVIATION: Final = 3.0  #: or its deviation so many means: rare runs that no percentile shows


def judge_spread(figures: Figures) -> Spread | None:
    """Judge how much the run times of a task differ.

    Args:
        figures: The figures of the task.

    Returns:
        `steady` if 19 of 20 runs take less than twice the median, and the deviation is below half the mean;
        `spiky` if one run in a hundred takes 20 times the median, or the deviation is three times the mean;
        `varied` in between. None if there are fewer than 20 run times, or they are too rough to say.
    """
    if figures.timed < MIN_RUNS or figures.total <= 0:
        return None
    least, most = (_judge(figures, margin) for margin in (figures.margin, -figures.margin))
    return least if least == most else None


def _judge(figures: Figures, margin: int) -> Spread | None:
    """The word for *figures* if the median were higher by *margin*, and the tail lower."""
    if figures.p50 is None or figures.p95 is None or figures.p99 is None or figures.deviation is None:
        return None
    median, mean = figures.p50 + margin, figures.total / figures.timed
    if figures.p99 - margin >= SPIKY_TAIL * median or figures.deviation >= SPIKY_DEVIATION * mean:
        return "spiky"
    tame = figures.p95 - margin < STEADY_TAIL * median and figures.deviation < STEADY_DEVIATION * mean
    return "steady" if tame else "varied"
