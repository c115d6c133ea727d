"""The monitor that runs beside an experiment, and records which alerts it would have sent, and when."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from slowtask.errors import BrokerError
from slowtask.watch.causes import find_all
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import View, Watch

CRITICAL: Final = ("critical",)
WARNING: Final = ("warning", "critical")
#: The alerts that are recorded, and from which states on.
RECORDED: Final[Mapping[str, tuple[str, ...]]] = {
    "broker-full-soon": WARNING,
    "broker-capacity": CRITICAL,
    "broker-alarm": CRITICAL,
    "queue-drops": WARNING,
    "queue-full-soon": WARNING,
    "queue-capacity": CRITICAL,
}

Step = Callable[[str], None]  #: is called with a sentence about what is going on


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The first alert of one name."""

    name: str  #: `broker-full-soon`, `broker-capacity`, …
    jobs: int  #: published by then
    seconds: float  #: since the first job
    task: str | None  #: to blame
    message: str


class MonitorBeside:
    """A monitor that polls when it is asked to.

    Args:
        make_watch: Makes the watch of the broker.
        rate: How many jobs are published a second.
        fast: Whether they are really published faster. Its seconds are then those that the jobs would have
            taken at *rate*.
    """

    def __init__(self, make_watch: Callable[[], Watch], rate: float, *, fast: bool) -> None:
        self._make_watch = make_watch
        self._watch = make_watch()
        self._thresholds = Thresholds()
        self._rate = rate
        self._fast = fast
        self._start = 0.0
        self.alerts: dict[str, Alert] = {}

    def begin(self, capacity: float) -> None:
        """Start the clock, since the first job comes now; critical is from *capacity* of a limit on."""
        self._thresholds = Thresholds(capacity=capacity)
        self._watch = self._make_watch()  # forgets the growth while the workers started
        self._start = time.monotonic()
        self.alerts.clear()

    def poll(self, jobs: int) -> View | None:
        """Poll, after *jobs* have been published, and record new alerts. None if the broker can't be read."""
        try:
            view = self._watch.poll()
        except BrokerError:
            return None
        seconds = self.seconds(jobs)
        for finding in find_all(view, self._thresholds):
            # The disk is no part of the experiment; its findings have it in their subject.
            if finding.state in RECORDED.get(finding.name, ()) and not finding.subject.endswith("(disk)"):
                alert = Alert(
                    name=finding.name, jobs=jobs, seconds=seconds, task=finding.task, message=finding.text
                )
                self.alerts.setdefault(finding.name, alert)
        return view

    def seconds(self, jobs: int, now: float | None = None) -> float:
        """The seconds from the first job until *now* (monotonic), or that *jobs* would have taken."""
        if self._fast:
            return jobs / self._rate
        return (time.monotonic() if now is None else now) - self._start

    def alerts_before(self, seconds: float) -> tuple[Alert, ...]:
        """The alerts of the first *seconds*, in order."""
        return tuple(alert for alert in self.alerts.values() if alert.seconds < seconds)
