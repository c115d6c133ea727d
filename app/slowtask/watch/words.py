"""WATCH: the sentences of alerts and of `slowtask status`, one function for each."""

from collections.abc import Sequence
from typing import Final

from slowtask.record.event import SECOND
from slowtask.units import duration, percent, plural, printable
from slowtask.watch.judge import Blame, Capacity, Forecast, Overrun
from slowtask.watch.view import QueueView, View

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
WORTH: Final = 0.1  #: of the memory: less is not worth a word


def alarm_text(view: View) -> str:
    """`amqp://… has a memory alarm on rabbit@a: publishers are blocked, workers go on; …`."""
    poll = view.poll
    if not poll.alarms:
        return f"{poll.name} has no alarm on."
    alarms = " and ".join(f"a {each.kind} alarm on {printable(each.node)}" for each in poll.alarms)
    return f"{poll.name} has {alarms}: publishers are blocked, workers go on{blocked_text(poll.blocked)}"


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


def capacity_text(view: View, capacity: Capacity) -> str:
    """`redis://… is 83 % full (498 MB of 600 MB), full in 14 min at this rate; …`."""
    text = capacity.limit.describe(view.poll.name)
    if capacity.forecast and not capacity.full:
        text += f", full in {forecast_text(capacity.forecast)} at this rate"
    return f"{text}{': ' if remedy_text(view, capacity) else '; '}{ending_text(view, capacity)}"


def ending_text(view: View, capacity: Capacity) -> str:
    """What happens when it is full."""
    if capacity.limit.queue is not None:
        if capacity.limit.drops_oldest:
            return "when it is full RabbitMQ drops the oldest tasks without a word"
        return "when it is full RabbitMQ refuses tasks, without a word to who doesn't confirm_publish"
    if view.poll.server == "rabbitmq":
        return "at that limit RabbitMQ blocks publishers, workers go on"
    ending = ENDINGS.get(view.poll.system, "it takes nothing more")
    return ending if remedy_text(view, capacity) else f"when it is full {ending}"


def remedy_text(view: View, capacity: Capacity) -> str:
    """What to do about a Redis that is full."""
    full = capacity.full and capacity.limit.kind == "memory" and view.poll.server == "redis"
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
