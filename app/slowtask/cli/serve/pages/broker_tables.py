"""The tables of a broker: its queues, what runs, and what waits, with the figures of `slowtask status`."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.pages.cells import section, show_name, table
from slowtask.cli.show.console import UNKNOWN, time_text
from slowtask.cli.show.status import busy_text, count_text, load_text, rate_text, since_text, usual_text
from slowtask.record.event import SECOND
from slowtask.units import percent, plural
from slowtask.watch.broker import Running
from slowtask.watch.judge import TaskBacklog
from slowtask.watch.view import QueueView, View

MAX_ROWS: Final = 200
QUEUE_HEADS: Final = (
    "Queue", "Waiting", "Oldest", "In/s", "Out/s", "Workers busy", "Needed", "Load", "Drained in", "Failed",
)  # fmt: skip
TOO_HIGH: Final = 1.0  #: a load from which on more arrives than the workers can do


def show_tables(view: View, context: Context) -> Iterator[str]:
    """The sections of one broker."""
    if view.queues:
        rows = (queue_row(each, context) for each in view.queues[:MAX_ROWS])
        yield section(f"{plural(len(view.queues), 'queue')}", table("Queues", QUEUE_HEADS, rows))
    if view.running:
        heads = ("What runs", "Since", "Usually under", "Queue", "Worker")
        jobs = (running_row(each, view, context) for each in view.running[:MAX_ROWS])
        yield section("What runs", table("What runs", heads, jobs))
    if view.backlog:
        yield section("What waits", backlog_table(view.backlog[:MAX_ROWS], context))


def queue_row(view: QueueView, context: Context) -> list[str]:
    """The row of one queue; its name leads to the ranking of its runs."""
    queue = view.queue
    oldest = None if queue.oldest is None else queue.oldest / SECOND
    mark = ' class="bad"' if (view.load or 0) >= TOO_HIGH else ""
    figures = (
        f"{queue.depth:,}", time_text(oldest).plain, rate_text(view.arrivals), rate_text(view.departures),
        busy_text(view), UNKNOWN if view.needed is None else f"{view.needed:,}",
    )  # fmt: skip
    return [
        show_name(queue.name, context.link("/", queue=queue.name)),
        *map(escape, figures),
        f"<span{mark}>{escape(load_text(view.load).plain)}</span>",
        escape(time_text(view.drained_in).plain),
        UNKNOWN if queue.failed is None else f"{queue.failed:,}",
    ]


def running_row(job: Running, view: View, context: Context) -> list[str]:
    """The row of one job that runs; one that runs too long stands out."""
    late = next((each for each in view.overruns if each.job.id == job.id), None)
    mark = ' class="bad"' if late else ""
    return [
        show_name(job.task or job.id, context.task(job.task) if job.task else None),
        f"<span{mark}>{escape(since_text(job, view, late).plain)}</span>",
        escape(usual_text(job, view, late).plain),
        show_name(job.queue),
        show_name(job.worker),
    ]


def backlog_table(backlog: Sequence[TaskBacklog], context: Context) -> str:
    """The waiting jobs and their work, by task."""
    rows = (
        [
            show_name(each.task, context.task(each.task)),
            escape(count_text(each)),
            escape(time_text(each.work).plain),
            UNKNOWN if each.share is None else escape(percent(each.share)),
        ]
        for each in backlog
    )
    return table("What waits", ("Task", "Count", "Work", "Share"), rows)
