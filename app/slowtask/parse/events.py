"""PARSE: read one log and yield its runs."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, tzinfo
from typing import BinaryIO

from slowtask.parse.dates import find_first_date
from slowtask.parse.items import Item, OwnRun, Tally, Unparsable, to_run
from slowtask.parse.order import feed
from slowtask.parse.reader import Reader
from slowtask.parse.sources import Source
from slowtask.parse.times import DateTracker
from slowtask.record.event import Run


def events(
    source: Source, *, date: date | None = None, timezone: tzinfo = UTC, tally: Tally | None = None
) -> Iterator[Run | Unparsable]:
    """Read one log and yield its runs, in bounded memory.

    A run that is logged in several lines comes once it is complete, so the order is not always that of the
    lines. A line that can't be read is yielded too, never raised.

    Args:
        source: A log that isn't Parquet, as `slowtask.parse.sources.resolve` finds it.
        date: The date of the first line that gives only a time of day, as RQ's lines do. Without it, a line
            with a date beside such a line tells it, or it is counted back from the file's last change; a
            pipe begins today, or yesterday.
        timezone: The zone of times that don't name one.
        tally: Counts lines, runs and unreadable lines while the log is read.

    Yields:
        Each run as a `Run`, and each line that can't be read as an `Unparsable`, with the reason.

    Raises:
        SourceError: The log can't be opened.

    Example:
        Print the names of the tasks that failed, and the lines that can't be read:

        ```python
        from slowtask.parse.events import events
        from slowtask.parse.items import Unparsable
        from slowtask.parse.sources import resolve

        for source in resolve(["worker.log"]):
            for item in events(source):
                if isinstance(item, Unparsable):
                    print(f"{source.name}:{item.line}: {item.sentence}")
                elif item.outcome == "failure":
                    print(item.task)
        ```
    """
    tally = tally or Tally()
    with source.open() as stream:
        status = os.fstat(stream.fileno())
        out: list[Item] = []
        reader = Reader(out, _date_finder(source, stream, date, timezone), timezone, custom=source.custom)
        for _ in feed(reader, stream):
            for item in out:
                yield _count(item, status, tally)
            out.clear()
            tally.lines, tally.skipped = reader.number, reader.skipped
        if reader.guessed is not None:
            tally.guessed = [(source.name, reader.guessed)]


def _count(item: Item, status: os.stat_result, tally: Tally) -> Run | Unparsable:
    """Count *item* in *tally*, and return it as callers see it."""
    if isinstance(item, Unparsable):
        tally.unparsable[item.reason] += 1
        return item
    tally.events += 1
    return item.run if isinstance(item, OwnRun) else to_run(item, status.st_dev, status.st_ino)


def _date_finder(
    source: Source, stream: BinaryIO, day: date | None, zone: tzinfo
) -> Callable[[int], DateTracker]:
    """The function that finds the first date, called only if a line needs it."""
    return lambda first: find_first_date(source, stream, day, datetime.now(zone), first)
