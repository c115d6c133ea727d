"""The job that times itself: enough for what runs to an end."""

import contextlib
import signal
from collections.abc import Iterator
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
                with alarm_held():
                    attempt.close()


@contextlib.contextmanager
def alarm_held() -> Iterator[None]:
    """Keep RQ's time limit, an alarm, from striking a run that has ended, while its record is written."""
    with contextlib.suppress(BaseTimeoutException):
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
