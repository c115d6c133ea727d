"""Record attempts that ended in another process: work-horses that died, and abandoned jobs."""

import os
from datetime import datetime
from resource import struct_rusage
from typing import Any, Unpack

import msgspec
from rq.exceptions import AbandonedJobError
from rq.job import Job, JobStatus

from slowtask import record
from slowtask.record import Ending, RunFields, guarded
from slowtask.record.board import Note
from slowtask.record.timer import cpu_time, peak_memory
from slowtask.rq import facts


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was when the worker handed it to a work-horse: a retry changes all of it."""

    job: Job
    worker: str
    number: int  #: of the attempt
    enqueued: datetime | None
    clock: int  #: `time.monotonic_ns()` before the fork


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """How a work-horse ended."""

    pid: int
    status: int
    usage: struct_rusage
    clock: int  #: `time.monotonic_ns()`
    stopped: bool  #: by RQ's stop command


def ending(death: Death) -> Ending:
    """Return the ending that a work-horse's exit status means."""
    if death.stopped:
        return Ending("stopped")
    if os.WIFSIGNALED(death.status):
        return Ending("killed", reason=f"signal {os.WTERMSIG(death.status)}")
    return Ending("killed", reason=f"exit status {os.waitstatus_to_exitcode(death.status)}")


def write_death(death: Death, handover: Handover, note: Note, execution: str) -> None:
    """Write the record of a work-horse that died before it wrote it."""
    write(
        ending(death),
        handover.job,
        execution,
        task=note.name or facts.described_name(handover.job),
        attempt=handover.number,
        start=note.start,
        duration=death.clock - (note.clock or handover.clock),
        cpu=cpu_time(death.usage),
        memory=peak_memory(death.usage),
        wait=facts.wait(handover.enqueued, note.start),
        worker=handover.worker,
        host=record.host(),
        pid=death.pid,
    )


def write(how: Ending, job: Job, execution: str, **fields: Unpack[RunFields]) -> None:
    """Write the record of an attempt that another process ran, unless another process has claimed it."""
    event_id = facts.event_id(job, execution, os.getpid())
    if not facts.claim_record(job, event_id):
        return
    trace, span = record.carried_trace(job.meta)
    common: RunFields = {"id": event_id, "task_id": job.id, "queue": job.origin, "system": "rq"}
    common |= {"trace": trace, "span": span}
    record.write(record.run(how, job, **(common | fields)))


def write_abandoned(job: Job, error: BaseException | None) -> None:
    """Write the record of an attempt whose worker is gone. What it took is unknown."""
    start = job.started_at and facts.as_utc(job.started_at)
    write(
        Ending("abandoned", error=error),
        job,
        facts.abandoned_execution(job),
        task=facts.described_name(job),
        attempt=facts.attempt_number(job),
        start=start,
        wait=facts.wait(job.enqueued_at, start),
        worker=job.worker_name,
    )


def record_abandoned(job: Job, kind: type[BaseException], error: BaseException, _: Any) -> None:
    """Record a job whose worker is gone: an exception handler of RQ's. The worker sees other failures."""
    if kind is not AbandonedJobError:
        return
    with guarded:
        if job.get_status(refresh=False) != JobStatus.STARTED:
            return  # RQ before 3.0 may also give up jobs that ended well (rq#2424)
        write_abandoned(job, error)
        if facts.will_retry(job):
            facts.store_attempt_number(job, facts.attempt_number(job) + 1)
