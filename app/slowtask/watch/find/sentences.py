"""WATCH: the words that sentences about queues and workers share."""

from collections.abc import Sequence
from typing import Final

from slowtask.units import capitalize, duration, percent, plural, printable
from slowtask.watch.blame import Blame
from slowtask.watch.crew import Member
from slowtask.watch.view import QueueView

MAX_NAMED: Final = 3  #: workers, jobs or queues that a sentence names
MAX_LABEL: Final = 40  #: characters of a label, and of its value
MIN_USUAL: Final = 0.01  #: a smaller share is as good as none


def queue_words(view: QueueView) -> dict[str, str]:
    """Return what the sentences say of a queue: its name, what waits, how long."""
    queue = view.queue
    return {
        "queue": printable(queue.name),
        "waiting": describe_waiting(queue.depth),
        "oldest": f", the first for {duration(queue.oldest / 1e9)}" if queue.oldest else "",
        "in": "an unknown number of" if view.arrivals is None else f"{view.arrivals:.3g}",
        "out": "an unknown number" if view.departures is None else f"{view.departures:.3g}",
    }


def describe_waiting(depth: int) -> str:
    """`201 jobs wait`, `1 job waits`, `no job waits`."""
    return f"{plural(depth, 'job')} {'waits' if depth == 1 else 'wait'}" if depth else "no job waits"


def name_workers(members: Sequence[Member]) -> str:
    """`w21`, `w21 and w22`, `w21, w22, w23 and 4 more`."""
    return join_names([printable(member.worker.name)[:40] for member in members])


def join_names(names: Sequence[str]) -> str:
    """`w21`, `w21 and w22`, `w21, w22, w23 and 4 more`."""
    if len(names) > MAX_NAMED:
        return f"{', '.join(names[:MAX_NAMED])} and {len(names) - MAX_NAMED} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def describe_blame(blame: Blame) -> str:
    """`Tenant acme's runs took 71 % of the worker time of mail in the last 5 minutes, usually 12 %.`."""
    whose = f"{printable(blame.label)[:MAX_LABEL]} {printable(blame.value)[:MAX_LABEL]}"
    minutes = round(blame.seconds / 60)
    span = "minute" if minutes <= 1 else f"{minutes} minutes"
    return (
        f"{capitalize(whose)}'s runs took {percent(blame.share)} of the worker time of"
        f" {printable(blame.queue)} in the last {span}{describe_usual(blame.usual)}."
    )


def describe_usual(share: float | None) -> str:
    """`, usually 12 %`; empty if it isn't known."""
    if share is None:
        return ""
    return f", usually {percent(share)}" if share >= MIN_USUAL else ", usually under 1 %"
