"""SEE: where the ticks of an axis stand."""

from typing import Final

#: Times that people think in, in seconds.
STEPS: Final = (
    *(base * 10**power for power in range(-6, 1) for base in (1, 2, 5)),
    *(10, 15, 30),
    *(60 * each for each in (1, 2, 5, 10, 15, 30)),
    *(3600 * each for each in (1, 2, 3, 6, 12)),
    *(86400 * base * 10**power for power in range(6) for base in (1, 2, 5)),
)
DECADES: Final = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3600, 36000, 86400, 864000)
TICKS: Final = 5
ROOM: Final = 1.3  #: above and below a logarithmic line


def even(highest: float) -> list[float]:
    """Ticks from 0 past *highest* seconds, evenly."""
    step = next((each for each in STEPS if each * TICKS >= highest), STEPS[-1])
    return [step * number for number in range(int(highest / step) + 2)]


def decades(low: float, high: float) -> tuple[list[float], tuple[float, float]]:
    """Ticks for times from *low* to *high* (seconds, above 0), each some ten times the last, and the ends.

    There are two at least: without, nobody could tell how high a line is.
    """
    low, high = low / ROOM, high * ROOM
    first = sum(each < low for each in DECADES[:-2])
    last = sum(each <= high for each in DECADES) - 1
    if last <= first:
        first, last = max(0, first - 1), max(0, first - 1) + 1
    ticks = list(DECADES[first : last + 1])
    return ticks, (min(low, ticks[0]), max(high, ticks[-1]))
