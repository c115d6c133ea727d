"""What an RQ job says of itself."""

import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, cast
from zlib import crc32

import rq.defaults
from rq.job import Job, Retry
from rq.registry import StartedJobRegistry
from rq.utils import as_text
from rq.worker import Worker

from slowtask.record.event import SHORT_MAX, identity

ATTEMPT: Final = "slowtask.attempt"  #: in a job's meta: the number of its next attempt, from 2 on
UNREADABLE: Final = "unserialized"  #: RQ's placeholder for a meta that it couldn't load
HEX: Final = re.compile("[0-9a-f]{32}")
CLAIM: Final = 86_400  #: seconds; RQ finds an abandoned job within a quarter of an hour
PREFIX: Final = getattr(rq.defaults, "RQ_KEY_PREFIX", "rq")  #: RQ 3.0 has it as a setting
#: RQ 2.0 takes a returned `Retry` for a result like any other.
TAKES_RETRY: Final = hasattr(Worker, "handle_job_retry")


def task_name(job: Job) -> str:
    """The dotted path of *job*'s task. Unpickles the job, so call it only where the job runs."""
    with suppress(Exception):  # a job that can't be loaded
        instance = job.instance
        if instance is None:
            return str(job.func_name)
        return f"{type(instance).__module__}.{type(instance).__qualname__}.{job.func_name}"
    return described_name(job)


def described_name(job: Job) -> str:
    """The task's name without unpickling: the description up to the arguments."""
    return (job.description or "").partition("(")[0].strip() or "unknown"


def wait(enqueued: datetime | None, start: datetime | None) -> int | None:
    """ns from *enqueued* to *start*; 0 where two machines' clocks disagree about the order."""
    if enqueued is None or start is None:
        return None
    waited = start - aware(enqueued)
    return max(0, (waited.days * 86_400 + waited.seconds) * 1_000_000 + waited.microseconds) * 1000


def aware(time: datetime) -> datetime:
    """*time* as RQ has it: naive and in UTC before RQ 2.2."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def attempt(job: Job) -> int:
    """Which attempt of *job* this is, from 1."""
    counted = job.meta.get(ATTEMPT, 1)
    return counted if isinstance(counted, int) and 1 <= counted <= SHORT_MAX else 1


def count_attempt(job: Job, following: int | None) -> None:
    """Note the number of the attempt that follows, if one does; RQ saves the meta with its retry."""
    if UNREADABLE in job.meta:
        return
    if following is not None:
        job.meta[ATTEMPT] = min(following, SHORT_MAX)
    elif ATTEMPT in job.meta:
        del job.meta[ATTEMPT]


def will_retry(job: Job) -> bool:
    """Whether RQ gives *job* another attempt after a failure."""
    return bool(job.retries_left and job.retries_left > 0)


def asks_retry(result: Any) -> bool:
    """Whether a task returned a `Retry`, to be run again."""
    return TAKES_RETRY and isinstance(result, Retry)


def grants_retry(job: Job, asked: Retry) -> bool:
    """Whether RQ runs *job* again for the `Retry` that it returned."""
    return not (job.number_of_retries and job.number_of_retries >= asked.max)


def event_id(job: Job, execution: str) -> str:
    """The id of an attempt: RQ's own, which worker and horse both know; 32 hex digits, as RQ's are.

    Where only the job is known, one that no other attempt anywhere has: by the clock, the process, the job.
    """
    if execution:
        return execution if HEX.fullmatch(execution) else identity(f"{job.id}:{execution}")
    return f"{time.time_ns():016x}{os.getpid():08x}{crc32(job.id.encode(errors='replace')):08x}"


def abandoned_execution(job: Job) -> str:
    """The id of *job*'s attempt that nobody keeps alive: read from RQ's registry, which stays as it is."""
    registry = StartedJobRegistry(job.origin, connection=job.connection, serializer=job.serializer)
    for entry in job.connection.zrange(registry.key, 0, -1):
        job_id, _, execution = as_text(cast("bytes", entry)).rpartition(":")
        if job_id == job.id:
            return execution
    return f"abandoned {job.started_at}"


def claim(job: Job, event_id: str) -> bool:
    """Whether this process is the first to claim the record of an attempt.

    Only the ends that two processes can see are claimed: a dead horse, an abandoned job, an orphan.
    With the broker away the record is written: twice is better than never, and both have one id.
    """
    with suppress(Exception):
        return bool(job.connection.set(f"{PREFIX}:slowtask:{event_id}", 1, nx=True, ex=CLAIM))
    return True
