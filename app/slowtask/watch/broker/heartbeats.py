"""What Celery's workers tell of themselves: their heartbeats, and what slowtask's hooks add to those.

They are events that anyone may send who may use the broker: what isn't of their shape is passed over. Nobody
is asked: a question to all workers (`inspect`) would cost each of them time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from slowtask.watch.broker import Running, Worker

EXCHANGE: Final = "celeryev"  #: Celery's name, its default
FRESH: Final = 10_000_000  #: µs that a worker may be silent: five heartbeats
KEPT: Final = 600_000_000  #: µs that the jobs of a silent worker are kept: long enough to tell of their loss
MOST: Final = 2_000  #: workers

Name = Annotated[str, Meta(max_length=512)]
Count = Annotated[int, Meta(ge=0)]


class Job(msgspec.Struct, frozen=True):
    """One job that runs."""

    id: Name
    name: Name
    since: float  #: epoch, seconds
    queue: Name | None = None
    limit: float | None = None  #: seconds
    pid: int | None = None


class Event(msgspec.Struct, frozen=True):
    """`worker-heartbeat`, `worker-slowtask` and their like."""

    type: Name
    hostname: Name
    timestamp: float | None = None  #: epoch, seconds, by the worker's clock
    processed: Count | None = None
    active: Count | None = None
    concurrency: Count | None = None
    queues: Annotated[list[Name], Meta(max_length=500)] | None = None
    running: Annotated[list[Job], Meta(max_length=1000)] | None = None
    waiting: Annotated[list[tuple[Name, Name | None, Count]], Meta(max_length=1000)] | None = None


class Envelope(msgspec.Struct, frozen=True):
    """What Celery puts around an event on Redis."""

    body: bytes  #: base64
    kind: str = msgspec.field(name="content-type", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The last of one worker."""

    at: int  #: µs: when it was last heard
    event: Event  #: its last sign of life
    detail: Event | None = None  #: the last that slowtask's hooks sent
    detailed: int = 0  #: µs: when that was


class News:
    """What was heard of the workers. Times are µs since the epoch, and are passed in."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._decode = msgspec.json.Decoder(Event).decode
        self._unwrap = msgspec.json.Decoder(Envelope).decode

    def take(self, text: bytes, now: int) -> None:
        """Take the event that *text* is, in JSON; what is none is passed over."""
        try:
            event = self._decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):  # ValidationError is one
            return
        if event.type == "worker-offline":
            self._known.pop(event.hostname, None)
        elif event.type.startswith("worker-"):
            self._put(event, now)

    def take_wrapped(self, text: bytes, now: int) -> None:
        """Take the event in an envelope, as it stands on Redis."""
        try:
            found = self._unwrap(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if found.kind == "application/json":  # nothing is unpickled
            self.take(found.body, now)

    def _put(self, event: Event, now: int) -> None:
        """Keep *event*."""
        was = self._known.get(event.hostname)
        if was is None and len(self._known) >= MOST:
            return
        known = replace(was, at=now, event=event) if was else Known(at=now, event=event)
        if event.type == "worker-slowtask":
            known = replace(known, detail=event, detailed=now)
        self._known[event.hostname] = known

    def forget(self, now: int) -> None:
        """Drop those that were last heard too long ago."""
        self._known = {name: each for name, each in self._known.items() if now - each.at < KEPT}

    def workers(self, now: int) -> list[Worker]:
        """Those that were heard of late."""
        return [worker(name, each, _detail(each, now)) for name, each in self._fresh(now)]

    def queues(self, now: int) -> set[str]:
        """The queues that workers say they serve."""
        return {queue for each in self.workers(now) for queue in each.queues}

    def running(self) -> list[Running]:
        """The jobs that run, also of workers that have fallen silent."""
        return [
            running(job, name, each.at, each.detail.timestamp)
            for name, each in self._known.items()
            if each.detail
            for job in each.detail.running or ()
        ]

    def waiting(self, queue: str, now: int) -> Counter[str]:
        """The jobs of *queue* that workers have fetched and not begun, by task."""
        found: Counter[str] = Counter()
        for _, each in self._fresh(now):
            detail = _detail(each, now)
            for task, of, count in (detail.waiting or ()) if detail else ():
                if of == queue:
                    found[task] += count
        return found

    def _fresh(self, now: int) -> Iterator[tuple[str, Known]]:
        """Those that were heard of late, by name."""
        return ((name, each) for name, each in sorted(self._known.items()) if now - each.at < FRESH)


def _detail(known: Known, now: int) -> Event | None:
    """What slowtask's hooks sent of late."""
    return known.detail if now - known.detailed < FRESH else None


def worker(name: str, known: Known, detail: Event | None) -> Worker:
    """The worker called *name*; without *detail* its queues aren't known."""
    last = known.event
    done = last.processed if last.processed is not None else detail.processed if detail else None
    jobs = len(detail.running or ()) if detail else last.active
    return Worker(
        name=name,
        queues=tuple(detail.queues or ()) if detail else (),
        busy=jobs or 0,
        finished=done or 0,
        slots=(detail.concurrency or 1) if detail else 1,
    )


def running(job: Job, name: str, heard: int, told: float | None) -> Running:
    """A job that ran on the worker called *name*, last *heard* (µs), when that *told* of it (seconds).

    It may have ended since: how long it ran is known for that moment only.
    """
    return Running(
        id=job.id,
        queue=job.queue or "",
        task=job.name,
        worker=name,
        started=round(job.since * 1e6),
        timeout=job.limit,
        heartbeat=heard,
        reported_run_time=None if told is None else max(0, round((told - job.since) * 1e6)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who works on one queue."""

    slots: int  #: jobs that can run at once
    busy: int  #: of them
    running: int  #: jobs of this very queue


def crew(
    queue: str, workers: Sequence[Worker], running: Mapping[str, int], consumers: int | None = None
) -> Crew | None:
    """Who works on *queue*; None where a worker doesn't tell its queues, or more take from it than tell.

    *running* are the jobs that run, by queue; *consumers* is how many the broker knows.
    """
    if consumers == 0:
        return Crew(slots=0, busy=0, running=0)
    mine = [each for each in workers if queue in each.queues]
    if not workers or not all(each.queues for each in workers) or (consumers or 0) > len(mine):
        return None
    return Crew(
        slots=sum(each.slots for each in mine),
        busy=sum(min(each.busy, each.slots) for each in mine),
        running=running.get(queue, 0),
    )
