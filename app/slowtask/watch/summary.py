"""WATCH: what holds of flow, workers and broker while nothing is wrong with them, or why that isn't known."""

from collections.abc import Iterable, Mapping, Sequence

from slowtask.units import capitalize, percent, plural
from slowtask.watch.causes import find_all
from slowtask.watch.crew import busy_slots
from slowtask.watch.find.broker import describe_start
from slowtask.watch.find.sentences import describe_waiting
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import Finding, Level, Part, Verdict, make_verdict
from slowtask.watch.view import QueueView, View


def judge_view(view: View, thresholds: Thresholds) -> Verdict:
    """Return the verdict of one poll."""
    return judge_findings(view, find_all(view, thresholds))


def judge_findings(view: View, found: Sequence[Finding]) -> Verdict:
    """Return the verdict of a poll of which all is *found* that can be."""
    draining = " ".join(finding.message for finding in found if finding.name == "queue-draining")
    level, flow = describe_flow(view)
    notes: Mapping[Part, tuple[Level, str]] = {
        "flow": (level, draining or flow),
        "workers": describe_workers(view),
        "broker": describe_broker(view),
    }
    return make_verdict(found, notes)


def describe_flow(view: View) -> tuple[Level, str]:
    """Return whether the flow is known, and `1,204 jobs wait; 12.4 jobs/s come and 12.3 leave.`."""
    waiting = sum(each.queue.depth for each in view.queues)
    depth = capitalize(describe_waiting(waiting))
    arrivals = add_known(each.arrivals for each in view.queues)
    departures = add_known(each.departures for each in view.queues)
    if not view.queues:
        return "ok", "No queue has been used yet."
    if arrivals is None or departures is None:
        known: Level = "unknown" if waiting else "ok"
        return known, f"{depth}; how many come and leave isn't known yet."
    return "ok", f"{depth}; {arrivals:.3g} jobs/s come and {departures:.3g} leave."


def add_known(values: Iterable[float | None]) -> float | None:
    """Return the sum of *values*; None if one of them isn't known."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return sum(known) if len(known) == len(listed) else None


def describe_workers(view: View) -> tuple[Level, str]:
    """Return whether the workers are known, and `3 workers, 2 of 3 busy.`."""
    live = [member for member in view.members if member.is_working]
    waiting = any(each.queue.depth for each in view.queues)
    unknown = [each for each in view.queues if not is_known(each)]
    if not live:
        known: Level = "unknown" if unknown and waiting else "ok"
        text = "No worker has reported yet." if unknown else "No worker runs, and no job waits for one."
        return known, text
    busy = sum(map(busy_slots, live))
    slots = sum(member.worker.slots for member in live)
    more = f"; which of them serve {unknown[0].queue.name} isn't known" if unknown else ""
    return "ok", f"{plural(len(live), 'live worker')}, {busy} of {slots} busy{more}."


def is_known(queue: QueueView) -> bool:
    """Whether all workers of *queue* are known."""
    return queue.crew is not None and queue.crew.complete


def describe_broker(view: View) -> tuple[Level, str]:
    """Return `redis://queue is 2.3 % full.`."""
    capacity = view.capacity
    if capacity is None:
        return "ok", f"{view.poll.name} answers; how full it is isn't known."
    used = percent(min(1.0, capacity.ratio))
    text = f"{view.poll.name} answers, {used} of its {capacity.limit.name} in use."
    return "ok", f"{text} {describe_start(view)}".rstrip()
