"""The polling process of `slowtask serve`: looks at the broker every few seconds while somebody looks at it.

It is apart from the server because the run times that the verdict needs are read by DuckDB.
"""

import os
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from slowtask.cli.logs import open_elastic
from slowtask.cli.serve.child import take_pipes
from slowtask.cli.serve.figures import Judged, Queues
from slowtask.cli.serve.monitor_log import SAME_POLL, find_log, judge_lines, read_monitor
from slowtask.cli.serve.setup import Setup
from slowtask.cli.serve.wire import send
from slowtask.errors import SlowtaskError
from slowtask.watch.settings import MonitorSettings, load

FIRST_INTERVAL: Final = 0.5  #: seconds between the first polls, from which rates come
FIRST_POLLS: Final = 7
INTERVAL: Final = 3.0  #: seconds between two polls
NO_SAMPLES: Final = (
    "Nothing is known of the queues: this Elasticsearch has no samples of slowtask monitor. Ship the"
    " monitor's log there. Or start slowtask serve with --redis-url or --celery-url, and it looks at the"
    " broker itself."
)

Look = Callable[[], Queues]


def main() -> None:
    """Poll until the server closes the pipe, and send what each poll shows."""
    requests, replies = take_pipes()
    setup: Setup = requests.get()
    look, polls = make_look(setup), 0
    while True:
        send(replies, look())
        polls += 1
        time.sleep(FIRST_INTERVAL if setup.urls and polls < FIRST_POLLS else INTERVAL)


def make_look(setup: Setup) -> Look:
    """Make what looks at the broker, or at what a monitor wrote; it says what it can't do."""
    try:
        settings = load(setup.config, os.environ) if setup.config else MonitorSettings()
        if setup.urls:
            return look_at_brokers(setup, settings)
        return look_at_samples(setup, settings) if setup.remote else look_at_log(setup, settings)
    except SlowtaskError as error:
        found = Queues(origin="nothing", note=str(error))
        return lambda: found


def look_at_log(setup: Setup, settings: MonitorSettings) -> Look:
    """Make what reads the monitor's log."""
    return lambda: read_monitor(find_log(setup, settings), settings.log, settings, datetime.now(UTC))


def look_at_samples(setup: Setup, settings: MonitorSettings) -> Look:
    """Make what reads the monitor's samples in an Elasticsearch. Raises `UsageError`."""
    store = open_elastic(setup.sources[0])

    def look() -> Queues:
        try:
            lines = store.monitored(SAME_POLL)
        except SlowtaskError as error:
            return Queues(origin="elasticsearch", thresholds=settings, note=str(error))
        return judge_lines(lines, "elasticsearch", settings, datetime.now(UTC), NO_SAMPLES)

    return look


def look_at_brokers(setup: Setup, settings: MonitorSettings) -> Look:
    """Make what polls the brokers. Raises `SlowtaskError`."""
    from slowtask.cli.status import make_watches
    from slowtask.watch.summary import judge_view

    watches = make_watches(setup.urls, setup.sources, settings)

    def look() -> Queues:
        try:
            views = [watch.poll() for watch in watches]
        except SlowtaskError as error:
            return Queues(origin="broker", thresholds=settings, note=str(error))
        except Exception as error:  # noqa: BLE001 - it becomes a page; the traceback is for the log
            traceback.print_exc()
            return Queues(origin="broker", thresholds=settings, note=f"The poll failed: {error!a}.")
        brokers = [Judged(view=view, verdict=judge_view(view, settings)) for view in views]
        return Queues(origin="broker", thresholds=settings, brokers=brokers, at=datetime.now(UTC))

    return look


if __name__ == "__main__":
    main()
