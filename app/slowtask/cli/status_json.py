"""`slowtask status --json`: one object, times in seconds, `null` where nothing is known."""

from typing import Any

import msgspec

from slowtask.event import SECOND
from slowtask.judge import Blame, Forecast, Overrun
from slowtask.watch import QueueView, View


def plain(view: View) -> str:
    """*view* as JSON, indented, with a newline at its end."""
    memory = view.look.memory
    record = {
        "broker": view.look.name,
        "system": view.look.system,
        "capacity": view.capacity.ratio if view.capacity else None,
        "memory_used": memory.used if memory else None,
        "memory_max": view.capacity.most if view.capacity else None,
        "policy": memory.policy if memory else None,
        "fragmentation": memory.fragmentation if memory else None,
        "full_in": forecast(view.forecast),
        "owners": {each.name: each.share for each in view.owners},
        "queues": [queue(each) for each in view.queues],
        "overruns": [overrun(each) for each in view.overruns],
    }
    return msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"


def forecast(found: Forecast | None) -> dict[str, float | None] | None:
    """When it will be full; null: it is not filling."""
    if found is None:
        return None
    return {"seconds": found.seconds, "soonest": found.soonest, "latest": found.latest}


def queue(view: QueueView) -> dict[str, Any]:
    """One queue."""
    seen = view.queue
    return {
        "queue": seen.name,
        "depth": seen.depth,
        "oldest": None if seen.oldest is None else seen.oldest / SECOND,
        "running": seen.running,
        "scheduled": seen.scheduled,
        "deferred": seen.deferred,
        "failed": seen.failed,
        "workers": seen.workers,
        "busy": seen.busy,
        "arrivals": view.arrivals,
        "departures": view.departures,
        "load": view.load,
        "drained_in": view.drained_in,
        "backlog": [blame(each) for each in view.blamed],
        "advice": view.advice,
    }


def blame(found: Blame) -> dict[str, Any]:
    """One task of the backlog."""
    return {
        "task": found.task,
        "count": found.count,
        "margin": found.margin,
        "work": found.work,
        "share": found.share,
    }


def overrun(found: Overrun) -> dict[str, Any]:
    """One job that runs for too long."""
    job = found.job
    return {
        "job": job.id,
        "task": job.task,
        "queue": job.queue,
        "worker": job.worker,
        "took": found.took,
        "allowed": found.allowed,
        "why": found.why,
    }
