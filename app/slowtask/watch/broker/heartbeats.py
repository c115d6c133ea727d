"""Keep what Celery's workers report of themselves: their heartbeats, and what slowtask's hooks add to them.

Anyone who may use the broker can send such events, so what doesn't have their shape is ignored. The workers
are never asked: a question to all of them (`inspect`) would cost each of them time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from slowtask.watch.broker import Running, Worker

EVENT_EXCHANGE: Final = "celeryev"  #: Celery's default
HEARTBEAT_TIMEOUT: Final = 10_000_000  #: µs without an event after which a worker is silent: five heartbeats
#: µs after which a silent worker is forgotten: until then its jobs can be reported as lost.
WORKER_RETENTION: Final = 600_000_000
MAX_WORKERS: Final = 2_000

Name = Annotated[str, Meta(max_length=512)]
Count = Annotated[int, Meta(ge=0)]


class ReportedJob(msgspec.Struct, frozen=True):
    """One job that a worker runs, as slowtask's hooks report it."""

    id: Name
    name: Name  #: of the task
    since: float  #: epoch, seconds
    queue: Name | None = None
    limit: float | None = None  #: seconds
    pid: int | None = None


class Event(msgspec.Struct, frozen=True):
    """An event of a worker: `worker-heartbeat`, or `worker-slowtask` from slowtask's hooks."""

    type: Name
    hostname: Name
    timestamp: float | None = None  #: epoch, seconds, by the worker's clock
    processed: Count | None = None
    active: Count | None = None
    concurrency: Count | None = None
    queues: Annotated[list[Name], Meta(max_length=500)] | None = None
    running: Annotated[list[ReportedJob], Meta(max_length=1000)] | None = None
    pool: Name | None = None  #: `prefork`, `threads`, `solo`, …
    #: Prefetched tasks: the task, the queue, how many.
    waiting: Annotated[list[tuple[Name, Name | None, Count]], Meta(max_length=1000)] | None = None


class Envelope(msgspec.Struct, frozen=True):
    """What Celery wraps around an event on Redis."""

    body: bytes  #: base64
    content_type: str = msgspec.field(name="content-type", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWorker:
    """The last events of one worker. Times are µs since the epoch, by the broker's clock."""

    heard_at: int
    event: Event  #: the last of any kind
    report: Event | None = None  #: the last from slowtask's hooks
    reported_at: int = 0
    heartbeats: int = 0  #: times that its count of finished jobs was heard

    def is_live(self, now: int) -> bool:
        """Return whether the worker has sent an event within its patience."""
        return (now - self.heard_at) / 1e6 <= self.patience

    @property
    def patience(self) -> float:
        """Seconds without an event after which it is silent; a solo worker sends none while it runs a job."""
        report = self.report
        solo = report is not None and report.pool == "solo" and report.running
        return WORKER_RETENTION / 1e6 if solo else HEARTBEAT_TIMEOUT / 1e6

    def fresh_report(self) -> Event | None:
        """Return the last report of slowtask's hooks, unless later events came without one."""
        return self.report if self.heard_at - self.reported_at < HEARTBEAT_TIMEOUT else None


class WorkerRegistry:
    """The workers that sent events. Times are µs since the epoch, and are passed in."""

    def __init__(self) -> None:
        self._heard: dict[str, HeardWorker] = {}
        self._decode = msgspec.json.Decoder(Event).decode
        self._decode_envelope = msgspec.json.Decoder(Envelope).decode

    def add_event(self, text: bytes, now: int) -> None:
        """Add the event in *text*, which is JSON. Anything else is ignored."""
        try:
            event = self._decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):  # ValidationError is one
            return
        if event.type == "worker-offline":
            self._heard.pop(event.hostname, None)
        elif event.type.startswith("worker-"):
            self._keep(event, now)

    def add_wrapped_event(self, text: bytes, now: int) -> None:
        """Add the event in the envelope *text*, as Celery writes it to Redis. Anything else is ignored."""
        try:
            envelope = self._decode_envelope(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if envelope.content_type == "application/json":  # nothing is unpickled
            self.add_event(envelope.body, now)

    def _keep(self, event: Event, now: int) -> None:
        """Keep *event* as the last of its worker, unless there are too many workers."""
        known = self._heard.get(event.hostname)
        if known is None and len(self._heard) >= MAX_WORKERS:
            return
        counts = int(event.processed is not None)
        heard = (
            replace(known, heard_at=now, event=event, heartbeats=known.heartbeats + counts)
            if known
            else HeardWorker(heard_at=now, event=event, heartbeats=counts)
        )
        if event.type == "worker-slowtask":
            heard = replace(heard, report=event, reported_at=now)
        self._heard[event.hostname] = heard

    def forget_silent(self, now: int) -> None:
        """Forget the workers that have been silent for `WORKER_RETENTION`."""
        self._heard = {
            name: heard for name, heard in self._heard.items() if now - heard.heard_at < WORKER_RETENTION
        }

    def workers(self) -> list[Worker]:
        """Return the workers, also those that have fallen silent."""
        return [_worker(name, heard) for name, heard in sorted(self._heard.items())]

    def live_workers(self, now: int) -> list[Worker]:
        """Return the workers that aren't silent."""
        return [worker for worker in self.workers() if worker.is_live(now)]

    def are_counted(self, now: int) -> bool:
        """Return whether the jobs that workers finish can be counted: each live one was heard twice."""
        live = [heard for _, heard in self._live(now)]
        return bool(live) and all(heard.heartbeats > 1 for heard in live)

    def queues(self) -> set[str]:
        """Return the queues that workers serve, or did before they fell silent."""
        return {queue for worker in self.workers() for queue in worker.queues or ()}

    def running(self) -> list[Running]:
        """Return the jobs that run, also those of workers that have fallen silent."""
        return [
            _running(job, name, heard.heard_at, heard.report.timestamp)
            for name, heard in self._heard.items()
            if heard.report
            for job in heard.report.running or ()
        ]

    def prefetched(self, queue: str, now: int) -> Counter[str]:
        """Return the jobs of *queue* that workers have prefetched and not begun: how many of each task."""
        tasks: Counter[str] = Counter()
        for _, heard in self._live(now):
            report = heard.fresh_report()
            for task, task_queue, count in (report.waiting or ()) if report else ():
                if task_queue == queue:
                    tasks[task] += count
        return tasks

    def _live(self, now: int) -> Iterator[tuple[str, HeardWorker]]:
        """Yield the live workers with their names, sorted."""
        return ((name, heard) for name, heard in sorted(self._heard.items()) if heard.is_live(now))


def _worker(name: str, heard: HeardWorker) -> Worker:
    """Make a worker of what was heard of it; without a report its queues and slots aren't known."""
    event, report = heard.event, heard.fresh_report()
    finished = event.processed
    if finished is None and report:
        finished = report.processed
    jobs = len(report.running or ()) if report else event.active
    return Worker(
        name=name,
        queues=tuple(report.queues or ()) if report else None,
        busy=jobs or 0,
        finished=finished or 0,
        slots=(report.concurrency or 1) if report else 1,
        heard=heard.heard_at,
        patience=heard.patience,
        reserved=_reserved(report) if report else {},
    )


def _reserved(report: Event) -> Mapping[str, int]:
    """Return the jobs that a worker has fetched and not begun, by task."""
    tasks: Counter[str] = Counter()
    for task, _, count in report.waiting or ():
        tasks[task] += count
    return tasks


def _running(job: ReportedJob, worker: str, heard_at: int, reported_at: float | None) -> Running:
    """Make a running job that *worker* reported.

    *heard_at* is the worker's last event (µs), *reported_at* its report of this job (seconds, its own clock).
    The job may have ended since, so its run time is known for the moment of the report only.
    """
    return Running(
        id=job.id,
        queue=job.queue or "",
        task=job.name,
        worker=worker,
        started=round(job.since * 1e6),
        timeout=job.limit,
        heartbeat=heard_at,
        reported_run_time=None if reported_at is None else max(0, round((reported_at - job.since) * 1e6)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWorkers:
    """The workers of one queue."""

    slots: int  #: jobs that they can run at the same time
    busy: int  #: slots that run a job, of any queue
    running: int  #: jobs of this queue that run


def workers_of(
    queue: str, workers: Sequence[Worker], running: Mapping[str, int], consumers: int | None = None
) -> QueueWorkers | None:
    """Return the workers of *queue*, or None if not all of them are known.

    That is so if a worker doesn't report its queues, or if the broker counts more consumers than workers.

    Args:
        queue: The queue's name.
        workers: All live workers.
        running: How many jobs run, by queue.
        consumers: How many consumers the broker counts for the queue; None if it doesn't.
    """
    if consumers == 0:
        return QueueWorkers(slots=0, busy=0, running=0)
    serving = [worker for worker in workers if queue in (worker.queues or ())]
    unknown = not workers or any(worker.queues is None for worker in workers)
    if unknown or (consumers or 0) > len(serving):
        return None
    return QueueWorkers(
        slots=sum(worker.slots for worker in serving),
        busy=sum(min(worker.busy, worker.slots) for worker in serving),
        running=running.get(queue, 0),
    )


def events_denied_message(broker: str) -> str:
    """Say that *broker* doesn't let this user receive the workers' events."""
    return (
        f"{broker} doesn't let this user receive the workers' events, so the workers and what they run are"
        " unknown: give the user the rights in docs/monitor.md."
    )
