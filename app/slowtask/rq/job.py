"""The job that times itself: enough for what runs to an end."""

import signal
from typing import Any

from rq.job import Job
from rq.timeouts import BaseTimeoutException

from slowtask.record.guard import guarded
from slowtask.rq import needed
from slowtask.rq.attempt import Attempt


class TimedJob(Job):
    """An RQ job that records each of its runs: success, exception, timeout, retry.

    For workers whose class can't be changed. A `Timed…Worker` times jobs of any class by itself, this one
    too, and writes the record when the end is known.
    """

    slowtask_attempt: Attempt | None = None  #: set by the worker that times this run

    def restore(self, *args: Any, **kwargs: Any) -> Any:
        """Read the job as RQ does; one of a framework that needs its own job class becomes that too."""
        restored = super().restore(*args, **kwargs)
        with guarded:
            needed.join_class(self)
        return restored

    def perform(self) -> Any:
        """Run the task as RQ does; whatever goes wrong in the timing, the task never knows."""
        if self.slowtask_attempt is not None:
            return super().perform()
        attempt = Attempt(self)
        try:
            return attempt.watch(super().perform)
        finally:
            close(attempt)


def close(attempt: Attempt) -> None:
    """Close *attempt* while RQ's time limit is held: an alarm must not strike a run that has ended.

    What is left of the limit is given back: it may be that of another job, in which this one ran at once.
    """
    try:
        held, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        attempt.close()
        if held:
            signal.setitimer(signal.ITIMER_REAL, held, interval)
    except BaseTimeoutException:  # it struck before it was held
        attempt.close()
