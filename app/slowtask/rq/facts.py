"""Read from an RQ job what its record needs."""

import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, cast

import rq.defaults
from rq.job import Job, Retry
from rq.registry import StartedJobRegistry
from rq.utils import as_text
from rq.worker import Worker

from slowtask.record.event import SHORT_MAX, identity, write_id

ATTEMPT_KEY: Final = "slowtask.attempt"  #: in a job's meta: the number of its next attempt, from 2 on
UNREADABLE_META: Final = "unserialized"  #: RQ's placeholder for a meta that it couldn't load
EXECUTION_ID: Final = re.compile("[0-9a-f]{32}")  #: a UUID, version 4
CLAIM_SECONDS: Final = 86_400  #: RQ finds an abandoned job within a quarter of an hour
KEY_PREFIX: Final = getattr(rq.defaults, "RQ_KEY_PREFIX", "rq")  #: RQ 3.0 has it as a setting
#: RQ 2.0 treats a returned `Retry` like any other result.
HANDLES_RETURNED_RETRY: Final = hasattr(Worker, "handle_job_retry")


def task_name(job: Job) -> str:
    """Return the dotted path of *job*'s task. It unpickles the job, so call it only where the job runs."""
    try:
        instance = job.instance
        if instance is None:
            return str(job.func_name)
        return f"{type(instance).__module__}.{type(instance).__qualname__}.{job.func_name}"
    except Exception:  # a job that can't be loaded
        return described_name(job)


def described_name(job: Job) -> str:
    """Return the task's name without unpickling: the job's description up to the arguments."""
    return (job.description or "").partition("(")[0].strip() or "unknown"


def wait(enqueued: datetime | None, start: datetime | None) -> int | None:
    """Return the ns from *enqueued* to *start*; 0 if the clocks of two machines disagree about the order."""
    if enqueued is None or start is None:
        return None
    waited = start - (enqueued if enqueued.tzinfo else as_utc(enqueued))
    return max(0, (waited.days * 86_400 + waited.seconds) * 1_000_000 + waited.microseconds) * 1000


def as_utc(time: datetime) -> datetime:
    """Return *time* as an aware one: before RQ 2.2, RQ's times are naive and in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def attempt_number(job: Job) -> int:
    """Return which attempt of *job* this is, from 1."""
    number = job.meta.get(ATTEMPT_KEY, 1)
    return number if isinstance(number, int) and 1 <= number <= SHORT_MAX else 1


def store_attempt_number(job: Job, number: int | None) -> None:
    """Store the *number* of the next attempt in the job's meta, which RQ saves; None: there is none."""
    if number is None:
        job.meta.pop(ATTEMPT_KEY, None)
    elif UNREADABLE_META not in job.meta:
        job.meta[ATTEMPT_KEY] = min(number, SHORT_MAX)


def will_retry(job: Job) -> bool:
    """Tell whether RQ gives *job* another attempt after a failure."""
    return bool(job.retries_left and job.retries_left > 0)


def asks_retry(result: Any) -> bool:
    """Tell whether a task returned a `Retry`, to be run again."""
    return HANDLES_RETURNED_RETRY and isinstance(result, Retry)


def grants_retry(job: Job, retry: Retry) -> bool:
    """Tell whether RQ runs *job* again for the *retry* that it returned."""
    return not (job.number_of_retries and job.number_of_retries >= retry.max)


def event_id(job: Job, execution: str, pid: int) -> str:
    """Return the id of an attempt, from RQ's *execution* id, which worker and work-horse know.

    Without one, make an id from the clock, the process *pid* and the job, which no other attempt has.
    """
    if EXECUTION_ID.fullmatch(execution):
        return write_id(bytes.fromhex(execution[:12] + execution[20:]))  # without the digits of its version
    return identity(f"{job.id}:{execution or (time.time_ns(), pid)}")


def abandoned_execution(job: Job) -> str:
    """Return the execution id of *job*'s abandoned attempt, from RQ's registry, which is only read."""
    registry = StartedJobRegistry(job.origin, connection=job.connection, serializer=job.serializer)
    for entry in job.connection.zrange(registry.key, 0, -1):
        job_id, _, execution = as_text(cast("bytes", entry)).rpartition(":")
        if job_id == job.id:
            return execution
    return f"abandoned {job.started_at}"


def claim_record(job: Job, event_id: str) -> bool:
    """Claim the record of an attempt; return whether this process is the first to do so.

    Only endings that two processes can see are claimed: a dead work-horse, an abandoned job, an orphan, an
    attempt whose end RQ couldn't save. If the broker can't be reached, the record is written: twice is
    better than never, and both have one id.
    """
    with suppress(Exception):
        return _claim(job, event_id)
    return True


def claim_execution(job: Job, execution: str) -> None:
    """Claim the record of *job*'s attempt, which is written already. Raises what redis-py raises."""
    _claim(job, event_id(job, execution, os.getpid()))


def _claim(job: Job, event_id: str) -> bool:
    """Return whether nobody has claimed *event_id* before. Raises what redis-py raises."""
    return bool(job.connection.set(f"{KEY_PREFIX}:slowtask:{event_id}", 1, nx=True, ex=CLAIM_SECONDS))
