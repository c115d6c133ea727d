"""WATCH: what a look gives to alarm of, in figures and in the sentences that a person reads."""

from collections.abc import Sequence
from itertools import repeat
from typing import Final

from slowtask.alert import Finding
from slowtask.errors import BrokerError
from slowtask.event import SECOND
from slowtask.judge import Blame, Forecast, Overrun
from slowtask.rank import percent
from slowtask.units import duration, printable, size
from slowtask.watch import Limits, QueueView, View

BLAMED: Final = 3  #: tasks that an alert names
FAR: Final = 3.0  #: times its p99 that a run takes before that is worth an alarm
WORTH: Final = 0.1  #: of the memory: less is not worth a word


def findings(view: View, limits: Limits) -> list[Finding]:
    """All that alarms are made of."""
    of_queues = (each for queue in view.queues for each in _of_queue(queue, limits))
    return [*_of_broker(view, limits), *of_queues, *map(_of_runs, view.queues, repeat(view.overruns))]


def unseen(name: str, error: BrokerError | None) -> Finding:
    """That the broker called *name* can't be seen, or is seen again."""
    return Finding(
        name="broker-unseen",
        subject=name,
        value=0.0 if error is None else 1.0,
        warning=None,
        critical=1.0,
        message=f"{name} is seen again." if error is None else f"nothing is known of the queues: {error}",
    )


def _of_broker(view: View, limits: Limits) -> list[Finding]:
    """Its memory: how full, how soon full, and what happens then."""
    name, memory, capacity = view.look.name, view.look.memory, view.capacity
    found = []
    blamed = view.backlog
    task = blamed[0].task if blamed else None
    if capacity is not None:
        text = capacity_text(view) + blame_text(blamed)
        found.append(
            Finding(
                name="broker-capacity", subject=name, value=capacity.ratio, warning=limits.capacity * 0.9,
                critical=limits.capacity, message=text, task=task,
            )
        )  # fmt: skip
        found.append(
            Finding(
                name="broker-full-soon", subject=name,
                # Once it is critically full, when it will be full is told with that.
                value=None if capacity.ratio >= limits.capacity else _nearness(view.forecast, limits.soon),
                warning=1.0, critical=6.0, message=text, task=task,
            )
        )  # fmt: skip
    if memory is not None:
        odd = memory.policy not in (None, "noeviction") or not memory.limit
        found.append(
            Finding(
                name="broker-policy", subject=name, value=float(odd), warning=1.0, critical=None,
                message=policy_text(name, memory.policy, memory.limit),
            )
        )  # fmt: skip
    return found


def _nearness(forecast: Forecast | None, soon: float) -> float:
    """1 where it will be full in *soon* seconds, 2 in half of them, …; 0 where it isn't filling."""
    return 0.0 if forecast is None else soon / max(forecast.seconds, 1.0)


def capacity_text(view: View) -> str:
    """`redis://… is 83 % full (498 MB of 600 MB), full in 14 min at this rate; …`."""
    capacity = view.capacity
    if capacity is None:
        return f"{view.look.name}: how full it is isn't known."
    parts = [f"{view.look.name} is {percent(min(capacity.ratio, 1.0))} full"]
    parts.append(f" ({size(capacity.used)} of {size(capacity.most)})")
    if view.forecast:
        parts.append(f", full in {forecast_text(view.forecast)} at this rate")
    if view.look.system == "rq":
        parts.append("; when it is full RQ can't work jobs off any more")
    return "".join(parts) + owners_text(view)


def owners_text(view: View) -> str:
    """`; 71 % of it are failed jobs, 20 % queued jobs`."""
    owners = [f"{percent(each.share)} {each.name}" for each in view.owners[:2] if each.share >= WORTH]
    return f"; of it {', '.join(owners)}" if owners else ""


def forecast_text(forecast: Forecast) -> str:
    """`14m 0s (11m 0s to 19m 0s)`."""
    latest = "unknown" if forecast.latest is None else duration(forecast.latest)
    return f"{duration(forecast.seconds)} ({duration(forecast.soonest)} to {latest})"


def blame_text(blamed: Sequence[Blame]) -> str:
    """`. To blame: send_mail: 1,204 waiting, 1h 36m of one worker, 61 % of the backlog; …`."""
    return f". To blame: {'; '.join(map(blamed_text, blamed[:BLAMED]))}" if blamed else ""


def blamed_text(blame: Blame) -> str:
    """One task's part of the backlog."""
    text = f"{printable(blame.task)}: {blame.count:,} waiting"
    if blame.work is not None:
        text += f", {duration(blame.work)} of one worker"
    return text + (f", {percent(blame.share)} of the backlog" if blame.share is not None else "")


def policy_text(name: str, policy: str | None, limit: int) -> str:
    """What is wrong with what happens when it is full."""
    if policy not in (None, "noeviction"):
        return f"{name} evicts ({policy}) when it is full: jobs vanish without a word. Set noeviction."
    if not limit:
        return f"{name} has no maxmemory: it grows until the machine's memory ends. Set one."
    return f"{name} has a maxmemory and evicts nothing, as it should."


def _of_queue(view: QueueView, limits: Limits) -> list[Finding]:
    """Whether its workers keep up, and the limits that were set for it."""
    queue = view.queue
    task = view.blamed[0].task if view.blamed else None
    text = queue_text(view)
    found = [
        Finding(
            name="queue-load", subject=queue.name, queue=queue.name, task=task, message=text,
            value=view.load if queue.depth else 0.0, warning=1.0, critical=None,
        )
    ]  # fmt: skip
    for name, value, limit in (
        ("queue-depth", float(queue.depth), limits.depth.get(queue.name)),
        ("queue-age", (queue.oldest or 0) / SECOND, limits.age.get(queue.name)),
    ):
        if limit is not None:
            found.append(
                Finding(
                    name=name, subject=queue.name, queue=queue.name, task=task, message=text, value=value,
                    warning=limit * limits.capacity, critical=float(limit),
                )
            )  # fmt: skip
    return found


def _of_runs(view: QueueView, overruns: Sequence[Overrun]) -> Finding:
    """Whether a job of one queue runs past its limit, far past its task's own p99, or is lost."""
    name = view.queue.name
    mine = [each for each in overruns if each.job.queue == name]
    worst = max(mine, key=excess, default=None)
    return Finding(
        name="queue-overrun", subject=name, queue=name, warning=1.0, critical=None,
        value=excess(worst) if worst else 0.0,
        task=worst.job.task if worst else None,
        message=overrun_text(worst) if worst else f"{printable(name)}: no job runs for too long.",
    )  # fmt: skip


def excess(overrun: Overrun) -> float:
    """1 from where it is worth an alarm: one run in a hundred is past its p99 as a matter of course."""
    if overrun.why == "lost" or not overrun.allowed:
        return 1.0
    return overrun.took / overrun.allowed / (FAR if overrun.why == "p99" else 1.0)


def overrun_text(overrun: Overrun) -> str:
    """`send_mail has run for 9m 12s on worker-7, usually under 58.0 s (job 6c1f…)`."""
    job = overrun.job
    parts = [f"{printable(job.task or 'a job')} has run for {duration(overrun.took)}"]
    if job.worker:
        parts.append(f"on {printable(job.worker)}")
    if overrun.why == "lost":
        parts.append("without a sign of life for two minutes")
    else:
        what = "usually under" if overrun.why == "p99" else "its limit is"
        parts.append(f"{what} {duration(overrun.allowed or 0.0)}")
    return ", ".join(parts) + f" (job {printable(job.id)})."


def queue_text(view: QueueView) -> str:
    """`default: 61,204 waiting, the first for 22m 0s, 12.4/s come and 5.1/s go; …`."""
    queue = view.queue
    parts = [f"{printable(queue.name)}: {queue.depth:,} waiting"]
    if queue.oldest is not None:
        parts.append(f"the first for {duration(queue.oldest / SECOND)}")
    if view.arrivals is not None and view.departures is not None:
        parts.append(f"{view.arrivals:.3g}/s come and {view.departures:.3g}/s go")
    if view.drained_in is not None and queue.depth:
        parts.append(f"{duration(view.drained_in)} to drain if nothing more came")
    return ", ".join(parts) + blame_text(view.blamed) + (f". {view.advice}" if view.advice else "")
