"""Decide what is read next: one job at a time, each once, those that somebody waits for first."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from slowtask.cli.serve.cache import Cache, Entry
from slowtask.cli.serve.request import Job
from slowtask.cli.serve.wire import Done, Failed, Progress

PATIENCE: Final = 0.15  #: seconds that a request waits for figures before it gets the waiting page
MAX_PENDING: Final = 20  #: jobs that wait to be read
FORGOTTEN: Final = 20.0  #: seconds since it was asked for, after which a job that hasn't begun is dropped
MOVING: Final = 30.0  #: seconds after which figures of a period that counts from now are renewed
REST: Final = 1.0  #: between two readings of the same page, as a multiple of the time that one takes
MIN_REST: Final = 2.0  #: seconds between two readings of the same page
UNEXPECTED: Final = "slowtask serve failed ({error}). The traceback is in its output."
FAILED_REST: Final = 5.0  #: seconds that a failure is shown before it is tried again


class Urgency(IntEnum):
    """How soon a job should be read."""

    NOW = 0  #: somebody waits for it
    NEWER = 1  #: somebody sees older figures
    AHEAD = 2  #: somebody may ask for it


@dataclass(slots=True, kw_only=True, eq=False)
class Pending:
    """A job that waits or is being done."""

    job: Job
    urgency: Urgency
    since: float  #: when it was first asked for
    asked: float  #: when it was last asked for
    #: Set when there are figures, or none to come.
    known: asyncio.Event = field(default_factory=asyncio.Event)
    progress: float | None = None


class Reads(Protocol):
    """Whatever does a job."""

    async def do(self, job: Job, tell: Callable[[Progress | Done], None]) -> Done | Failed:
        """Do *job*; *tell* gets the progress, and the figures without charts."""
        ...


class Busy(Exception):  # noqa: N818 - it isn't an error of anybody
    """So many pages wait to be read that no more are taken."""


class Schedule:
    """Finds figures: in the cache, or by reading."""

    def __init__(
        self,
        reader: Reads,
        state: Callable[[], Awaitable[object]],
        cache: Cache[Job] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._state = state
        self._cache = cache or Cache()
        self._clock = clock
        self._pending: dict[Job, Pending] = {}
        self._current: Pending | None = None
        self._work = asyncio.Event()

    async def find(self, job: Job, patience: float = PATIENCE) -> tuple[Entry | None, Pending | None]:
        """What is known for *job*, and whether it is being read.

        Without any entry it waits a moment. Raises `Busy`.
        """
        entry = self._cache.get(job)
        if entry is None or self._is_old(job, entry, await self._state()):
            known = entry is not None and entry.done is not None
            pending = self.ask(job, Urgency.NEWER if known else Urgency.NOW)
            if not known or (entry and entry.cost < patience):
                await wait(pending.known, patience)
            entry = self._cache.get(job) if pending.known.is_set() or known else None
        return entry, self._pending.get(job)

    def ask(self, job: Job, urgency: Urgency) -> Pending:
        """Have *job* read. Raises `Busy`."""
        now = self._clock()
        pending = self._pending.get(job)
        if pending is None:
            self._drop_forgotten(now)
            if len(self._pending) >= MAX_PENDING:
                raise Busy
            pending = self._pending[job] = Pending(job=job, urgency=urgency, since=now, asked=now)
            self._work.set()
        pending.urgency, pending.asked = min(pending.urgency, urgency), now
        return pending

    def count_before(self, pending: Pending) -> int:
        """How many jobs are read before *pending*."""
        if pending is self._current:
            return 0
        order = sorted(self._waiting(), key=self._order)
        return order.index(pending) + (self._current is not None) if pending in order else 0

    def seconds(self, pending: Pending) -> float:
        """Seconds since *pending* was first asked for."""
        return self._clock() - pending.since

    async def run(self, then: Callable[[Job, Done], None] = lambda job, done: None) -> None:  # noqa: ARG005
        """Read what is asked for, until it is cancelled. *then* gets what was read."""
        while True:
            self._drop_forgotten(self._clock())
            if not self._pending:
                self._work.clear()
                await self._work.wait()
                continue
            job, done = await self._read(min(self._waiting(), key=self._order))
            if isinstance(done, Done):
                then(job, done)

    async def _read(self, pending: Pending) -> tuple[Job, Done | Failed]:
        """Read *pending*, and keep what comes out."""
        self._current, job, start = pending, pending.job, self._clock()
        state = await self._state()

        def tell(message: Progress | Done) -> None:
            if isinstance(message, Progress):
                pending.progress = message.share
            elif not self._knows(job):
                self._keep(pending, Entry(done=message, state=state, tried=self._clock()))

        answer = await self._do(job, tell)
        now = self._clock()
        found, failed = (answer, None) if isinstance(answer, Done) else (None, answer)
        del self._pending[job]
        self._current = None
        self._keep(pending, Entry(done=found, failed=failed, state=state, tried=now, cost=now - start))
        return job, answer

    def _knows(self, job: Job) -> bool:
        """Whether there are figures for *job*."""
        entry = self._cache.get(job)
        return entry is not None and entry.done is not None

    def _keep(self, pending: Pending, entry: Entry) -> None:
        """Keep *entry*, and tell those who wait for it."""
        self._cache.put(pending.job, entry)
        pending.known.set()

    async def _do(self, job: Job, tell: Callable[[Progress | Done], None]) -> Done | Failed:
        """Do *job*. What nobody expected becomes a failure, so that the next job is done all the same."""
        try:
            return await self._reader.do(job, tell)
        except Exception as error:  # noqa: BLE001 - it becomes a page; the traceback is for the log
            traceback.print_exc()
            return Failed(status=500, message=UNEXPECTED.format(error=type(error).__name__))

    def _is_old(self, job: Job, entry: Entry, state: object) -> bool:
        """Whether *entry* should be read again, as the sources are in *state* now."""
        age = self._clock() - entry.tried
        if entry.failed:
            return age > max(FAILED_REST, entry.cost * REST)
        if age < max(MIN_REST, entry.cost * REST):
            return False
        return state != entry.state or (job.moves and age > MOVING)

    def _waiting(self) -> list[Pending]:
        """The jobs that haven't begun."""
        return [each for each in self._pending.values() if each is not self._current]

    def _drop_forgotten(self, now: float) -> None:
        """Forget jobs that nobody waits for any more."""
        for each in self._waiting():
            if each.urgency is not Urgency.AHEAD and now - each.asked > FORGOTTEN:
                del self._pending[each.job]
                each.known.set()

    def _order(self, pending: Pending) -> tuple[int, float]:
        """A sort key: the most urgent first, then the one that was asked for first."""
        return pending.urgency, pending.since


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for *event* at most so many *seconds*; returns whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
