"""The runs of one source, one by one."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, tzinfo
from typing import BinaryIO

from slowtask.parse.items import Item, Own, Tally, Unparsable, run_of
from slowtask.parse.reader import Reader
from slowtask.parse.sources import Source
from slowtask.parse.stream import fed, start_of
from slowtask.parse.times import Days
from slowtask.record.event import Run


def events(
    source: Source, *, date: date | None = None, timezone: tzinfo = UTC, tally: Tally | None = None
) -> Iterator[Run | Unparsable]:
    """The runs in *source*, as they are settled, and what can't be read, which is never raised.

    *date* is the day of the first line that gives only a time of day (`stream.start_of` says what is done
    without it); times without a zone are of *timezone*. Memory is bounded. *tally* is kept up to date.
    """
    tally = tally or Tally()
    with source.open() as stream:
        status = os.fstat(stream.fileno())
        out: list[Item] = []
        reader = Reader(out, _days(source, stream, date, timezone), timezone)
        for _ in fed(reader, stream):
            for item in out:
                yield _told(item, status, tally)
            out.clear()
            tally.lines = reader.number


def _told(item: Item, status: os.stat_result, tally: Tally) -> Run | Unparsable:
    """*item* as callers see it; counted."""
    if isinstance(item, Unparsable):
        tally.unparsable[item.reason] += 1
        return item
    tally.events += 1
    return item.run if isinstance(item, Own) else run_of(item, status.st_dev, status.st_ino)


def _days(source: Source, stream: BinaryIO, day: date | None, zone: tzinfo) -> Callable[[int], Days]:
    """What finds the first date, once a line is met that needs it."""
    return lambda first: start_of(source, stream, day, datetime.now(zone), first)
