"""WATCH: what ended an alert: what differs between its worst poll and now.

`w31 and w32 started; 12 jobs/s leave; no job waits any more.`
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from slowtask.units import capitalize, duration, printable, size
from slowtask.watch.alerts import STATES, Key
from slowtask.watch.broker import Running
from slowtask.watch.pages import Standing
from slowtask.watch.verdict import Finding
from slowtask.watch.view import QueueView, View

MAX_WORKERS: Final = 1000  #: that are compared
MAX_NAMED: Final = 3
MAX_FACTS: Final = 3  #: in the sentence
CLEARLY: Final = 1.5  #: a rate that is so many times another differs from it
FREED_SHARE: Final = 0.05  #: of the memory
OWN_WORDS: Final = ("the ", "its ", "no ")  #: how a sentence begins that doesn't begin with a name
#: Causes that end with the jobs that run.
HELD: Final = ("workers-held", "workers-hoard", "queue-overrun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a poll showed of what an alert is about: a queue, or the whole broker."""

    workers: Mapping[str, bool]  #: by name: whether it runs a job, or would take one
    jobs: Mapping[str, str]  #: that run: id → task
    depth: int
    late: float  #: seconds that the first job has waited
    arrivals: float | None  #: jobs a second
    departures: float | None
    used: int | None  #: bytes of memory
    limit: int | None
    run_id: str | None  #: of the server
    version: str | None  #: of the task to blame


class Scene:
    """A view, with its queues and running jobs by queue: of a thousand queues each may have an alert."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._queues = {each.queue.name: each for each in view.queues}
        self._jobs: dict[str, list[Running]] = {}
        for job in view.running:
            self._jobs.setdefault(job.queue, []).append(job)

    def queues(self, name: str | None) -> Sequence[QueueView]:
        """Return the queue of that *name*, if there is one; all for None."""
        return self.view.queues if name is None else [self._queues[name]] if name in self._queues else ()

    def jobs(self, name: str | None) -> Sequence[Running]:
        """Return the jobs of the queue *name* that run; all for None."""
        return self.view.running if name is None else self._jobs.get(name, ())


def read_facts(scene: Scene, finding: Finding) -> Facts:
    """Return what *scene* shows of what *finding* is about."""
    view, queues, running = scene.view, scene.queues(finding.queue), scene.jobs(finding.queue)
    crews = [each.crew for each in queues if each.crew]
    members = view.members if finding.queue is None else [each for crew in crews for each in crew.members]
    memory, server, typical = view.poll.memory, view.poll.server_facts, view.usual(finding.task)
    return Facts(
        workers={each.worker.name: each.is_working for each in islice(members, MAX_WORKERS)},
        jobs={job.id: job.task or "a job" for job in islice(running, MAX_WORKERS)},
        depth=sum(each.queue.depth for each in queues),
        late=max((each.late for each in queues), default=0.0),
        arrivals=add_rates(queues, [each.arrivals for each in queues]),
        departures=add_rates(queues, [each.departures for each in queues]),
        used=memory.used if memory else None,
        limit=memory.limit if memory else None,
        run_id=server.run_id if server else None,
        version=typical.version if typical else None,
    )


def add_rates(queues: Sequence[QueueView], rates: Sequence[float | None]) -> float | None:
    """Return the sum of the *rates* that are known; None if none is."""
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known and queues else None


@dataclass(slots=True)
class Endings:
    """Remembers the worst poll of each alert that stands."""

    worst: dict[Key, tuple[tuple[int, float], Facts]] = field(default_factory=dict)

    def note(self, standing: Standing, scene: Scene) -> None:
        """Remember *scene* for each alert for which it is the worst so far."""
        for key, (alert, finding) in standing.items():
            known, bad = self.worst.get(key), badness(finding)
            if alert.calm_since is None and (known is None or bad > known[0]):
                self.worst[key] = bad, read_facts(scene, finding)

    def describe(self, finding: Finding, scene: Scene) -> str:
        """Return the sentence about what ended the alert of *finding*, and forget it; empty if unknown."""
        known = self.worst.pop(finding.key, None)
        if known is None:
            return ""
        found = islice(differences(known[1], read_facts(scene, finding), finding), MAX_FACTS)
        text = "; ".join(found)
        text = capitalize(text) if text.startswith(OWN_WORDS) else text  # a name stays as it is
        if finding.name == "broker-unseen":
            return f"{finding.message} {text}.".removesuffix(" .")
        return f"{text}." if text else "What ended it isn't known."


def badness(finding: Finding) -> tuple[int, float]:
    """Return how bad *finding* is, to compare."""
    value = finding.value or 0.0
    return STATES.index(finding.state or "ok"), -value if finding.lower_is_worse else value


def differences(worst: Facts, now: Facts, finding: Finding) -> Iterator[str]:
    """Yield what differs between the *worst* poll and *now*, what may have ended the alert first."""
    yield from describe_workers(worst, now)
    if worst.run_id and now.run_id and worst.run_id != now.run_id:
        yield "the server has restarted"
    if finding.name in HELD:
        yield from describe_jobs(worst, now, finding)
    if finding.task and now.version and now.version != worst.version:
        yield f"{printable(finding.task)} runs in version {printable(now.version)}"
    yield from describe_memory(worst, now)
    yield from describe_rates(worst, now)
    yield from describe_depth(worst, now)


def describe_workers(worst: Facts, now: Facts) -> Iterator[str]:
    """Yield which workers started, and which are back."""
    working = [name for name, works in now.workers.items() if works]
    if started := [name for name in working if name not in worst.workers]:
        yield f"{join_names(started)} started"
    if back := [name for name in working if worst.workers.get(name) is False]:
        yield f"{join_names(back)} {'is' if len(back) == 1 else 'are'} back"


def describe_jobs(worst: Facts, now: Facts, finding: Finding) -> Iterator[str]:
    """Yield which of the jobs that ran then have ended."""
    ended = [
        f"{printable(task)} ({printable(job)[:8]})"
        for job, task in worst.jobs.items()
        if job not in now.jobs and finding.task in (None, task)
    ]
    if ended:
        yield f"{join_names(ended)} ended"


def describe_memory(worst: Facts, now: Facts) -> Iterator[str]:
    """Yield whether the limit was raised, and how much memory is free again."""
    if worst.used is None or now.used is None:
        return
    if now.limit and worst.limit and now.limit > worst.limit:
        yield f"its memory was raised from {size(worst.limit)} to {size(now.limit)}"
    if worst.used - now.used >= FREED_SHARE * worst.used:
        yield f"{size(worst.used - now.used)} of memory are free again"


def describe_rates(worst: Facts, now: Facts) -> Iterator[str]:
    """Yield whether more leaves, or less comes."""
    if now.departures and now.departures >= CLEARLY * (worst.departures or 0.0):
        yield f"{now.departures:.3g} jobs/s leave"
    if worst.arrivals and now.arrivals is not None and now.arrivals * CLEARLY <= worst.arrivals:
        yield f"{now.arrivals:.3g} jobs/s come, not {worst.arrivals:.3g}"


def describe_depth(worst: Facts, now: Facts) -> Iterator[str]:
    """Yield whether less waits."""
    if worst.depth and not now.depth:
        yield "no job waits any more"
    elif worst.late and now.late * CLEARLY <= worst.late:
        yield f"the first job waits {duration(now.late)}, not {duration(worst.late)}"


def join_names(names: Iterable[str]) -> str:
    """`w21`, `w21 and w22`, `w21, w22, w23 and 4 more`."""
    listed = [printable(name)[:60] for name in names]
    if len(listed) > MAX_NAMED:
        return f"{', '.join(listed[:MAX_NAMED])} and {len(listed) - MAX_NAMED} more"
    return " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1])))
