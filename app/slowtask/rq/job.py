"""A job class that records its own attempts."""

import signal
from typing import Any

from rq.job import Job
from rq.timeouts import BaseTimeoutException

from slowtask.record import guarded
from slowtask.rq import job_class
from slowtask.rq.attempt import Attempt


class TimedJob(Job):
    """An RQ job class that records each attempt: success, exception, timeout, retry.

    Use it only where you can't set the worker class: a `Timed…Worker` records jobs of any class by itself,
    also kills, stops and abandoned jobs. With both, each attempt still leaves one record, the worker's.

    Example:
        ```sh
        RQ_JOB_CLASS=slowtask.rq.TimedJob rq worker default
        ```
    """

    slowtask_attempt: Attempt | None = None  #: set by the worker that times this attempt

    def restore(self, *args: Any, **kwargs: Any) -> Any:
        """Read the job from Redis as RQ does, and add the class that its framework needs, if it needs one.

        Returns:
            What RQ's own `restore` returns.
        """
        restored = super().restore(*args, **kwargs)
        with guarded:
            job_class.add_required_class(self)
        return restored

    def perform(self) -> Any:
        """Run the task as RQ does, and record the attempt unless the worker does.

        Returns:
            The task's result. Errors of slowtask's own never reach the task.

        Raises:
            Exception: Whatever the task raises.
        """
        if self.slowtask_attempt is not None:
            return super().perform()
        attempt = Attempt(self)
        try:
            return attempt.run(super().perform)
        finally:
            close(attempt)


def close(attempt: Attempt) -> None:
    """Close *attempt* with RQ's time limit paused: an alarm must not hit a run that has ended.

    The rest of the limit is restored: it may belong to another job, which runs this one inside it.
    """
    try:
        remaining, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        attempt.close()
        if remaining:
            signal.setitimer(signal.ITIMER_REAL, remaining, interval)
    except BaseTimeoutException:  # it struck before it was paused
        attempt.close()
