"""The workers that record what a job can't see of itself."""

import os
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import rq.worker
from rq.job import Job
from rq.queue import Queue
from rq.worker import SimpleWorker, Worker

from slowtask.record import guarded, log
from slowtask.record.board import Board, inheritable, inherited
from slowtask.rq import facts
from slowtask.rq.attempt import Attempt
from slowtask.rq.death import Death, Owed, record_abandoned, write_abandoned, write_death
from slowtask.rq.job import TimedJob
from slowtask.rq.needed import refusal

if TYPE_CHECKING:
    Base = Worker
else:
    Base = object


def wrap(job: Job, attempt: Attempt) -> None:
    """Have *attempt* time the next `job.perform()`, whatever class the job is of.

    Only this object is changed, and only until it is performed: the task sees its job as RQ made it.
    """
    perform, own = job.perform, vars(job)

    def watched(*args: Any, **kwargs: Any) -> Any:
        own.pop("perform", None)
        return attempt.watch(perform, *args, **kwargs)

    own["slowtask_attempt"] = attempt
    own["perform"] = watched


def unwrap(job: Job) -> None:
    """Undo `wrap`."""
    own = vars(job)
    own.pop("slowtask_attempt", None)
    own.pop("perform", None)


class Timed(Base):
    """Mix into any RQ worker, before it: `class MyWorker(Timed, SimpleWorker)`.

    It records every attempt once its end is known: also jobs that can't be loaded, failing callbacks,
    returned `Retry`s, and the jobs that other workers abandoned.
    """

    _board: Board | None = None
    _execution_id: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exc_handlers.insert(0, record_abandoned)
        with guarded:
            log.ready()

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Work as RQ does; leave with a sentence if the `TimedJob` named would break this queue's jobs."""
        refused = None
        with guarded:
            refused = refusal(self, TimedJob)
        if refused:
            sys.exit(refused)
        return super().work(*args, **kwargs)

    def prepare_execution(self, job: Job) -> Any:
        """Keep RQ's id of the attempt, by which the record is known."""
        execution = super().prepare_execution(job)
        self._execution_id = execution.id
        return execution

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        """Perform *job* as RQ does, and record how it ended."""
        attempt = self._watch(job)
        try:
            return super().perform_job(job, queue, *args, **kwargs)
        finally:
            if attempt is not None:
                attempt.close()
            unwrap(job)

    def _watch(self, job: Job) -> Attempt | None:
        """Have an attempt time *job* while it is performed; None if that can't be done."""
        with guarded:
            execution = self._execution_id or str(getattr(self.execution, "id", ""))
            attempt = Attempt(job, execution=execution, board=self._board or inherited(), parent=os.getppid())
            wrap(job, attempt)
            return attempt
        return None

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Note the failure that RQ is about to handle: the task's, or its callback's."""
        attempt: Attempt | None = getattr(job, "slowtask_attempt", None)
        if attempt is not None:
            attempt.raised(exc_info[1])
        super().handle_exception(job, *exc_info)

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Record a job that was taken off its queue and never started."""
        if "intermediate queue" in str(kwargs.get("exc_string", "")):
            with guarded:
                write_abandoned(job, None)
        super().handle_job_failure(job, *args, **kwargs)


class TimedHorse(Timed):
    """`Timed` for workers that run each job in a process of its own: it also records how horses die."""

    _death: Death | None = None

    def _new_board(self) -> Board:
        """The page to share with forked horses."""
        return Board()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run *job* in a horse, and record the end that a dead horse couldn't."""
        owed = None
        with guarded:
            owed = self._owed(job)
        try:
            super().execute_job(job, queue)
        finally:
            with guarded:
                if owed and self._death and self._board and not (noted := self._board.read()).recorded:
                    write_death(self._death, owed, noted, self._execution_id or "")
            self._death = None

    def _owed(self, job: Job) -> Owed:
        """Note what is known of *job* before its horse has it."""
        self._board = self._board or self._new_board()
        self._board.clear()
        return Owed(
            job=job,
            worker=self.name,
            number=facts.attempt(job),
            enqueued=job.enqueued_at,
            clock=time.monotonic_ns(),
        )

    def wait_for_horse(self) -> Any:
        """Keep how the horse ended."""
        pid, status, usage = super().wait_for_horse()
        if pid and usage is not None and status is not None:
            stopped = self._stopped_job_id is not None
            self._death = Death(
                pid=pid, status=status, usage=usage, clock=time.monotonic_ns(), stopped=stopped
            )
        return pid, status, usage

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Count the attempt of a horse that died, which couldn't itself."""
        with guarded:
            if self._death and not self._death.stopped and facts.will_retry(job):
                facts.count_attempt(job, facts.attempt(job) + 1)
        super().handle_job_failure(job, *args, **kwargs)


class TimedWorker(TimedHorse, Worker):
    """RQ's forking `Worker`, with a record for every attempt."""


class TimedSimpleWorker(Timed, SimpleWorker):
    """RQ's `SimpleWorker`, which runs jobs in its own process, with a record for every attempt."""


if version("rq").split(".")[0] >= "3":  # spawned horses of RQ 2 know RQ's own classes only

    class TimedSpawnWorker(TimedHorse, rq.worker.SpawnWorker):
        """RQ's `SpawnWorker`, whose horses are new interpreters, with a record for every attempt."""

        def _new_board(self) -> Board:
            return inheritable()
