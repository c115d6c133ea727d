"""Read the changes of alerts from a monitor's log."""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec

from slowtask.parse.sources import Source
from slowtask.record.line import MAX_LINE_BYTES
from slowtask.record.sample import ALERT_DATASET, QUEUE_DATASET, Alert
from slowtask.store import Query

MARK: Final = f'"{ALERT_DATASET}"'.encode()
#: One of them is in the first line of a monitor's log. Logs of runs are long, and aren't read for alerts.
MARKS: Final = (MARK, f'"{QUEUE_DATASET}"'.encode())
MAX_ALERTS: Final = 1000  #: the newest


def read_alerts(sources: Iterable[Source], query: Query) -> list[Alert]:
    """Return the newest changes of alerts' states in the period of *query*, in order of time.

    A log that can't be read has none: who reads the runs in it says so.
    """
    found = (alert for source in sources for alert in _read(source) if _matches(alert, query))
    newest = deque(sorted(found, key=lambda alert: alert.timestamp), maxlen=MAX_ALERTS)
    return drop_reminders(newest)


def _read(source: Source) -> Iterator[Alert]:
    """Yield the alerts in *source*."""
    if source.path is None or not source.path.is_file():  # a pipe can be read only once
        return
    try:
        with source.open() as file:
            first = file.readline(MAX_LINE_BYTES)
            for line in chain([first], file) if any(mark in first for mark in MARKS) else ():
                if MARK in line and (alert := _decode(line)):
                    yield alert
    except (OSError, EOFError, zlib.error):
        return


def _decode(line: bytes) -> Alert | None:
    """Return the alert that *line* is; None for any other line."""
    try:
        return msgspec.json.decode(line, type=Alert)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _matches(alert: Alert, query: Query) -> bool:
    """Whether *alert* is in the period of *query*, and about one of its queues or about none."""
    if query.queues and alert.queue not in (None, *query.queues):
        return False
    if query.since is not None and alert.timestamp < query.since:
        return False
    return query.until is None or alert.timestamp < query.until


def drop_reminders(alerts: Iterable[Alert]) -> list[Alert]:
    """Return *alerts* without those that repeat a state."""
    states: dict[tuple[str, str | None], str] = {}
    found = []
    for alert in alerts:
        key = (alert.name, alert.queue)
        if states.get(key) != alert.state:
            found.append(alert)
        states[key] = alert.state
    return found
