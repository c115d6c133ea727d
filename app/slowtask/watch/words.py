"""WATCH: the sentences of alerts and of `slowtask status`, a function for each.

A message says what happened, to what, what it means and what to do, in whole sentences.
"""

from collections.abc import Sequence
from typing import Final

from slowtask.units import duration, percent, plural, printable
from slowtask.watch.forecast import Forecast
from slowtask.watch.judge import Capacity, Overrun, TaskBacklog
from slowtask.watch.view import View

#: What happens on a Redis that is full, by queue system.
FULL_REDIS: Final = {
    "rq": "RQ can no longer drain its queues",
    "celery": "Celery's workers die and can no longer drain their queues",
}
#: A worker that starts must write, too.
REMEDY: Final = (
    "Raise maxmemory now, then start the workers that have exited."
    " More workers don't help while Redis is full."
)
MAX_NAMED: Final = 3  #: tasks or connections that a message names
MIN_NAMED_SHARE: Final = 0.1  #: of the memory, from which a message names who holds it


def describe_alarms(view: View) -> str:
    """`amqp://… has a memory alarm on rabbit@a: it blocks publishers, workers go on.`."""
    poll = view.poll
    if not poll.alarms:
        return f"{poll.name} has no alarm on."
    alarms = " and ".join(f"a {alarm.kind} alarm on {printable(alarm.node)}" for alarm in poll.alarms)
    text = f"{poll.name} has {alarms}: it blocks publishers, workers go on."
    return f"{text} {describe_blocked(poll.blocked)}".rstrip()


def describe_blocked(blocked: Sequence[str]) -> str:
    """`3 connections are blocked (app@web-1, …): tasks that they send … are lost without an error.`."""
    if not blocked:
        return ""
    names = ", ".join(map(printable, blocked[:MAX_NAMED])) + (", …" if len(blocked) > MAX_NAMED else "")
    verb = "is" if len(blocked) == 1 else "are"
    return (
        f"{plural(len(blocked), 'connection')} {verb} blocked ({names}): tasks that they send without"
        " confirm_publish are lost without an error. See docs/full-brokers.md."
    )


def describe_capacity(view: View, capacity: Capacity) -> str:
    """How full it is, when it will be full, what happens then, and what to do."""
    text, ending = capacity.limit.describe(view.poll.name), describe_ending(view, capacity)
    if needs_memory(view, capacity):
        return f"{text}: {ending} {REMEDY}"
    if capacity.forecast and not capacity.full:
        text += f". At this rate it is full in {format_forecast(capacity.forecast)}"
    return f"{text}. {ending}"


def describe_ending(view: View, capacity: Capacity) -> str:
    """`When it is full, RQ can no longer drain its queues.`."""
    if capacity.limit.queue is not None:
        if capacity.limit.drops_oldest:
            return "When it is full, RabbitMQ drops the oldest tasks without an error."
        return "When it is full, RabbitMQ refuses tasks; a publisher without confirm_publish gets no error."
    if view.poll.server == "rabbitmq":
        return "At its limit RabbitMQ blocks publishers, workers go on."
    ending = FULL_REDIS.get(view.poll.system, "it accepts nothing more")
    return f"{ending}." if needs_memory(view, capacity) else f"When it is full, {ending}."


def needs_memory(view: View, capacity: Capacity) -> bool:
    """Whether it is a Redis that has reached its `maxmemory`."""
    return capacity.full and capacity.limit.kind == "memory" and view.poll.server == "redis"


def describe_depth(view: View) -> str:
    """`3,669 jobs are waiting.`."""
    count = sum(each.queue.depth for each in view.queues)
    return f"{plural(count, 'job')} {'is' if count == 1 else 'are'} waiting."


def describe_owners(view: View) -> str:
    """`Failed jobs hold 71 % of its memory, queued jobs 20 %.`; empty where nothing holds a tenth of it."""
    shares = [
        (owner.name, percent(owner.share)) for owner in view.owners[:2] if owner.share >= MIN_NAMED_SHARE
    ]
    if not shares:
        return ""
    (first, share), *others = shares
    more = "".join(f", {name} {share}" for name, share in others)
    return f"{first[:1].upper()}{first[1:]} hold {share} of its memory{more}."


def format_forecast(forecast: Forecast) -> str:
    """`14m 0s (11m 0s to 19m 0s)`."""
    return f"{duration(forecast.seconds)} ({duration(forecast.soonest)} to {duration(forecast.latest)})"


def describe_backlog(backlog: Sequence[TaskBacklog]) -> str:
    """`To blame: send_mail: 1,204 waiting, 1h 36m of worker time, 61 % of the backlog; ….`."""
    return f"To blame: {'; '.join(map(describe_task, backlog[:MAX_NAMED]))}." if backlog else ""


def describe_task(task: TaskBacklog) -> str:
    """`send_mail: 1,204 waiting, 1h 36m of worker time, 61 % of the backlog`."""
    about = "about " if task.guessed else ""
    text = f"{printable(task.task)}: {about}{task.count:,} waiting"
    if task.work is not None:
        text += f", {duration(task.work)} of worker time"
    return text + (f", {percent(task.share)} of the backlog" if task.share is not None else "")


def describe_policy(name: str, policy: str | None, limit: int) -> str:
    """What a Redis does at its limit, and whether that is safe for a queue."""
    if policy not in (None, "noeviction"):
        return (
            f"{name} evicts keys when it is full ({policy}), so jobs can vanish without an error."
            " Set maxmemory-policy noeviction."
        )
    if not limit:
        return f"{name} has no maxmemory: it grows until the machine's memory is used up. Set maxmemory."
    return f"{name} has a maxmemory and evicts nothing, as it should."


def describe_overrun(overrun: Overrun) -> str:
    """`send_mail has been running for 9m 12s on worker-7 (job 6c1f…). It usually takes less than 58.0 s.`."""
    job = overrun.job
    on = f" on {printable(job.worker)}" if job.worker else ""
    task = printable(job.task or "a job")
    text = f"{task} has been running for {duration(overrun.took)}{on} (job {printable(job.id)})."
    if overrun.why == "lost":
        return f"{text} It has sent no heartbeat for two minutes: its worker may be dead."
    usual = "It usually takes less than" if overrun.why == "p99" else "Its limit is"
    return f"{text} {usual} {duration(overrun.allowed or 0.0)}."


def describe_overflow(name: str) -> str:
    """Say that a queue of RabbitMQ drops its oldest tasks at its limit, and what to do."""
    return (
        f"{printable(name)} has a limit at which it drops its oldest tasks without an error."
        " Set its overflow to reject-publish, and confirm_publish for publishers."
    )


def describe_mirroring(name: str) -> str:
    """Say that a queue of RabbitMQ is mirrored by a policy, and what to do."""
    return (
        f"{printable(name)} is mirrored by a policy (ha-mode), which RabbitMQ 4 no longer supports. Make it a"
        " quorum queue."
    )
