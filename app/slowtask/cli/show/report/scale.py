"""Choose the ticks of an axis."""

from typing import Final

#: Round times, in seconds: the possible distances of ticks.
STEPS: Final = (
    *(base * 10**power for power in range(-6, 1) for base in (1, 2, 5)),
    *(10, 15, 30),
    *(60 * each for each in (1, 2, 5, 10, 15, 30)),
    *(3600 * each for each in (1, 2, 3, 6, 12)),
    *(86400 * base * 10**power for power in range(6) for base in (1, 2, 5)),
)
DECADES: Final = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3600, 36000, 86400, 864000)
TICKS: Final = 5
MARGIN: Final = 1.3  #: factor of the space above and below a logarithmic line


def even(highest: float) -> list[float]:
    """Ticks at even distances, from 0 to beyond *highest* (seconds)."""
    step = next((each for each in STEPS if each * TICKS >= highest), STEPS[-1])
    return [step * number for number in range(int(highest / step) + 2)]


def decades(low: float, high: float) -> tuple[list[float], tuple[float, float]]:
    """Ticks of a logarithmic axis from *low* to *high* (seconds, above 0), and the ends of that axis.

    Each tick is about ten times the one before. There are at least two, as one can't show the scale.
    """
    low, high = low / MARGIN, high * MARGIN
    first = sum(each < low for each in DECADES[:-2])
    last = sum(each <= high for each in DECADES) - 1
    if last <= first:
        first, last = max(0, first - 1), max(0, first - 1) + 1
    ticks = list(DECADES[first : last + 1])
    return ticks, (min(low, ticks[0]), max(high, ticks[-1]))
