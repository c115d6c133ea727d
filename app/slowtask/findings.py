"""WATCH: what a look gives to alarm of, in figures and in the sentences that a person reads."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from typing import Final

from slowtask.alert import Finding
from slowtask.errors import BrokerError
from slowtask.judge import Blame, Capacity, Forecast, Overrun
from slowtask.record.event import SECOND
from slowtask.units import duration, percent, plural, printable, size
from slowtask.watch import Limits, QueueView, View

#: What happens to each queue system on a Redis that is full.
ENDINGS: Final = {
    "rq": "RQ can't work jobs off any more",
    "celery": "Celery's workers die and can't work tasks off any more",
}
#: What to do then: a worker that starts must write, too.
REMEDY: Final = (
    "Raise its maxmemory now, then start workers that have ended; more workers don't help while it is full."
)
BLAMED: Final = 3  #: tasks that an alert names
FAR: Final = 3.0  #: times its p99 that a run takes before that is worth an alarm
OF_BROKER: Final = ("broker-capacity", "broker-full-soon")
OF_QUEUE: Final = ("queue-capacity", "queue-full-soon")
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
    """Its memory and disk, and its queues' own limits: how full, how soon full, and what happens then."""
    found = [_alarm(view), _blind(view)]
    found += [each for one in view.capacities for each in _of_capacity(view, one, limits)]
    look = view.look
    if look.memory is not None and look.server == "redis":
        odd = look.memory.policy not in (None, "noeviction") or not look.memory.limit
        found.append(
            Finding(
                name="broker-policy", subject=look.name, value=float(odd), warning=1.0, critical=None,
                message=policy_text(look.name, look.memory.policy, look.memory.limit),
            )
        )  # fmt: skip
    return found


def _of_capacity(view: View, capacity: Capacity, limits: Limits) -> list[Finding]:
    """One limit."""
    whole = capacity.limit in ("memory", "machine")
    owned = owners_text(view) + waiting_text(view) if whole else ""
    blamed = blamed_for(view, capacity)
    full_name, near_name = OF_QUEUE if capacity.queue else OF_BROKER
    # Once an alarm is on, or it is critically full, that alone is told.
    full = Finding(
        name=full_name,
        subject=subject(view, capacity),
        value=None if capacity.reached else capacity.ratio,
        warning=limits.capacity * 0.9,
        critical=limits.capacity,
        message=capacity_text(view, capacity) + owned + blame_text(blamed) + remedy_text(view, capacity),
        task=blamed[0].task if blamed else None,
        queue=capacity.queue,
    )
    near = None if capacity.ratio >= limits.capacity else _nearness(capacity.forecast, limits.soon)
    return [full, replace(full, name=near_name, value=near, warning=1.0, critical=6.0)]


def subject(view: View, capacity: Capacity) -> str:
    """What an alarm about one limit is about: the broker where it is its memory."""
    name = capacity.queue or view.look.name
    return name if capacity.limit in ("memory", "machine") else f"{name} ({capacity.limit})"


def blamed_for(view: View, capacity: Capacity) -> Sequence[Blame]:
    """The tasks to blame for what fills a queue, or the broker."""
    if capacity.queue is None:
        return view.backlog
    return next((each.blamed for each in view.queues if each.queue.name == capacity.queue), ())


def _alarm(view: View) -> Finding:
    """Whether the broker says itself that it is at a limit."""
    look, blamed = view.look, view.backlog
    return Finding(
        name="broker-alarm", subject=look.name, value=float(bool(look.alarms)), warning=None, critical=1.0,
        message=alarm_text(view) + (blame_text(blamed) if look.alarms else ""),
        task=blamed[0].task if blamed and look.alarms else None,
    )  # fmt: skip


def _blind(view: View) -> Finding:
    """Whether there is something that can't be told."""
    look = view.look
    return Finding(
        name="broker-gaps", subject=look.name, value=float(bool(look.gaps)), warning=1.0, critical=None,
        message=" ".join(look.gaps) or f"{look.name} tells all.",
    )  # fmt: skip


def alarm_text(view: View) -> str:
    """`amqp://… has a memory alarm on rabbit@a: publishers are blocked, workers go on; …`."""
    look = view.look
    if not look.alarms:
        return f"{look.name} has no alarm on."
    alarms = " and ".join(f"a {each.kind} alarm on {printable(each.of)}" for each in look.alarms)
    return f"{look.name} has {alarms}: publishers are blocked, workers go on{blocked_text(look.blocked)}"


def blocked_text(blocked: Sequence[str]) -> str:
    """`; 3 connections are blocked (app@web-1): what they send by apply_async may be lost …`."""
    if not blocked:
        return ""
    named = ", ".join(map(printable, blocked[:BLAMED])) + (", …" if len(blocked) > BLAMED else "")
    verb = "is" if len(blocked) == 1 else "are"
    return (
        f"; {plural(len(blocked), 'connection')} {verb} blocked ({named}): what they send by apply_async"
        " without confirm_publish is lost without an error, see docs/monitor.md"
    )


def _nearness(forecast: Forecast | None, soon: float) -> float:
    """1 where it will be full in *soon* seconds, 2 in half of them, …; 0 where it isn't filling."""
    return 0.0 if forecast is None else soon / max(forecast.seconds, 1.0)


def capacity_text(view: View, capacity: Capacity) -> str:
    """`redis://… is 83 % full (498 MB of 600 MB), full in 14 min at this rate; …`."""
    name, share = view.look.name, percent(min(capacity.ratio, 1.0))
    used, most = size(capacity.used), size(capacity.most)
    node = f" of {printable(capacity.of)}" if capacity.of else ""
    queue = printable(capacity.queue or "")
    match capacity.limit:
        case "disk":
            text = f"{name}: {most} are free on the disk{node}, {used} must stay free"
        case "length":
            text = f"queue {queue} of {name} is {share} full ({capacity.used:,} of {capacity.most:,} tasks)"
        case "bytes":
            text = f"queue {queue} of {name} is {share} full ({used} of {most})"
        case _:
            text = f"{name} is {share} full ({used} of {most}{node})"
    if capacity.forecast and not capacity.full:
        text += f", full in {forecast_text(capacity.forecast)} at this rate"
    return f"{text}{': ' if remedy_text(view, capacity) else '; '}{ending_text(view, capacity)}"


def ending_text(view: View, capacity: Capacity) -> str:
    """What happens when it is full."""
    if capacity.queue is not None:
        if capacity.drops:
            return "when it is full RabbitMQ drops the oldest tasks without a word"
        return "when it is full RabbitMQ refuses tasks, without a word to who doesn't confirm_publish"
    if view.look.server == "rabbitmq":
        return "at that limit RabbitMQ blocks publishers, workers go on"
    ending = ENDINGS.get(view.look.system, "it takes nothing more")
    return ending if remedy_text(view, capacity) else f"when it is full {ending}"


def remedy_text(view: View, capacity: Capacity) -> str:
    """What to do about a Redis that is full."""
    full = capacity.full and capacity.limit == "memory" and view.look.server == "redis"
    return f". {REMEDY}" if full else ""


def waiting_text(view: View) -> str:
    """`; 3,669 jobs wait`."""
    count = sum(each.queue.depth for each in view.queues)
    return f"; {plural(count, 'job')} {'waits' if count == 1 else 'wait'}"


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
    about = "about " if blame.guessed else ""
    text = f"{printable(blame.task)}: {about}{blame.count:,} waiting"
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
    return [*found, *_of_kind(view)]


def _of_kind(view: QueueView) -> list[Finding]:
    """What is wrong with how the queue is made: told where it is so, and where it is no more."""
    name = printable(view.queue.name)
    return [
        Finding(
            name="queue-drops", subject=view.queue.name, queue=view.queue.name, warning=1.0, critical=None,
            value=float(view.queue.drops),
            message=f"{name} has a limit and drops its oldest tasks there, without a word: set overflow to"
            " reject-publish, and have publishers confirm_publish."
            if view.queue.drops
            else f"{name} drops nothing.",
        ),
        Finding(
            name="queue-mirrored", subject=view.queue.name, queue=view.queue.name, warning=1.0, critical=None,
            value=float(view.queue.mirrored),
            message=f"{name} is mirrored by a policy (ha-mode), which RabbitMQ 4 no longer does: make it a"
            " quorum queue."
            if view.queue.mirrored
            else f"{name} isn't mirrored.",
        ),
    ]  # fmt: skip


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
