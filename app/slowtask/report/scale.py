"""SEE: where the ticks of an axis stand."""

from collections.abc import Iterable
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


def even(highest: float) -> list[float]:
    """Ticks from 0 past *highest* seconds, evenly."""
    step = next((each for each in STEPS if each * TICKS >= highest), STEPS[-1])
    return [step * number for number in range(int(highest / step) + 2)]


def decades(values: Iterable[float]) -> list[float]:
    """Ticks around *values* (seconds, above 0), each about ten times the one before."""
    low, high = min(found := list(values)), max(found)
    first = max((place for place, each in enumerate(DECADES) if each <= low), default=0)
    last = min((place for place, each in enumerate(DECADES) if each >= high), default=len(DECADES) - 1)
    return list(DECADES[first : max(last, first + 1) + 1])
