"""WATCH: the workers of a queue: which are free, busy, silent, gone or paused.

A worker that is frozen may still look idle or busy to the broker. What it doesn't do gives it away: it takes
no job although one waits for it, or ends none although its process that ran one has ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from slowtask.watch.broker import CONNECT_SECONDS, Poll, Queue, Running, Worker

#: `silent`: no sign of life in time. `frozen`: it doesn't do what a worker in its state does.
Condition = Literal["free", "busy", "paused", "frozen", "silent", "gone"]
WORKING: Final[tuple[Condition, ...]] = ("free", "busy")
FROZEN_SECONDS: Final = 2.5  #: that a worker may leave a waiting job alone, or an ended one
MIN_WAIT: Final = 1_000_000_000  #: ns that a job must wait to count: a free worker takes it in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One worker of a crew."""

    worker: Worker
    condition: Condition
    since: float | None = None  #: seconds since the epoch; None if not known
    jobs: Sequence[Running] = ()  #: that it runs, the longest first

    @property
    def is_working(self) -> bool:
        """Whether it runs a job, or would take one."""
        return self.condition in WORKING


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers that serve one queue, or did until they fell silent.

    Example:
        `Crew(members=[], complete=True)`: nobody serves the queue.
    """

    members: Sequence[Member]
    complete: bool  #: whether there are no others that aren't known

    @property
    def working(self) -> list[Member]:
        """The members that run a job, or would take one."""
        return [member for member in self.members if member.is_working]

    @property
    def slots(self) -> int | None:
        """How many jobs it can run at the same time; None if that isn't known."""
        return sum(member.worker.slots for member in self.working) if self.complete else None

    @property
    def busy(self) -> int | None:
        """How many of its slots run a job; None if that isn't known."""
        return sum(busy_slots(member) for member in self.working) if self.complete else None

    @property
    def jobs(self) -> list[Running]:
        """What its working members run, the longest first."""
        found = [job for member in self.working for job in member.jobs]
        return sorted(found, key=lambda job: job.started)

    @property
    def lost(self) -> list[Member]:
        """The members that are gone, silent or frozen, without those that new workers have replaced."""
        gone = self.of("gone")
        began = min((member.since for member in gone if member.since is not None), default=0.0)
        new = [member for member in self.working if (member.worker.born or 0) / 1e6 > began]
        return self.of("silent", "frozen") + gone[len(new) :]

    def of(self, *conditions: Condition) -> list[Member]:
        """Return the members in one of *conditions*."""
        return [member for member in self.members if member.condition in conditions]


def busy_slots(member: Member) -> int:
    """Return how many slots of *member* run a job."""
    return min(member.worker.busy, member.worker.slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a worker may be frozen, and since when (µs)."""

    state: object
    since: int


@dataclass(slots=True)
class Crews:
    """Finds the crews of all queues, poll after poll."""

    doubts: dict[str, Doubt] = field(default_factory=dict)  #: by worker
    changed: dict[str, tuple[Condition, float]] = field(default_factory=dict)  #: by worker, and since when
    members: Sequence[Member] = ()  #: all workers at the last poll
    #: µs since the epoch: until then workers may still connect to a broker that has restarted.
    grace_until: float = 0.0
    before: Poll | None = None

    def find(self, poll: Poll, running: Sequence[Running]) -> dict[str, Crew]:
        """Return the crew of each queue, by name."""
        self._note_restart(poll)
        jobs = jobs_by_worker(running)
        self._keep_doubts(find_doubtful(poll, running), poll.time)
        self.members = [self._judge(worker, poll, jobs.get(worker.name, ())) for worker in poll.workers]
        by_queue = members_by_queue(self.members)
        return {
            queue.name: make_crew(queue, by_queue.get(queue.name, []), self.members, poll)
            for queue in poll.queues
        }

    def _note_restart(self, poll: Poll) -> None:
        """Give the workers time to connect after a restart, the more the longer it lasted."""
        before, self.before = self.before, poll
        uptime = poll.server_facts.uptime if poll.server_facts else None
        if uptime is not None and uptime < CONNECT_SECONDS:
            away = (poll.time - before.time) / 1e6 if before else 0.0
            self.grace_until = max(self.grace_until, poll.time + (CONNECT_SECONDS + away) * 1e6)

    def _keep_doubts(self, doubtful: Mapping[str, object], now: int) -> None:
        """Keep since when each worker has been *doubtful*, as long as the reason stays the same."""
        self.doubts = {
            name: known
            if (known := self.doubts.get(name)) and known.state == state
            else Doubt(state=state, since=now)
            for name, state in doubtful.items()
        }

    def _judge(self, worker: Worker, poll: Poll, jobs: Sequence[Running]) -> Member:
        """Return *worker* with its condition, and since when it is in it."""
        condition, since = self._condition(worker, poll.time)
        if poll.time < self.grace_until and condition in ("gone", "frozen"):
            condition, since = ("busy" if worker.busy else "free"), None
        before, changed = self.changed.get(worker.name, (None, None))
        if condition != before or changed is None:
            changed = poll.time / 1e6 if since is None else since
            self.changed[worker.name] = condition, changed
        return Member(worker=worker, condition=condition, since=changed, jobs=jobs)

    def _condition(self, worker: Worker, now: int) -> tuple[Condition, float | None]:
        """Return the condition of *worker*, and its beginning where that is known."""
        heard = None if worker.heard is None else worker.heard / 1e6
        if worker.is_gone(now):
            return "gone", heard
        if worker.is_silent(now):
            return "silent", heard
        if worker.paused:
            return "paused", None
        doubt = self.doubts.get(worker.name)
        if doubt and (now - doubt.since) / 1e6 >= FROZEN_SECONDS:
            return "frozen", doubt.since / 1e6
        return ("busy" if worker.busy else "free"), None


def find_doubtful(poll: Poll, running: Sequence[Running]) -> dict[str, object]:
    """Return the workers that may be frozen, each with what must change soon if it isn't.

    Only RQ shows at each moment what a worker does: Celery's workers report it themselves.
    """
    if poll.system != "rq":
        return {}
    waiting = {queue.name for queue in poll.queues if (queue.oldest or 0) >= MIN_WAIT}
    handed = {queue.name: queue.handed for queue in poll.queues if queue.handed}
    takers = {find_taker(poll.workers, queue): job for queue, job in handed.items()}
    running_on = {job.worker for job in running}
    found: dict[str, object] = {}
    for worker in poll.workers:
        if worker.busy and worker.name not in running_on:
            found[worker.name] = ("runs nothing", worker.finished)
        elif not worker.busy and worker.name in takers:
            found[worker.name] = ("took", takers[worker.name])
        elif not worker.busy and not waiting.isdisjoint(worker.queues or ()):
            found[worker.name] = ("takes nothing", worker.finished)
    return found


def find_taker(workers: Iterable[Worker], queue: str) -> str | None:
    """Return the worker that took a job of *queue* and hasn't begun it.

    RQ doesn't write down who did: it is the idle one whose last sign of life is the oldest.
    """
    idle = [worker for worker in workers if not worker.busy and queue in (worker.queues or ())]
    return min(idle, key=lambda worker: worker.heard or 0).name if idle else None


def jobs_by_worker(running: Iterable[Running]) -> dict[str, list[Running]]:
    """Return the jobs that run, by worker, the longest first."""
    found: dict[str, list[Running]] = {}
    for job in sorted(running, key=lambda job: job.started):
        if job.worker:
            found.setdefault(job.worker, []).append(job)
    return found


def members_by_queue(members: Iterable[Member]) -> Mapping[str, list[Member]]:
    """Return *members* by each queue that they serve."""
    found: dict[str, list[Member]] = {}
    for member in members:
        for queue in member.worker.queues or ():
            found.setdefault(queue, []).append(member)
    return found


def make_crew(queue: Queue, serving: Sequence[Member], everyone: Sequence[Member], poll: Poll) -> Crew:
    """Make the crew of *queue* of the members that are *serving* it."""
    if queue.consumers == 0 or poll.deserted:
        # The broker's count is right at once; what a worker reported is as old as its last heartbeat.
        gone = [replace(member, condition="gone") for member in serving]
        return Crew(members=gone, complete=True)
    unknown = any(member.worker.queues is None and member.is_working for member in everyone)
    missing = (queue.consumers or 0) > len([member for member in serving if member.is_working])
    unheard = poll.workers_delayed and not everyone
    return Crew(members=serving, complete=not (unknown or missing or unheard))
