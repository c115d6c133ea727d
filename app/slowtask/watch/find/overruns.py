"""WATCH: the jobs that run for longer than they should."""

from collections.abc import Iterator
from typing import Final

from slowtask.units import printable
from slowtask.watch.find.commands import stop_job
from slowtask.watch.judge import Overrun
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import Evidence
from slowtask.watch.view import View
from slowtask.watch.words import describe_overrun

#: Of its task's p99: one run in a hundred is over the p99 as a matter of course.
OVERRUN_ALERT_FACTOR: Final = 3.0


def find_overrun(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield of each queue the job that is most over what it may take, or has lost its worker."""
    for queue in view.queues:
        name = queue.queue.name
        worst = max((each for each in view.overruns if each.job.queue == name), key=excess, default=None)
        yield Evidence(
            subject=name,
            queue=name,
            task=worst.job.task if worst else None,
            worker=worst.job.worker if worst else None,
            value=excess(worst) if worst else 0.0,
            critical=None,
            words={"says": describe_overrun(worst) if worst else f"{printable(name)}: no job runs too long."},
            since=worst.job.started / 1e6 if worst else None,
            commands=(stop_job(view, worst.job),) if worst else (),
            blame=queue.blame if worst else None,
        )


def excess(overrun: Overrun) -> float:
    """How far a run is over what it may take; an alert begins at 1."""
    if overrun.why == "lost" or not overrun.allowed:
        return 1.0
    return overrun.took / overrun.allowed / (OVERRUN_ALERT_FACTOR if overrun.why == "p99" else 1.0)
