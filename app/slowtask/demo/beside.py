"""The monitor beside an experiment: what it tells before the collapse, when, and whom it blames."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from slowtask.errors import BrokerError
from slowtask.watch.findings import findings
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import View, Watch

CRITICAL: Final = ("critical",)
WARNING: Final = ("warning", "critical")
#: What is kept of all that a monitor tells, and from which state on.
WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "broker-full-soon": WARNING,
    "broker-capacity": CRITICAL,
    "broker-alarm": CRITICAL,
    "queue-drops": WARNING,
    "queue-full-soon": WARNING,
    "queue-capacity": CRITICAL,
}

Step = Callable[[str], None]  #: is told what is going on


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What a monitor beside it told, and when."""

    name: str  #: `broker-full-soon`, `broker-capacity`, …
    jobs: int  #: enqueued by then
    seconds: float  #: since the first job
    task: str | None  #: to blame
    message: str


class Beside:
    """A monitor that looks when it is told to; *watch* makes its eyes, *rate* jobs are enqueued a second.

    *fast*: they are enqueued faster than that, and its seconds are those that they would have taken.
    """

    def __init__(self, watch: Callable[[], Watch], rate: float, *, fast: bool) -> None:
        self._make = watch
        self._watch = watch()
        self._thresholds = Thresholds()
        self._rate = rate
        self._fast = fast
        self._start = 0.0
        self.alarms: dict[str, Alarm] = {}

    def begin(self, capacity: float) -> None:
        """The first job comes now; alarm from now on, from *capacity* of a limit on."""
        self._thresholds = Thresholds(capacity=capacity)
        self._watch = self._make()  # what the workers' start took is no trend
        self._start = time.monotonic()
        self.alarms.clear()

    def poll(self, jobs: int) -> View | None:
        """Look; keep what is told for the first time, *jobs* having been enqueued. None where it is blind."""
        try:
            view = self._watch.poll()
        except BrokerError:
            return None
        seconds = self.seconds(jobs)
        for each in findings(view, self._thresholds):
            # A disk has a name of its own in the subject, and is no part of the experiment.
            if each.state in WANTED.get(each.name, ()) and not each.subject.endswith("(disk)"):
                alarm = Alarm(
                    name=each.name, jobs=jobs, seconds=seconds, task=each.task, message=each.message
                )
                self.alarms.setdefault(each.name, alarm)
        return view

    def seconds(self, jobs: int, now: float | None = None) -> float:
        """From the first job until *now*, by the monotonic clock, *jobs* having been enqueued."""
        if self._fast:
            return jobs / self._rate
        return (time.monotonic() if now is None else now) - self._start

    def told(self, *, before: float) -> tuple[Alarm, ...]:
        """What was told in the first *before* seconds, in order."""
        return tuple(each for each in self.alarms.values() if each.seconds < before)
