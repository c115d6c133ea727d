"""`slowtask status --json`: one object, times in seconds, `null` where nothing is known."""

from collections.abc import Sequence
from typing import Any

import msgspec

from slowtask.record.event import SECOND
from slowtask.watch.judge import Blame, Capacity, Forecast, Overrun
from slowtask.watch.view import QueueView, View


def plain(views: Sequence[View]) -> str:
    """*views* as JSON, indented, with a newline at its end: one is an object, several are an array."""
    found = [broker(each) for each in views]
    text = msgspec.json.encode(found[0] if len(found) == 1 else found)
    return msgspec.json.format(text, indent=2).decode() + "\n"


def broker(view: View) -> dict[str, Any]:
    """One broker."""
    memory, held = view.poll.memory, view.poll.held
    return {
        "broker": view.poll.name,
        "system": view.poll.system,
        "server": view.poll.server,
        "capacity": view.capacity.ratio if view.capacity else None,
        "limit": view.capacity.limit.name if view.capacity else None,
        "limits": [limit(each) for each in view.capacities],
        "alarms": [{"kind": each.kind, "node": each.of} for each in view.poll.alarms],
        "blocked": [*view.poll.blocked],
        "gaps": [*view.poll.gaps, *view.poll.notes],
        "held": held.count if held else None,
        "held_oldest": None if held is None or held.oldest is None else held.oldest / SECOND,
        "memory_used": memory.used if memory else None,
        "memory_max": (memory.limit or memory.machine) if memory else None,
        "policy": memory.policy if memory else None,
        "fragmentation": memory.fragmentation if memory else None,
        "full_in": forecast(view.forecast),
        "owners": {each.name: each.share for each in view.owners},
        "queues": [queue(each) for each in view.queues],
        "overruns": [overrun(each) for each in view.overruns],
    }


def limit(found: Capacity) -> dict[str, Any]:
    """One thing that there is only so much of."""
    used, most = found.limit.figures
    return {
        "limit": found.limit.kind,
        "of": found.limit.of,
        "ratio": found.ratio,
        "used": used,
        "most": most,
        "full_in": forecast(found.forecast),
    }


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
        "delivered": seen.delivered,
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
        "guessed": found.guessed,
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
