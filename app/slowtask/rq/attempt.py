"""One attempt of one RQ job, as the process that runs it sees it."""

import os
from datetime import datetime
from typing import Any

from rq.job import Job
from rq.timeouts import JobTimeoutException

from slowtask import log, record
from slowtask.config import settings
from slowtask.event import Run, identity
from slowtask.guard import guarded
from slowtask.record import FINISHED, Ending
from slowtask.rq import facts
from slowtask.rq.board import Board
from slowtask.timer import Taken, Timer


class Attempt:
    """Told what happens to *job*, it writes the one record when it is closed. None of its methods raises."""

    def __init__(self, job: Job, *, execution: str | None = None, board: Board | None = None) -> None:
        self.job = job
        self._execution = execution  #: RQ's id of the attempt; None where only the job is known
        self._board = board
        self._parent = os.getppid()
        self._ending = FINISHED
        self._timer: Timer | None = None
        self._taken: Taken | None = None
        self._name: str | None = None
        self._trace: str | None = None
        self._number = 1
        self._wait: int | None = None

    def begin(self) -> None:
        """The task is about to start."""
        with guarded():
            log.ready()  # while the working folder is still ours
            self._name = facts.task_name(self.job)
            self._number = facts.attempt(self.job)
            self._trace = record.trace_id()
            self._timer = Timer()
            self._wait = facts.wait(self.job.enqueued_at, self._timer.start)  # RQ's retry resets the former
            if self._board:
                self._board.began(self._timer.start, self._timer.clock, self._name)

    def returned(self, result: Any) -> None:
        """The task returned *result*."""
        with guarded():
            self._stop()
            if not facts.asks_retry(result):
                facts.count_attempt(self.job, None)
            elif facts.grants_retry(self.job, result):
                self._end(Ending(action="retried"))
            else:
                self._ending = Ending(action="failed")

    def raised(self, error: BaseException | None) -> None:
        """The task, or what RQ does around it, raised *error*. The last call stands."""
        with guarded():
            self._stop()
            if isinstance(error, JobTimeoutException):
                self._end(Ending(action="timed-out", error=error))
            elif facts.will_retry(self.job):
                self._end(Ending(action="retried", error=error))
            else:
                self._end(Ending(action="failed", error=error))

    def close(self) -> None:
        """Write the record."""
        with guarded():
            self._stop()
            run = self._run(self._taken)
            if os.getppid() != self._parent and not facts.claim(self.job, run.id):
                return  # our worker died, and RQ has given this attempt up: that record stands
            log.write(run)
            if self._board:
                self._board.recorded()

    def _stop(self) -> None:
        """Take the time; only the first call counts, at the end of the task."""
        if self._timer and self._taken is None:
            self._taken = self._timer.stop()

    def _end(self, ending: Ending) -> None:
        """It ends so, and another attempt may follow."""
        self._ending = ending
        if ending.action == "retried" or facts.will_retry(self.job):
            facts.count_attempt(self.job, self._number + 1)

    def _run(self, taken: Taken | None) -> Run:
        """The event; a job that never began has neither start nor duration."""
        whole = taken or Timer().stop()
        return record.run(
            self._ending,
            settings(),
            timestamp=whole.end,
            id=self._id(whole.start),
            start=taken and taken.start,
            duration=taken and taken.duration,
            cpu=taken and taken.cpu,
            memory=whole.memory,
            wait=self._wait,
            attempt=self._number,
            labels=record.labels(self.job, settings()),
            trace=self._trace or record.trace_id(),
            worker=record.named(self.job.worker_name),
            **job_fields(self.job, self._name or facts.task_name(self.job)),
        )

    def _id(self, start: datetime) -> str:
        """By RQ's id of the attempt, so that a worker and its horse give it the same one."""
        return identity(self.job.id, self._execution or f"{start.isoformat()}/{os.getpid()}")


def job_fields(job: Job, name: str) -> dict[str, Any]:
    """The fields of a `Run` that *job* itself gives."""
    return {
        "task": record.named(name),
        "task_id": record.named(job.id),
        "queue": record.named(job.origin),
        "system": "rq",
    }
