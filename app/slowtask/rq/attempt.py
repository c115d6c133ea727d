"""Record one attempt of an RQ job in the process that runs it."""

import os
from collections.abc import Callable
from typing import Any

from rq.job import Job
from rq.timeouts import JobTimeoutException

from slowtask import record
from slowtask.record import FINISHED, Ending, Run, Taken, Timer, log
from slowtask.record.board import Board
from slowtask.record.guard import Trouble, report_trouble
from slowtask.record.trace import NO_TRACE
from slowtask.rq import facts


class Attempt:
    """One attempt of *job*: it measures the run, notes how it ends, and writes the record when it is closed.

    None of its own work raises: an error in it is counted as trouble. Under a `Timed…Worker` it has RQ's
    *execution* id, notes itself on the *board*, and knows the process id of its *parent*.
    """

    _name = ""
    _number = 1
    _wait: int | None = None
    _trace = NO_TRACE
    _timer: Timer | None = None
    _taken: Taken | None = None
    _ending = FINISHED
    _closed = False

    def __init__(
        self, job: Job, *, execution: str = "", board: Board | None = None, parent: int | None = None
    ) -> None:
        self.job = job
        self._execution = execution
        self._board = board
        self._parent = parent

    def __reduce__(self) -> Any:
        """Copy and pickle as None: an attempt belongs to the one job object that is run."""
        return type(None), ()

    def run(self, perform: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call *perform*, measure it and note how it ends; return its result or re-raise its exception."""
        self.begin()
        try:
            result = perform(*args, **kwargs)
        except BaseException as error:
            self.note_exception(error)
            raise
        self.note_result(result)
        return result

    def begin(self) -> None:
        """Start the timer: the task is about to start."""
        try:
            log.prepare_logger()  # before the task may change the working folder: the path may be relative
            self._name = facts.task_name(self.job)
            self._number = facts.attempt_number(self.job)
            self._trace = record.open_trace()
            self._timer = timer = Timer()
            self._wait = facts.wait(self.job.enqueued_at, timer.start)  # a retry resets what RQ knows
            if self._board:
                self._board.note_start(timer.start, timer.clock, self._name)
        except Exception as error:
            report_trouble(Trouble.EVENT, error)

    def note_result(self, result: Any) -> None:
        """Note that the task returned *result*."""
        try:
            self._stop_timer()
            if not facts.asks_retry(result):
                facts.store_attempt_number(self.job, None)
            elif facts.grants_retry(self.job, result):
                self._end(Ending("retried"))
            else:
                self._end(Ending("failed"))
        except Exception as error:
            report_trouble(Trouble.EVENT, error)

    def note_exception(self, error: BaseException | None) -> None:
        """Note that the task, or RQ's work around it, raised *error*. The last call counts."""
        try:
            self._stop_timer()
            if isinstance(error, JobTimeoutException):
                self._end(Ending("timed-out", error=error))
            elif facts.will_retry(self.job):
                self._end(Ending("retried", error=error))
            else:
                self._end(Ending("failed", error=error))
        except Exception as trouble:
            report_trouble(Trouble.EVENT, trouble)

    def note_lost(self, error: BaseException) -> None:
        """Note that RQ lost the job because of *error*: it failed, unless its task has returned or raised."""
        if self._timer is None:
            self.note_exception(error)

    def close(self) -> None:
        """Write the record; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._stop_timer()
            run = self._make_run()
            if self._parent and self._parent != os.getppid() and not facts.claim_record(self.job, run.id):
                return  # our worker died and RQ has given the attempt up, so its record is written already
            record.write(run)
            if self._board:
                self._board.note_recorded()
        except Exception as error:
            report_trouble(Trouble.EVENT, error)

    def _stop_timer(self) -> None:
        """Stop the timer; the first call, at the end of the task, counts."""
        if self._taken is None and self._timer is not None:
            self._taken = self._timer.stop()

    def _end(self, ending: Ending) -> None:
        """Note the *ending*, and the number of the next attempt if there will be one."""
        self._ending = ending
        if ending.action == "retried" or facts.will_retry(self.job):
            facts.store_attempt_number(self.job, self._number + 1)

    def _make_run(self) -> Run:
        """Make the event. Without a timer, the job never began: there is neither start nor duration."""
        job, pid = self.job, os.getpid()
        trace, span = self._trace if self._trace[0] else record.open_trace()
        return record.run(
            self._ending,
            job,
            self._taken,
            id=facts.event_id(job, self._execution, pid),
            task=self._name or facts.task_name(job),
            task_id=job.id,
            attempt=self._number,
            wait=self._wait,
            queue=job.origin,
            system="rq",
            worker=job.worker_name,
            host=record.host(),
            pid=pid,
            trace=trace,
            span=span,
        )
