"""One attempt of one RQ job, as the process that runs it sees it."""

import os
from collections.abc import Callable
from typing import Any

from rq.job import Job
from rq.timeouts import JobTimeoutException

from slowtask import record
from slowtask.record import FINISHED, Ending, Run, Taken, Timer, guarded, log
from slowtask.record.board import Board
from slowtask.rq import facts


class Attempt:
    """Told what happens to *job*, it writes the one record when it is closed. None of its methods raises.

    Under a worker of ours it has RQ's *execution* id, notes itself on the *board* and knows its *parent*.
    """

    def __init__(
        self, job: Job, *, execution: str = "", board: Board | None = None, parent: int | None = None
    ) -> None:
        self.job = job
        self._execution = execution
        self._board = board
        self._parent = parent
        self._ending = FINISHED
        self._timer: Timer | None = None
        self._taken: Taken | None = None
        self._name = ""
        self._trace: str | None = None
        self._number = 1
        self._wait: int | None = None
        self._closed = False

    def __reduce__(self) -> Any:
        """Copy and pickle as None: an attempt belongs to the one job object that is run."""
        return type(None), ()

    def watch(self, perform: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call *perform*, time it and note how it ends; return or raise what it does."""
        self.begin()
        try:
            result = perform(*args, **kwargs)
        except BaseException as error:
            self.raised(error)
            raise
        self.returned(result)
        return result

    def begin(self) -> None:
        """The task is about to start."""
        with guarded:
            log.ready()  # while the working folder is still ours
            self._name = facts.task_name(self.job)
            self._number = facts.attempt(self.job)
            self._trace = record.trace_id()
            self._timer = timer = Timer()
            self._wait = facts.wait(self.job.enqueued_at, timer.start)  # a retry resets what RQ knows
            if self._board:
                self._board.began(timer.start, timer.clock, self._name)

    def returned(self, result: Any) -> None:
        """The task returned *result*."""
        with guarded:
            self._stop()
            if not facts.asks_retry(result):
                facts.count_attempt(self.job, None)
            elif facts.grants_retry(self.job, result):
                self._end(Ending("retried"))
            else:
                self._end(Ending("failed"))

    def raised(self, error: BaseException | None) -> None:
        """The task, or what RQ does around it, raised *error*. The last call stands."""
        with guarded:
            self._stop()
            if isinstance(error, JobTimeoutException):
                self._end(Ending("timed-out", error=error))
            elif facts.will_retry(self.job):
                self._end(Ending("retried", error=error))
            else:
                self._end(Ending("failed", error=error))

    def close(self) -> None:
        """Write the record; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        with guarded:
            self._stop()
            run = self._run()
            if self._parent and self._parent != os.getppid() and not facts.claim(self.job, run.id):
                return  # our worker died, and RQ has given this attempt up: that record stands
            record.write(run)
            if self._board:
                self._board.recorded()

    def _stop(self) -> None:
        """Take the time; the first call counts, at the end of the task."""
        if self._taken is None and self._timer is not None:
            self._taken = self._timer.stop()

    def _end(self, ending: Ending) -> None:
        """It ends so, and another attempt may follow."""
        self._ending = ending
        if ending.action == "retried" or facts.will_retry(self.job):
            facts.count_attempt(self.job, self._number + 1)

    def _run(self) -> Run:
        """The event; a job that never began has neither start nor duration."""
        job = self.job
        return record.run(
            self._ending,
            job,
            self._taken,
            id=facts.event_id(job, self._execution),
            task=self._name or facts.task_name(job),
            task_id=job.id,
            attempt=self._number,
            wait=self._wait,
            queue=job.origin,
            system="rq",
            worker=job.worker_name,
            host=record.host(),
            pid=os.getpid(),
            trace=self._trace or record.trace_id(),
        )
