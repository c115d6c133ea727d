"""The job that times itself: enough for what runs to an end."""

import signal
from typing import Any

from rq.job import Job
from rq.timeouts import BaseTimeoutException

from slowtask.rq.attempt import Attempt


class TimedJob(Job):
    """An RQ job that leaves a record of each run: success, exception, timeout, retry.

    Under a `Timed…Worker` it only measures, and the worker writes the record when the end is known.
    """

    slowtask_attempt: Attempt | None = None  #: tied to the job by the worker that runs it

    def perform(self) -> Any:
        """Run the task as RQ does; whatever goes wrong in the timing, the task never knows."""
        attempt = self.slowtask_attempt or Attempt(self)
        attempt.begin()
        try:
            result = super().perform()
        except BaseException as error:
            attempt.raised(error)
            raise
        else:
            attempt.returned(result)
            return result
        finally:
            if self.slowtask_attempt is None:
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
