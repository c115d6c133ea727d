"""WATCH: when a limit will be reached, by the levels of the polls before.

All functions are pure. Points are pairs of seconds and a level, the oldest first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Z_95: Final = 1.96  #: standard deviations that hold 95 %
MIN_POINTS: Final = 6  #: polls that a slope needs
STRETCHES: Final = (48, 24, 12)  #: polls that may have begun to grow after a steady time, tried in this order
MIN_BREAKOUT: Final = 0.25  #: of the range before, by which new growth must exceed all levels before
MIN_RISE_SHARE: Final = 0.2  #: of the rise, that the first and the second half must have each

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a limit will be reached, if the growth goes on as it does now."""

    seconds: float
    soonest: float  #: seconds; 95 times in 100 it lies between these two
    latest: float  #: seconds


def forecast(points: Points, most: float) -> Forecast | None:
    """When *points* reach *most*; None where they aren't surely growing.

    The growth is that of all points if one line describes them, else that of the longest recent stretch that
    has left the levels before it.
    """
    if len(points) < MIN_POINTS:
        return None
    found = forecast_line(points, most) if grows_steadily(points) else None
    stretches = (length for length in STRETCHES if found is None and leaves_levels_before(points, length))
    for length in stretches:
        found = forecast_line(points[-length:], most)
    return found


def leaves_levels_before(points: Points, length: int) -> bool:
    """Whether the last *length* points grow steadily, to more than all before them ever had.

    A sawtooth also grows, but only to the height of its last tooth. At least as many points must be before.
    """
    before = [level for _, level in points[:-length]]
    recent = points[-length:]
    if len(before) < length or not grows_steadily(recent):
        return False
    high = max(before)
    left = middle_level(recent[-length // 3 :]) > high + MIN_BREAKOUT * (high - min(before))
    return left and grows_between_steps(recent)


def grows_between_steps(points: Points) -> bool:
    """Whether the level also rises within the thirds of *points*, not only from one to the next.

    Two batches that come one after the other make two steps, with levels between them that don't rise.
    """
    third = len(points) // 3
    first, second, last = points[:third], points[third:-third], points[-third:]
    rise, seconds = middle_level(last) - middle_level(first), last[0][0] - first[0][0]
    within = sorted([slope for part in (first, second, last) for slope in slopes_of(part)])
    return bool(within) and within[len(within) // 2] * seconds >= MIN_RISE_SHARE * rise


def grows_steadily(points: Points) -> bool:
    """Whether the level rises from the first to the second third of *points*, and again to the last.

    A single step doesn't: two of the three are then on one level.
    """
    third = len(points) // 3
    first, second, last = map(middle_level, (points[:third], points[third:-third], points[-third:]))
    least = MIN_RISE_SHARE * (last - first)
    return least > 0 and second - first >= least and last - second >= least


def middle_level(points: Points) -> float:
    """The median level, the lower one of two: never one between the two sides of a step."""
    levels = sorted(level for _, level in points)
    return levels[(len(levels) - 1) // 2]


def forecast_line(points: Points, most: float) -> Forecast | None:
    """When a line through *points* reaches *most*; None where it doesn't surely grow.

    The slope is Theil and Sen's: the median of the slopes between all pairs, which outliers don't move. Its
    interval is Sen's (Journal of the American Statistical Association 63, 1968).
    """
    slopes = sorted(slopes_of(points))
    if not slopes:
        return None
    low, middle, high = slope_interval(slopes, len(points))
    if low <= 0:
        return None
    room = most - level_now(points, middle)
    soonest, seconds, latest = (max(0.0, room / slope) for slope in (high, middle, low))
    return Forecast(seconds=seconds, soonest=soonest, latest=latest)


def slopes_of(points: Points) -> list[float]:
    """The slopes between all pairs of *points*."""
    pairs = ((place, x, y) for place, (x, y) in enumerate(points))
    return [(y - was) / (x - at) for place, x, y in pairs for at, was in points[:place] if x > at]


def slope_interval(slopes: Sequence[float], points: int) -> tuple[float, float, float]:
    """The median of sorted *slopes*, between the bounds of its 95 % interval."""
    spread = Z_95 * math.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    last = len(slopes) - 1
    low = max(0, math.floor((len(slopes) - spread) / 2))
    high = min(last, math.ceil((len(slopes) + spread) / 2))
    return slopes[low], slopes[last // 2], slopes[high]


def level_now(points: Points, slope: float) -> float:
    """The level now, on a line of *slope* through the middle of *points*."""
    now = points[-1][0]
    levels = sorted(level + slope * (now - at) for at, level in points)
    return levels[len(levels) // 2]
