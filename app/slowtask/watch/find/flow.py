"""WATCH: what is wrong with the flow: nothing leaves, more arrives than leaves, or it is late."""

from collections.abc import Iterator
from typing import Final

from slowtask.units import duration, percent, plural, printable
from slowtask.watch.find.commands import list_workers, start_worker
from slowtask.watch.find.held import find_rival
from slowtask.watch.find.sentences import name_workers, queue_words
from slowtask.watch.pace import MIN_SECONDS
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import CRITICAL, WARNING, Evidence
from slowtask.watch.view import QueueView, View

STALLED_SECONDS: Final = 15.0  #: that nothing may leave although workers are free
#: That a scheduled job may be past its time: RQ's scheduler looks every second.
SCHEDULER_SECONDS: Final = 10.0
MIN_STILL: Final = 2.0  #: seconds that it takes to see that nothing leaves
STARVED_SECONDS: Final = 20.0  #: that the first job may wait while other queues are served
HORIZON: Final = 300.0  #: seconds ahead for which the wait is reckoned
MIN_WAIT: Final = 30.0  #: seconds; a shorter expected wait is no reason to wake anybody
LONG_WAIT: Final = 600.0  #: seconds; from an expected wait of so long on it is critical


def find_stalled(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues that nothing leaves, for no reason that can be seen."""
    for queue in view.queues:
        crew, still = queue.crew, seconds_still(queue)
        if not queue.queue.depth or (crew and crew.complete and (not crew.slots or crew.busy == crew.slots)):
            continue  # other causes tell of workers that are away or held
        unheard = view.poll.workers_delayed and not view.members
        at_first_sight = view.watched < STALLED_SECONDS < queue.late and still >= MIN_STILL
        if still >= STALLED_SECONDS or at_first_sight:
            yield Evidence(
                subject=queue.queue.name,
                queue=queue.queue.name,
                value=CRITICAL if still >= STALLED_SECONDS or unheard else WARNING,
                words=queue_words(queue) | {"still": duration(still)},
                since=view.poll.time / 1e6 - still,
                commands=(list_workers(view), start_worker(view, queue)),
            )


def seconds_still(queue: QueueView) -> float:
    """Return for how long jobs have waited and none has left, though workers are free as far as is known."""
    return queue.pace.idle_free if queue.crew and queue.crew.complete else queue.pace.still


def find_overload(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues to which more comes than their busy workers can do."""
    for queue in view.queues:
        overloaded = is_overloaded(queue)
        if not overloaded or find_rival(queue):
            value = None if overloaded is None else 0.0
            yield Evidence(subject=queue.queue.name, queue=queue.queue.name, value=value)
            continue
        wait = expected_wait(queue, 0.0)
        first = queue.backlog[0].task if queue.backlog else None
        yield Evidence(
            subject=queue.queue.name,
            queue=queue.queue.name,
            task=next(iter(queue.pace.held), first),
            value=CRITICAL if wait >= LONG_WAIT else WARNING,
            words=queue_words(queue)
            | {
                "load": "" if queue.load is None or queue.load < 1 else f"LOAD {percent(queue.load)}: ",
                "busy": describe_holding(queue),
                "wait": duration(wait),
                "later": duration(expected_wait(queue, HORIZON)),
                "advice": queue.advice or "Add workers, or slow the producers.",
            },
            since=view.poll.time / 1e6 - queue.pace.saturated,
            commands=(start_worker(view, queue),),
            blame=queue.blame,
        )


def find_starved(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues that wait because their workers serve another queue first."""
    for queue in view.queues:
        rival = find_rival(queue)
        if rival is None or queue.late < STARVED_SECONDS:
            continue
        members = queue.crew.working if queue.crew else []
        other = next((each for each in view.queues if each.queue.name == rival), queue)
        yield Evidence(
            subject=queue.queue.name,
            queue=queue.queue.name,
            value=CRITICAL if queue.late >= LONG_WAIT else WARNING,
            words=queue_words(queue)
            | {"workers": name_workers(members), "rival": printable(rival)}
            | {f"rival_{word}": text for word, text in queue_words(other).items()},
            since=view.poll.time / 1e6 - queue.late,
            commands=(start_worker(view, queue),),
        )


def is_overloaded(queue: QueueView) -> bool | None:
    """Return whether *queue* grows and its wait will be long; None if that can't be known."""
    pace = queue.pace
    if pace.arrivals is None or pace.busy is None:
        return None if queue.queue.depth else False
    grows = pace.growing or is_growing_at_first_sight(queue)
    return grows and expected_wait(queue, HORIZON) >= MIN_WAIT


def is_growing_at_first_sight(queue: QueueView) -> bool:
    """Return whether *queue* grows, if it is watched for too short a time: its first job waits for longer."""
    pace = queue.pace
    late = queue.late >= MIN_SECONDS > pace.seconds
    return late and pace.saturated > 0 and (pace.arrivals or 0.0) > (pace.departures or 0.0)


def expected_wait(queue: QueueView, seconds: float) -> float:
    """Return how long a job will wait that arrives in so many *seconds*, if all goes on as it does."""
    pace = queue.pace
    if not pace.departures or pace.arrivals is None:
        return queue.late
    depth = queue.queue.depth + max(0.0, pace.arrivals - pace.departures) * seconds
    return depth / pace.departures


def describe_holding(queue: QueueView) -> str:
    """`jobs.export has 81 % of their time, jobs.mail 19 %`."""
    shares = [*queue.pace.held.items()][:2]
    parts = [f"{printable(task or 'others')} {percent(share)}" for task, share in shares if share >= 0.1]  # noqa: PLR2004
    return f" Of their time {', '.join(parts)}." if parts else ""


def find_draining(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues in which a burst waits that drains: no alert, but a word."""
    for queue in view.queues:
        drained = queue.drained_in
        if drained and drained >= 1 and (queue.departures or 0) > (queue.arrivals or 0):
            yield Evidence(
                subject=queue.queue.name,
                queue=queue.queue.name,
                value=0.0,
                words=queue_words(queue) | {"drained": duration(drained)},
            )


def find_schedule_late(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues whose scheduled jobs are due and stay where they are: no scheduler of RQ runs."""
    for queue in view.queues:
        late = (queue.queue.overdue or 0) / 1e9
        if late >= SCHEDULER_SECONDS:
            yield Evidence(
                subject=queue.queue.name,
                queue=queue.queue.name,
                value=CRITICAL if late >= LONG_WAIT else WARNING,
                words={
                    "queue": printable(queue.queue.name),
                    "count": plural(queue.queue.scheduled or 1, "job"),
                    "late": duration(late),
                },
                since=view.poll.time / 1e6 - late,
                commands=(f"{start_worker(view, queue)} --with-scheduler",),
            )


def find_depth(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield the queues for which the user has set how many jobs may wait."""
    for queue in view.queues:
        limit = thresholds.depth.get(queue.queue.name)
        if limit is not None:
            yield Evidence(
                subject=queue.queue.name,
                queue=queue.queue.name,
                task=queue.backlog[0].task if queue.backlog else None,
                blame=queue.blame,
                value=float(queue.queue.depth),
                warning=limit * thresholds.capacity,
                critical=limit,
                words=queue_words(queue) | {"limit": plural(round(limit), "job")},
            )


def find_age(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield the queues for which the user has set how long the first job may have waited."""
    for queue in view.queues:
        limit = thresholds.age.get(queue.queue.name)
        if limit is not None:
            yield Evidence(
                subject=queue.queue.name,
                queue=queue.queue.name,
                task=queue.backlog[0].task if queue.backlog else None,
                blame=queue.blame,
                value=queue.late if queue.queue.oldest is not None or not queue.queue.depth else None,
                warning=limit * thresholds.capacity,
                critical=limit,
                words=queue_words(queue) | {"limit": duration(limit)},
            )
