"""Worker classes that record every attempt, also what a job can't see of itself."""

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import rq.worker
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TooLateError
from rq.job import Job
from rq.queue import Queue
from rq.version import VERSION
from rq.worker import SimpleWorker, Worker

from slowtask.record import guarded, log
from slowtask.record.board import Board, Note, make_inheritable_board, open_inherited_board
from slowtask.rq import facts
from slowtask.rq.attempt import Attempt
from slowtask.rq.death import Death, Handover, record_abandoned, write_abandoned, write_death
from slowtask.rq.job import TimedJob
from slowtask.rq.job_class import refusal

if TYPE_CHECKING:
    Base = Worker
else:
    Base = object

#: Seconds that a worker which quits because its broker is away waits for it, to claim what it has recorded.
CLAIM_PATIENCE: Final = 60.0
CLAIM_PAUSE: Final = 0.2  #: seconds between two tries


def wrap(job: Job, attempt: Attempt) -> None:
    """Have *attempt* measure the next `job.perform()`, whatever the job's class.

    Only this object is changed, and only until it is performed: the task sees its job as RQ made it.
    """
    perform, attributes = job.perform, vars(job)

    def perform_timed(*args: Any, **kwargs: Any) -> Any:
        attributes.pop("perform", None)
        return attempt.run(perform, *args, **kwargs)

    attributes["slowtask_attempt"] = attempt
    attributes["perform"] = perform_timed


def unwrap(job: Job) -> None:
    """Undo `wrap`."""
    attributes = vars(job)
    attributes.pop("slowtask_attempt", None)
    attributes.pop("perform", None)


class Timed(Base):
    """A mixin that makes any RQ worker class record every attempt. Put it before the worker class.

    It records an attempt once its end is known. That includes jobs that can't be loaded, failing callbacks,
    returned `Retry`s, and jobs that other workers abandoned. For workers that run each job in a process of
    its own, use `TimedHorse`.

    Example:
        ```python
        class MyWorker(Timed, SimpleWorker): ...
        ```
    """

    _board: Board | None = None
    _execution_id: str | None = None
    _unclaimed: tuple[tuple[Job, str], ...] = ()  #: jobs and execution ids that RQ may take for abandoned

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exc_handlers.insert(0, record_abandoned)
        with guarded:
            log.prepare_logger()

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Work as RQ does.

        Returns:
            Whether any job was worked off.

        Raises:
            SystemExit: The worker was given a `TimedJob`, and jobs of its queues need a class of their own.
                The message names the settings to use instead.
        """
        message = None
        with guarded:
            message = refusal(self, TimedJob)
        if message:
            sys.exit(message)
        try:
            return super().work(*args, **kwargs)
        finally:
            with suppress(Exception):  # RQ stops a worker that waits by an exception, too
                self._await_claims()

    def heartbeat(self, *args: Any, **kwargs: Any) -> Any:
        """Send RQ's heartbeat. Once the broker is back, claim what was recorded while it was away."""
        result = super().heartbeat(*args, **kwargs)
        if self._unclaimed:
            with guarded:
                self._claim_records()
        return result

    def prepare_execution(self, job: Job) -> Any:
        """Keep RQ's id of the attempt, which becomes the record's id."""
        execution = super().prepare_execution(job)
        self._execution_id = execution.id
        return execution

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        """Perform *job* as RQ does, and record how it ended."""
        attempt = self._prepare_attempt(job)
        try:
            return super().perform_job(job, queue, *args, **kwargs)
        except BaseException as error:  # RQ can't save that the job began, or how it ended
            if attempt is not None:
                attempt.note_lost(error)
            self._note_unclaimed(job)
            raise
        finally:
            if attempt is not None:
                attempt.close()
            unwrap(job)

    def _prepare_attempt(self, job: Job) -> Attempt | None:
        """Have an attempt measure *job* when it is performed; return None if that can't be done."""
        with guarded:
            execution = self._execution_id or str(getattr(self.execution, "id", ""))
            board = self._board or open_inherited_board()
            attempt = Attempt(job, execution=execution, board=board, parent=os.getppid())
            wrap(job, attempt)
            return attempt
        return None

    def _note_unclaimed(self, job: Job) -> None:
        """Note that RQ may take *job*'s attempt for abandoned, although its record is written here."""
        with guarded:
            if self._execution_id:
                self._unclaimed += ((job, self._execution_id),)

    def _claim_records(self) -> bool:
        """Claim the records of attempts that RQ may take for abandoned; return whether the broker is away."""
        try:
            while self._unclaimed:
                facts.claim_execution(*self._unclaimed[0])
                self._unclaimed = self._unclaimed[1:]
        except (NotConnectedError, TooLateError):
            return True
        except RedisError:  # it is full, for one
            pass
        return False

    def _await_claims(self) -> None:
        """Wait a while for the broker, if there is something to claim: the worker quits because it's away.

        A signal to stop ends that.
        """
        if self._claim_records():
            message = "Worker %s: waiting up to %d s for the broker, to claim slowtask's records"
            self.log.warning(message, self.name, CLAIM_PATIENCE)
        end = time.monotonic() + CLAIM_PATIENCE
        while self._claim_records() and time.monotonic() < end and not self._stop_requested:
            time.sleep(CLAIM_PAUSE)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Note the failure that RQ is about to handle: of the task or of its callback."""
        attempt: Attempt | None = getattr(job, "slowtask_attempt", None)
        if attempt is not None:
            attempt.note_exception(exc_info[1])
        super().handle_exception(job, *exc_info)

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Record a job that was taken off its queue and never started."""
        if "intermediate queue" in str(kwargs.get("exc_string", "")):
            with guarded:
                write_abandoned(job, None)
        super().handle_job_failure(job, *args, **kwargs)


class TimedHorse(Timed):
    """`Timed` for workers that run each job in a process of its own: it also records how work-horses die.

    Example:
        ```python
        class MyWorker(TimedHorse, Worker): ...
        ```
    """

    _death: Death | None = None

    def _make_board(self) -> Board:
        """Make the page to share with forked work-horses."""
        return Board()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run *job* in a work-horse, and record the end of one that died."""
        handover = None
        with guarded:
            handover = self._prepare_handover(job)
        try:
            super().execute_job(job, queue)
        finally:
            with guarded:
                if handover and self._death and self._board:
                    self._settle_death(self._death, handover, self._board.read())
            self._death = None

    def _settle_death(self, death: Death, handover: Handover, note: Note) -> None:
        """Record the end of a work-horse that couldn't, and claim what RQ may take for abandoned."""
        if not note.recorded:
            write_death(death, handover, note, self._execution_id or "")
        if death.status:
            self._note_unclaimed(handover.job)
            self._claim_records()

    def _prepare_handover(self, job: Job) -> Handover:
        """Clear the board, and note what is known of *job* before its work-horse gets it."""
        self._board = self._board or self._make_board()
        self._board.clear()
        return Handover(
            job=job,
            worker=self.name,
            number=facts.attempt_number(job),
            enqueued=job.enqueued_at,
            clock=time.monotonic_ns(),
        )

    def wait_for_horse(self) -> Any:
        """Wait as RQ does, and keep how the work-horse ended."""
        pid, status, usage = super().wait_for_horse()
        if pid and usage is not None and status is not None:
            stopped = self._stopped_job_id is not None
            self._death = Death(
                pid=pid, status=status, usage=usage, clock=time.monotonic_ns(), stopped=stopped
            )
        return pid, status, usage

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Count the attempt of a work-horse that died, since it couldn't do so itself."""
        with guarded:
            if self._death and not self._death.stopped and facts.will_retry(job):
                facts.store_attempt_number(job, facts.attempt_number(job) + 1)
        super().handle_job_failure(job, *args, **kwargs)


class TimedWorker(TimedHorse, Worker):
    """RQ's forking `Worker`, which also records every attempt of every job.

    Example:
        ```sh
        RQ_WORKER_CLASS=slowtask.rq.TimedWorker rq worker default
        ```
    """


class TimedSimpleWorker(Timed, SimpleWorker):
    """RQ's `SimpleWorker`, which runs jobs in its own process, and also records every attempt.

    If a job kills its process, the worker dies with it and can't record that.

    Example:
        ```sh
        RQ_WORKER_CLASS=slowtask.rq.TimedSimpleWorker rq worker default
        ```
    """


if VERSION.split(".")[0] >= "3":  # spawned work-horses of RQ 2 know only RQ's own classes

    class TimedSpawnWorker(TimedHorse, rq.worker.SpawnWorker):
        """RQ's `SpawnWorker`, whose work-horses are new interpreters, and which also records every attempt.

        It needs RQ 3.0 or newer.

        Example:
            ```sh
            RQ_WORKER_CLASS=slowtask.rq.TimedSpawnWorker rq worker default
            ```
        """

        def _make_board(self) -> Board:
            return make_inheritable_board()
