"""The workers that record what a job can't see of itself."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from resource import struct_rusage
from typing import TYPE_CHECKING, Any

import rq.worker
from rq.exceptions import AbandonedJobError
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.worker import SimpleWorker, Worker

from slowtask import log, record
from slowtask.config import settings
from slowtask.event import DATASET, Run
from slowtask.guard import guarded
from slowtask.record import Ending
from slowtask.rq import board, facts
from slowtask.rq.attempt import Attempt
from slowtask.rq.job import TimedJob
from slowtask.timer import cpu_of, memory_of

if TYPE_CHECKING:
    Base = Worker
else:
    Base = object


class Timed(Base):
    """Mix into any RQ worker, before it: `class MyWorker(Timed, SimpleWorker)`.

    It records every attempt once its end is known: also jobs that can't be loaded, failing callbacks,
    returned `Retry`s, and the jobs that other workers abandoned.
    """

    _board: board.Board | None = None
    _execution_id: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.job_class is Job:
            self.job_class = TimedJob
        self._exc_handlers.insert(0, record_abandoned)
        with guarded:
            log.ready()

    def prepare_execution(self, job: Job) -> Any:
        """Keep RQ's id of the attempt, by which the record is known."""
        execution = super().prepare_execution(job)
        self._execution_id = execution.id
        return execution

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        """Perform *job* as RQ does, and record how it ended."""
        with self._recorded(job):
            return super().perform_job(job, queue, *args, **kwargs)

    @contextlib.contextmanager
    def _recorded(self, job: Job) -> Iterator[None]:
        """Tie an attempt to *job*, and close it."""
        execution = self._execution_id or str(getattr(self.execution, "id", ""))
        attempt = Attempt(job, execution=execution, board=self._board, parent=os.getppid())
        job.slowtask_attempt = attempt  # type: ignore[attr-defined]
        if not isinstance(job, TimedJob):
            attempt.begin()  # a class of the user's own: its whole work is timed
        try:
            yield
        finally:
            attempt.close()
            job.slowtask_attempt = None  # type: ignore[attr-defined]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A job as it was handed to a horse: a retry changes all of it."""

    job: Job
    number: int  #: of the attempt
    enqueued: datetime | None
    clock: int  #: `time.monotonic_ns()` before the fork


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a work-horse ended."""

    pid: int
    status: int
    usage: struct_rusage
    clock: int  #: `time.monotonic_ns()`
    stopped: bool  #: by command


class TimedHorse(Timed):
    """`Timed` for workers that run each job in a process of its own: it also records how horses die."""

    _death: Death | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        with guarded:
            self._board = self._new_board()

    def _new_board(self) -> board.Board:
        """The page to share with forked horses."""
        return board.Board()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run *job* in a horse, and record the end that a dead horse couldn't."""
        self._death, owed = None, None
        with guarded:
            owed = Owed(
                job=job, number=facts.attempt(job), enqueued=job.enqueued_at, clock=time.monotonic_ns()
            )
            if self._board:
                self._board.clear()
        try:
            super().execute_job(job, queue)
        finally:
            with guarded:
                if owed and self._death and self._board and not (noted := self._board.read()).recorded:
                    self._record(self._death, owed, noted)

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

    def _record(self, death: Death, owed: Owed, noted: board.Noted) -> None:
        """Write the record of a horse that ended without writing it."""
        write(
            ending(death),
            owed.job,
            self._execution_id or "",
            attempt=owed.number,
            name=noted.name,
            start=noted.start,
            duration=death.clock - (noted.clock or owed.clock),
            cpu=cpu_of(death.usage),
            memory=memory_of(death.usage),
            wait=facts.wait(owed.enqueued, noted.start),
            worker=record.named(self.name),
            host=record.host(),
            pid=death.pid,
        )


def ending(death: Death) -> Ending:
    """What a horse's exit status says."""
    if death.stopped:
        return Ending("stopped")
    if os.WIFSIGNALED(death.status):
        return Ending("killed", reason=f"signal {os.WTERMSIG(death.status)}")
    return Ending("killed", reason=f"exit status {os.waitstatus_to_exitcode(death.status)}")


def write(how: Ending, job: Job, execution: str, *, name: str = "", **seen: Any) -> None:
    """Write the record of an attempt that another process ran, unless one of them does."""
    event_id, chosen = facts.event_id(job, execution), settings()
    if not facts.claim(job, event_id):
        return
    run = Run(
        timestamp=datetime.now(UTC),
        id=event_id,
        dataset=DATASET,
        outcome=how.outcome,
        action=how.action,
        reason=how.reason,
        task=record.named(name or facts.described_name(job)),
        task_id=record.named(job.id),
        queue=record.named(job.origin),
        system="rq",
        service=chosen.service_name,
        version=chosen.service_version,
        environment=chosen.service_environment,
        labels=record.labels(job, chosen),
        **seen,
    )
    log.write(record.ended(run, how.error, chosen))


def write_abandoned(job: Job, error: BaseException | None) -> None:
    """Write the record of an attempt that nobody keeps alive. What it took is unknown."""
    start = job.started_at and facts.aware(job.started_at)
    write(
        Ending("abandoned", error=error),
        job,
        facts.abandoned_execution(job),
        attempt=facts.attempt(job),
        start=start,
        wait=facts.wait(job.enqueued_at, start),
        worker=record.named(job.worker_name),
    )


def record_abandoned(job: Job, kind: type[BaseException], error: BaseException, _: Any) -> None:
    """RQ's exception handler for jobs whose worker is gone; other failures the worker sees itself."""
    if kind is not AbandonedJobError:
        return
    with guarded:
        if job.get_status(refresh=False) != JobStatus.STARTED:
            return  # RQ before 3.0 may also give up jobs that ended well (rq#2424)
        write_abandoned(job, error)
        if facts.will_retry(job):
            facts.count_attempt(job, facts.attempt(job) + 1)


class TimedWorker(TimedHorse, Worker):
    """RQ's forking `Worker`, with a record for every attempt."""


class TimedSimpleWorker(Timed, SimpleWorker):
    """RQ's `SimpleWorker`, which runs jobs in its own process, with a record for every attempt."""


if hasattr(rq.worker, "SpawnWorker"):

    class TimedSpawnWorker(TimedHorse, rq.worker.SpawnWorker):
        """RQ's `SpawnWorker` (3.0), whose horses are new interpreters, with a record for every attempt."""

        def _new_board(self) -> board.Board:
            return board.inherited() or board.inheritable()
