"""WATCH: answer autoscalers how many workers some queues need together: `/scale/rq?queue=high&queue=default`.

A number that isn't known is an error, so that an autoscaler falls back to what it was told for that. So is
the sum of several queues if one of them isn't known: it would be too small.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qs

from slowtask.units import printable
from slowtask.watch.metrics.health import Health
from slowtask.watch.view import QueueView

MAX_QUEUES: Final = 200
MAX_NAME: Final = 200  #: characters
MAX_LISTED: Final = 10  #: queues
OK: Final = "200 OK"
BAD_REQUEST: Final = "400 Bad Request"
NOT_FOUND: Final = "404 Not Found"
UNAVAILABLE: Final = "503 Service Unavailable"

Answer = tuple[str, dict[str, Any]]  #: the status, and the body


def answer_scale(
    health: Health, system: str
) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """What answers how many workers queues of *system* need."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        names = parse_qs(environ.get("QUERY_STRING", "")).get("queue", [])
        status, body = find_needed(health, system, list(dict.fromkeys(names)))
        start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [json.dumps(body).encode() + b"\n"]

    return answer


def find_needed(health: Health, system: str, names: list[str]) -> Answer:
    """How many workers the queues called *names* need, each and together."""
    if not 1 <= len(names) <= MAX_QUEUES:
        example = f"/scale/{system}?queue=high&queue=default"
        return BAD_REQUEST, {"error": f"Name 1 to {MAX_QUEUES} queues, such as {example}."}
    view = health.view(system)
    if view is None:
        return UNAVAILABLE, {"error": "The broker can't be read. What the queues need isn't known."}
    queues = {each.queue.name: each for each in view.queues}
    for name in names:
        if name not in queues:
            seen = list_names(queues)
            return NOT_FOUND, {"error": f"There is no queue {show(name)}. The monitor sees {seen}."}
        if (why := explain_unknown(queues[name])) is not None:
            return UNAVAILABLE, {"error": f"What {show(name)} needs isn't known: {why}"}
    needed = {name: queues[name].needed or 0 for name in names}
    return OK, {"system": system, "workers_needed": sum(needed.values()), "queues": needed}


def show(name: str) -> str:
    """The name of a queue, as a terminal may have it."""
    return printable(name)[:MAX_NAME]


def list_names(names: Iterable[str]) -> str:
    """Some of the *names* of queues: `default, high, mail`."""
    first, *rest = [show(name) for name in sorted(names)] or ["none"]
    more = [f"{len(rest) - MAX_LISTED + 1} more"] if len(rest) >= MAX_LISTED else []
    return ", ".join([first, *rest[: MAX_LISTED - 1], *more])


def explain_unknown(view: QueueView) -> str | None:
    """Why it isn't known how many workers a queue needs; None if it is."""
    if view.needed is not None:
        return None
    if view.pace.steady is None and not view.queue.rates:
        return "what arrives was counted for less than half a minute, or can't be counted."
    return "no log has runs of its jobs. Set runs to the workers' logs."
