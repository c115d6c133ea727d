"""Render the status as JSON: times in seconds, unknown values `null`."""

from collections.abc import Sequence
from typing import Any

from slowtask.record.event import SECOND
from slowtask.watch.blame import Blame
from slowtask.watch.broker import Running
from slowtask.watch.crew import Member
from slowtask.watch.forecast import Forecast
from slowtask.watch.judge import Capacity, Overrun, TaskBacklog, run_time
from slowtask.watch.settings import Thresholds
from slowtask.watch.summary import judge_view
from slowtask.watch.verdict import Answer, Finding, Verdict
from slowtask.watch.view import QueueView, View


def make_objects(views: Sequence[View], thresholds: Thresholds) -> Any:
    """Make of *views* what JSON holds: of one view an object, of several an array."""
    brokers = [broker(view) | {"verdict": verdict(judge_view(view, thresholds))} for view in views]
    return brokers[0] if len(brokers) == 1 else brokers


def broker(view: View) -> dict[str, Any]:
    """One broker, with its limits, queues and overruns."""
    memory, held = view.poll.memory, view.poll.unacknowledged
    return {
        "broker": view.poll.name,
        "system": view.poll.system,
        "server": view.poll.server,
        "capacity": view.capacity.ratio if view.capacity else None,
        "limit": view.capacity.limit.name if view.capacity else None,
        "limits": [limit(capacity) for capacity in view.capacities],
        "alarms": [{"kind": alarm.kind, "node": alarm.node} for alarm in view.poll.alarms],
        "blocked": [*view.poll.blocked],
        "gaps": [*view.poll.gaps, *view.poll.notes],
        "held": held.count if held else None,
        "held_oldest": None if held is None or held.oldest is None else held.oldest / SECOND,
        "memory_used": memory.used if memory else None,
        "memory_max": (memory.limit or memory.machine) if memory else None,
        "policy": memory.policy if memory else None,
        "fragmentation": memory.fragmentation if memory else None,
        "full_in": forecast(view.forecast),
        "owners": {owner.name: owner.share for owner in view.owners},
        "queues": [queue(each) for each in view.queues],
        "workers": [worker(member) for member in view.members],
        "running": [running(job, view) for job in view.running],
        "overruns": [overrun(each) for each in view.overruns],
    }


def verdict(judged: Verdict) -> dict[str, Any]:
    """The verdict: its leading cause, and each part."""
    first = cause(judged.first) if judged.first else {}
    parts = {answer.part: part(answer) for answer in judged.answers}
    return {"state": judged.level, "says": judged.message} | first | {"state": judged.level} | parts


def part(answer: Answer) -> dict[str, Any]:
    """One part of the verdict, with what is wrong with it."""
    return {
        "state": answer.level,
        "says": answer.message,
        "causes": [cause(finding) for finding in answer.findings],
    }


def cause(finding: Finding) -> dict[str, Any]:
    """One cause that was found."""
    return {
        "cause": finding.name,
        "state": finding.level,
        "subject": finding.subject,
        "queue": finding.queue,
        "task": finding.task,
        "worker": finding.worker,
        "blame": None if finding.blame is None else label(finding.blame),
        "says": finding.message,
        "todo": finding.todo,
        "commands": [*finding.commands],
        "since": finding.since,
    }


def label(blame: Blame) -> dict[str, Any]:
    """A value of a label whose runs fill the workers, such as a tenant."""
    return {"label": blame.label, "value": blame.value, "share": blame.share, "usual": blame.usual}


def worker(member: Member) -> dict[str, Any]:
    """One worker, and how it is."""
    known = member.worker
    return {
        "worker": known.name,
        "state": member.condition,
        "since": member.since,
        "queues": None if known.queues is None else [*known.queues],
        "busy": known.busy,
        "slots": known.slots,
        "reserved": dict(known.reserved),
    }


def running(job: Running, view: View) -> dict[str, Any]:
    """One job that runs; `usual` is the 99th percentile of its task."""
    usual = view.usual(job.task)
    return {
        "job": job.id,
        "task": job.task,
        "queue": job.queue,
        "worker": job.worker,
        "took": run_time(job, view.poll.time),
        "usual": usual.p99 if usual else None,
        "timeout": job.timeout,
    }


def limit(capacity: Capacity) -> dict[str, Any]:
    """One limit of the broker: memory, disk, or the length of a queue."""
    used, most = capacity.limit.used_and_maximum
    return {
        "limit": capacity.limit.kind,
        "of": capacity.limit.belongs_to,
        "ratio": capacity.ratio,
        "used": used,
        "most": most,
        "full_in": forecast(capacity.forecast),
    }


def forecast(full: Forecast | None) -> dict[str, float] | None:
    """When a limit will be reached; null if it isn't filling."""
    if full is None:
        return None
    return {"seconds": full.seconds, "soonest": full.soonest, "latest": full.latest}


def queue(view: QueueView) -> dict[str, Any]:
    """One queue, with its backlog by task."""
    measured = view.queue
    return {
        "queue": measured.name,
        "type": measured.kind,
        "delivery_limit": measured.delivery_limit,
        "memory": measured.memory,
        "depth": measured.depth,
        "delivered": measured.unacknowledged,
        "oldest": None if measured.oldest is None else measured.oldest / SECOND,
        "running": measured.running,
        "scheduled": measured.scheduled,
        "deferred": measured.deferred,
        "failed": measured.failed,
        "workers": view.workers,
        "busy": view.busy,
        "needed": view.needed,
        "arrivals": view.arrivals,
        "departures": view.departures,
        "load": view.load,
        "drained_in": view.drained_in,
        "backlog": [blame(each) for each in view.backlog],
        "advice": view.advice,
    }


def blame(task: TaskBacklog) -> dict[str, Any]:
    """One task of the backlog."""
    return {
        "task": task.task,
        "count": task.count,
        "margin": task.margin,
        "work": task.work,
        "share": task.share,
        "guessed": task.guessed,
    }


def overrun(late: Overrun) -> dict[str, Any]:
    """One job that runs too long."""
    job = late.job
    return {
        "job": job.id,
        "task": job.task,
        "queue": job.queue,
        "worker": job.worker,
        "took": late.took,
        "allowed": late.allowed,
        "why": late.why,
    }
