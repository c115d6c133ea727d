"""The reading process of `slowtask serve`: does one job after the other, and sends the figures of pages.

It is apart from the server because DuckDB needs much memory while it reads and keeps some of it.
"""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from pickle import HIGHEST_PROTOCOL, dumps
from typing import Any, BinaryIO, Final

from slowtask.cli.compare import compare_runs
from slowtask.cli.diff import keep_tasks
from slowtask.cli.logs import explain_empty, open_store, require_fields
from slowtask.cli.report import monitor_samples
from slowtask.cli.serve.child import take_pipes
from slowtask.cli.serve.figures import Comparison, Ranking, TaskFigures
from slowtask.cli.serve.pages.drawings import draw_history, draw_profile
from slowtask.cli.serve.request import Job, Kind, find_order, make_query, make_wanted, plain_words
from slowtask.cli.serve.setup import Setup
from slowtask.cli.serve.wire import Done, Failed, Progress, send
from slowtask.cli.show.groups import noun_of
from slowtask.cli.show.progress import run_beside
from slowtask.cli.show.report.panels import COLOURED
from slowtask.cli.task import SLOTS, choose_task
from slowtask.errors import ElasticsearchError, SlowtaskError, SourceError, UsageError
from slowtask.rank.link import read_link_pattern
from slowtask.rank.ranking import match_tasks, rank
from slowtask.store import Measurement
from slowtask.store.protocol import Store

PULSE: Final = 0.2  #: seconds between two messages about the progress
Watch = Callable[[Store], AbstractContextManager[None]]  #: sends the progress of a store
BROKEN: Final = (
    "slowtask failed to read the logs ({error}). The traceback is in the output of slowtask serve."
)


def main() -> None:
    """Do the jobs of the server until it closes the pipe."""
    requests, replies = take_pipes()
    setup: Setup = requests.get()
    while True:
        send(replies, do(requests.get(), setup, replies))


def do(job: Job, setup: Setup, replies: BinaryIO) -> Done | Failed:
    """Do *job*; send its progress meanwhile, and the figures as soon as they are read, without charts."""
    began, start = datetime.now(UTC), time.perf_counter()

    def finish(figures: object, *, complete: bool) -> Done:
        took = time.perf_counter() - start
        return Done(figures=dumps(figures, HIGHEST_PROTOCOL), read_at=began, took=took, complete=complete)

    try:
        with redirect_stderr(StringIO()):  # warnings for a terminal: the pages have them
            figures = READERS[job.kind](job, setup, partial(report_progress, replies))
            if draw := DRAWERS.get(job.kind):
                send(replies, finish(figures, complete=False))
                figures = draw(figures)
        return finish(figures, complete=True)
    except SlowtaskError as error:
        return Failed(status=find_status(job, error), message=plain_words(str(error)))
    except Exception as error:  # noqa: BLE001 - it becomes a page, and the next job may do well
        traceback.print_exc()
        return Failed(status=500, message=BROKEN.format(error=type(error).__name__))


def find_status(job: Job, error: SlowtaskError) -> int:
    """The status of HTTP for *error*."""
    if isinstance(error, ElasticsearchError):
        return 502
    return 400 if isinstance(error, UsageError) and job.kind != "task" else 404


@contextmanager
def report_progress(replies: BinaryIO, store: Store) -> Iterator[None]:
    """Send the progress of *store* while the block runs."""

    def send_progress(done: threading.Event) -> None:
        while not done.wait(PULSE):
            send(replies, Progress(share=store.progress()))

    with run_beside(send_progress):
        yield


def open_sources(setup: Setup) -> Store:
    """Open the sources of *setup*, with the monitor's log if none are named. Raises `SlowtaskError`."""
    beside = [] if setup.sources else monitor_samples()
    return open_store(setup.sources, setup.day, setup.zone, setup.custom, beside=beside)


def read_ranking(job: Job, setup: Setup, watch: Watch) -> Ranking:
    """Read the figures of the page `/`. Raises `SlowtaskError`."""
    store, query = open_sources(setup), make_query(job)

    def leading_tasks(measurement: Measurement) -> list[str]:
        require_fields(store, measurement, query)
        if not measurement.figures:
            raise SourceError(explain_empty(measurement, query))
        return [task.task for task in rank(measurement.figures)[:COLOURED]]

    with watch(store):
        history = store.history(query, leading_tasks)
    order = find_order(job)
    return Ranking(
        history=history,
        tasks=match_tasks(rank(history.measurement.figures, order), job.values("task")),
        by=order,
        group=query.group,
        alerts=store.alerts(query),
    )


def read_task(job: Job, setup: Setup, watch: Watch) -> TaskFigures:
    """Read the figures of the page of a task. Raises `SlowtaskError`."""
    store, query = open_sources(setup), make_query(job)
    with watch(store):
        profile = store.profile(job.name, query, choose_task(store, job.name, query), SLOTS)
    return TaskFigures(profile=profile, pattern=read_link_pattern(os.environ))


def read_diff(job: Job, setup: Setup, watch: Watch) -> Comparison:
    """Read the figures of the page `/diff`. Raises `SlowtaskError`."""
    store, query = open_sources(setup), make_query(job)
    with watch(store):
        view = compare_runs(store, make_wanted(job), query)
    return Comparison(view=keep_tasks(view, job.values("task")))


def draw_ranking(figures: Ranking) -> Ranking:
    """Add the charts."""
    return replace(figures, drawings=draw_history(figures.history, noun_of(figures.group)))


def draw_task(figures: TaskFigures) -> TaskFigures:
    """Add the charts."""
    return replace(figures, drawings=draw_profile(figures.profile))


READERS: Final[Mapping[Kind, Callable[[Job, Setup, Watch], Any]]] = {
    "ranking": read_ranking,
    "task": read_task,
    "diff": read_diff,
}
#: What draws the charts of a page, which takes longer than reading a small log.
DRAWERS: Final[Mapping[Kind, Callable[[Any], Any]]] = {"ranking": draw_ranking, "task": draw_task}

if __name__ == "__main__":
    main()
