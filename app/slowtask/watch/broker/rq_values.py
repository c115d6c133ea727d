"""What RQ stores on Redis: the fields of workers and jobs, and the records that are made of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from slowtask.watch.broker import Queue, Running, Worker
from slowtask.watch.broker.redis import as_text

REGISTRIES: Final = {"running": "wip", "scheduled": "scheduled", "deferred": "deferred", "failed": "failed"}
WORKER_FIELDS: Final = (
    "state", "queues", "successful_job_count", "failed_job_count", "last_heartbeat", "birth",
    "version",
)  # fmt: skip
#: Seconds within which a worker sends a sign of life: RQ's `job_monitoring_interval` of 30 while it runs a
#: job, its `worker_ttl` of 420 while it waits for one; each with some room.
BUSY_PATIENCE: Final = 40.0
IDLE_PATIENCE: Final = 430.0
BUSY_EXPIRY: Final = 90.0  #: seconds that a heartbeat lets the worker's key live, while it runs a job
IDLE_EXPIRY: Final = 480.0  #: the same, while it waits for one
CHANNEL_SINCE: Final = (1, 8)  #: the version of RQ from which each worker subscribes to a channel of its own
JOB_FIELDS: Final = ("description", "started_at", "timeout", "last_heartbeat", "worker_name")
MAX_TASK_NAME: Final = 512  #: characters
#: What is read of one queue: its length, its last job, the position of the previous poll's last job, its
#: first job, the oldest job that a worker took and hasn't begun, the first scheduled job with its time, the
#: size of each registry; then the length and the last job again.
QueueRow = Sequence[Any]
VALUES_PER_QUEUE: Final = len(REGISTRIES) + 8


def make_queue(
    name: str, row: QueueRow, enqueued_at: bytes | None, workers: Sequence[Worker], clock: int
) -> Queue:
    """Make the queue *name* of what was read of it; *enqueued_at* is when its first job was enqueued."""
    depth, last, position, first, handed, due, running, scheduled, deferred, failed, *_ = row
    serving = [worker for worker in workers if name in (worker.queues or ()) and worker.is_live(clock)]
    enqueued = parse_time(enqueued_at)
    return Queue(
        name=name,
        depth=depth,
        running=running,
        scheduled=scheduled,
        overdue=max(0, clock - round(due[0][1] * 1e6)) * 1000 or None if due else None,
        deferred=deferred,
        failed=failed,
        workers=len(serving),
        busy=sum(worker.busy for worker in serving),
        oldest=max(0, clock - enqueued) * 1000 if enqueued is not None else None,
        handed=as_text(handed) if handed else None,
        head=as_text(first) if first else None,
        tail=as_text(last) if last else None,
        behind_tail=None if position is None else max(0, depth - 1 - position),
    )


def make_worker(key: str, values: Sequence[Any], left: int, listeners: int | None, clock: int) -> Worker:
    """Make the worker at *key* of its `WORKER_FIELDS`.

    *left* are the milliseconds until its key expires, *listeners* the subscribers of its channel.
    """
    state, queues, succeeded, failed, heartbeat, birth, version = values
    listens = listeners is not None and parse_version(version) >= CHANNEL_SINCE
    return Worker(
        name=worker_name(key),
        queues=tuple(as_text(queues or b"").split(",")),
        busy=int(state == b"busy"),
        finished=int(succeeded or 0) + int(failed or 0),
        born=parse_time(birth),
        heard=find_heard(heartbeat, left, BUSY_EXPIRY if state == b"busy" else IDLE_EXPIRY, clock),
        patience=BUSY_PATIENCE if state == b"busy" else IDLE_PATIENCE,
        connected=bool(listeners) if listens else None,
        paused=state == b"suspended",
    )


def find_heard(heartbeat: bytes | None, left: int, expiry: float, clock: int) -> int | None:
    """Return when (µs) a worker was last heard: by its own clock, or by how long its key lives on.

    Its clock may be wrong. Each heartbeat lets its key live for *expiry* seconds, of which *left*
    milliseconds are left by the clock of Redis.
    """
    told = parse_time(heartbeat)
    counted = min(clock, clock - round(expiry * 1e6) + left * 1000) if left > 0 else None
    known = [time for time in (told, counted) if time is not None and time <= clock]
    return max(known, default=told)


def worker_name(key: str) -> str:
    """Return the name of the worker at *key*."""
    return key.rpartition(":")[2]


def parse_version(value: bytes | None) -> tuple[int, ...]:
    """Return a version of RQ as numbers, `(3, 0)`; `()` if it isn't one."""
    parts = as_text(value or b"").split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def make_running(job_id: str, queue: str, values: Sequence[Any]) -> Running | None:
    """Make a running job of its `JOB_FIELDS`; None if it has ended meanwhile, or not begun."""
    description, started_at, timeout, heartbeat, worker = values
    started = parse_time(started_at)
    if started is None:
        return None
    seconds = as_text(timeout or b"")
    return Running(
        id=job_id,
        queue=queue,
        task=task_of(description) if description else None,
        worker=as_text(worker) if worker else None,
        started=started,
        timeout=float(seconds) if seconds.isdigit() else None,
        heartbeat=parse_time(heartbeat),
    )


def job_id_of(member: bytes) -> str:
    """Return the job's id in a registry's *member*: from RQ 2 on that is `job:execution`."""
    job_id, _, execution = as_text(member).rpartition(":")
    return job_id if job_id and len(execution) == 32 else as_text(member)  # noqa: PLR2004 - hex digits


def task_of(description: bytes) -> str:
    """Return the task in a job's *description*: what is before its arguments, which aren't shown."""
    return as_text(description[: 4 * MAX_TASK_NAME]).partition("(")[0].strip()[:MAX_TASK_NAME]


def parse_time(value: bytes | None) -> int | None:
    """Return a time as RQ writes it, in µs since the epoch; None if it isn't one."""
    try:
        time = datetime.fromisoformat(as_text(value or b""))
    except ValueError:
        return None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000)
