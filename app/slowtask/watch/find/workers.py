"""WATCH: what is wrong with the workers: none, silent, or serving another queue."""

from collections.abc import Iterator, Sequence
from typing import Final

from slowtask.units import duration, plural, printable
from slowtask.watch.crew import Crew, Member
from slowtask.watch.find.commands import list_workers, serve_again, start_worker
from slowtask.watch.find.sentences import MAX_NAMED, name_workers, queue_words
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import CRITICAL, WARNING, Evidence
from slowtask.watch.view import QueueView, View

RESTART_SECONDS: Final = 8.0  #: that workers may be away: a release restarts them


def find_none(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues in which jobs wait and that no live worker serves."""
    others = live_members(view)
    for queue in view.queues:
        crew = queue.crew
        if not crew or not crew.complete or crew.working or crew.of("paused", "frozen"):
            continue
        if others and not crew.of("silent", "gone"):
            continue
        away = seconds_away(view, queue)
        if crew.of("silent") and not view.poll.deserted and queue.queue.consumers != 0:
            continue  # find_silent tells of them
        if queue.queue.depth and (away >= RESTART_SECONDS or queue.served_at is None):
            yield none_evidence(view, queue, CRITICAL if away >= RESTART_SECONDS else WARNING)
        elif not queue.queue.depth and crew.of("gone") and away >= RESTART_SECONDS:
            yield none_evidence(view, queue, WARNING)


def seconds_away(view: View, queue: QueueView) -> float:
    """Return for how long *queue* has had no worker, as far as that shows."""
    return queue.late if queue.served_at is None else view.poll.time / 1e6 - queue.served_at


def none_evidence(view: View, queue: QueueView, value: float) -> Evidence:
    """Make the evidence that no live worker serves *queue*."""
    crew = queue.crew or Crew(members=(), complete=True)
    lost = crew.of("gone", "silent")
    held = view.poll.unacknowledged.count if view.poll.unacknowledged else 0
    kept = f" They have left {plural(held, 'task')} that comes back only later." if held and lost else ""
    return Evidence(
        subject=queue.queue.name,
        queue=queue.queue.name,
        value=value,
        words=queue_words(queue) | {"lost": f" {describe_lost(lost, view)}" if lost else "", "kept": kept},
        since=min((member.since for member in lost if member.since), default=None),
        commands=(start_worker(view, queue), list_workers(view)),
    )


def describe_lost(members: Sequence[Member], view: View) -> str:
    """`w21 and w22 are gone: last heard 15 s ago.`."""
    now = view.poll.time / 1e6
    seen = [now - member.worker.heard / 1e6 for member in members if member.worker.heard is not None]
    ago = f", last heard {duration(max(0.0, min(seen)))} ago" if seen else ""
    return f"{name_workers(members)} {'is' if len(members) == 1 else 'are'} gone{ago}."


def find_silent(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the workers of each queue that are silent, frozen or gone while others may work."""
    for queue in view.queues:
        crew = queue.crew
        lost = crew.lost if crew else []
        if not crew or not lost:
            continue
        if not crew.working and not crew.of("silent", "frozen"):
            continue  # find_none tells of them
        critical = not crew.working and crew.complete and queue.queue.depth
        yield Evidence(
            subject=queue.queue.name,
            queue=queue.queue.name,
            worker=lost[0].worker.name,
            value=CRITICAL if critical else WARNING,
            words=queue_words(queue) | {"workers": describe_silence(lost, view), "left": describe_left(crew)},
            since=min((member.since for member in lost if member.since), default=None),
            commands=(list_workers(view),),
        )


def describe_silence(members: Sequence[Member], view: View) -> str:
    """`w21 has been silent for 20.0 s`."""
    now = view.poll.time / 1e6
    member = min(members, key=lambda each: each.since or now)
    what = {"gone": "has been gone", "frozen": "has not moved"}.get(member.condition, "has been silent")
    if len(members) > 1:
        what = what.replace("has", "have", 1)
    seconds = duration(max(0.0, now - (member.since or now)))
    return f"{name_workers(members)} {what} for {seconds}"


def describe_left(crew: Crew) -> str:
    """`1 of 2 workers is left.`, or that none is."""
    working = len(crew.working)
    if not working:
        return "no other worker is left"
    verb = "works" if working == 1 else "work"
    return f"{working} of {plural(len(crew.members), 'worker')} still {verb}"


def find_not_consuming(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues in which jobs wait and which none of the live workers serves."""
    others = live_members(view)
    for queue in view.queues:
        crew = queue.crew
        if not crew or not crew.complete or crew.working or not queue.queue.depth:
            continue
        paused = crew.of("paused")
        lost = crew.of("silent", "gone", "frozen")
        if not paused and (lost or not others):
            continue
        away = seconds_away(view, queue)
        yield Evidence(
            subject=queue.queue.name,
            queue=queue.queue.name,
            worker=(paused or others)[0].worker.name,
            value=CRITICAL if away >= RESTART_SECONDS else WARNING,
            words=queue_words(queue) | {"workers": describe_elsewhere(paused, others)},
            commands=(serve_again(view, queue, paused=bool(paused)), list_workers(view)),
        )


def live_members(view: View) -> list[Member]:
    """Return the live workers whose queues are known, whichever they serve."""
    return [member for member in view.members if member.is_working and member.worker.queues is not None]


def describe_elsewhere(paused: Sequence[Member], others: Sequence[Member]) -> str:
    """`celery@a lives but serves no queue`, `w1 lives but serves only mail`."""
    if paused:
        verb = "is" if len(paused) == 1 else "are"
        return f"{name_workers(paused)} {verb} suspended"
    queues = sorted({queue for member in others for queue in member.worker.queues or ()})
    served = f"only {', '.join(map(printable, queues[:MAX_NAMED]))}" if queues else "no queue"
    verbs = "lives but serves" if len(others) == 1 else "live but serve"
    return f"{name_workers(others)} {verbs} {served}"
