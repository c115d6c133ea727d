"""The records of attempts that ended in another process: horses that died, jobs that nobody keeps alive."""

import os
from dataclasses import dataclass
from datetime import datetime
from resource import struct_rusage
from typing import Any

from rq.exceptions import AbandonedJobError
from rq.job import Job, JobStatus

from slowtask import record
from slowtask.record import Ending, guarded
from slowtask.record.board import Noted
from slowtask.record.timer import cpu_of, memory_of
from slowtask.rq import facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A job as it was handed to a horse: a retry changes all of it."""

    job: Job
    worker: str
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


def ending(death: Death) -> Ending:
    """What a horse's exit status says."""
    if death.stopped:
        return Ending("stopped")
    if os.WIFSIGNALED(death.status):
        return Ending("killed", reason=f"signal {os.WTERMSIG(death.status)}")
    return Ending("killed", reason=f"exit status {os.waitstatus_to_exitcode(death.status)}")


def write_death(death: Death, owed: Owed, noted: Noted, execution: str) -> None:
    """Write the record of a horse that ended without writing it."""
    write(
        ending(death),
        owed.job,
        execution,
        attempt=owed.number,
        name=noted.name,
        start=noted.start,
        duration=death.clock - (noted.clock or owed.clock),
        cpu=cpu_of(death.usage),
        memory=memory_of(death.usage),
        wait=facts.wait(owed.enqueued, noted.start),
        worker=owed.worker,
        host=record.host(),
        pid=death.pid,
    )


def write(how: Ending, job: Job, execution: str, *, name: str = "", **seen: Any) -> None:
    """Write the record of an attempt that another process ran, unless one of them does."""
    event_id = facts.event_id(job, execution)
    if not facts.claim(job, event_id):
        return
    record.write(
        record.run(
            how,
            job,
            id=event_id,
            task=name or facts.described_name(job),
            task_id=job.id,
            queue=job.origin,
            system="rq",
            **seen,
        )
    )


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
        worker=job.worker_name,
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
