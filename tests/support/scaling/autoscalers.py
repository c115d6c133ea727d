"""Kubernetes' HorizontalPodAutoscaler, as it is documented."""

import math
from collections import deque
from dataclasses import dataclass, field

SYNC = 15  #: seconds between two decisions: --horizontal-pod-autoscaler-sync-period
TOLERANCE = 0.1  #: --horizontal-pod-autoscaler-tolerance
STABILIZATION = 300.0  #: scaleDown.stabilizationWindowSeconds, unless one is set


@dataclass(slots=True)
class Hpa:
    """A HorizontalPodAutoscaler of an external metric with an AverageValue, as KEDA makes it.

    It leaves the number as it is while the metric is within a tenth of it, or isn't known. It scales up by at
    most 4 pods or to the double in 15 seconds, and down to the highest number that was wanted in a while.
    """

    stabilization: float = STABILIZATION  #: seconds
    least: int = 1
    most: int = 200
    wanted: deque[tuple[float, int]] = field(default_factory=deque)

    def decide(self, now: float, current: int, metric: float | None, target: float = 1.0) -> int:
        """How many pods there shall be, of *current*; *target* is the metric's value for each pod."""
        if metric is None:
            return current
        ratio = metric / (target * current)
        near = abs(1.0 - ratio) <= TOLERANCE
        wanted = current if near else math.ceil(metric / target - 1e-9)
        wanted = min(self.most, max(self.least, wanted))
        while self.wanted and self.wanted[0][0] < now - self.stabilization:
            self.wanted.popleft()
        self.wanted.append((now, wanted))
        if wanted < current:
            return min(current, max(each for _, each in self.wanted))
        return min(wanted, max(2 * current, current + 4))


class Script(Hpa):
    """The script of docs/scaling.md: as many workers as are needed, at once, and at least one."""

    def decide(self, now: float, current: int, metric: float | None, target: float = 1.0) -> int:
        """How many workers there shall be."""
        return current if metric is None else max(1, math.ceil(metric / target))
