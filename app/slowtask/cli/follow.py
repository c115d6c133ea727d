"""Follow the log of runs for `slowtask status` and `slowtask monitor`: first its tail, then what is appended.

A log may be rotated by renaming it or by truncating it. Logs of all formats are read, by the parser.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import BinaryIO, Final, Protocol

from slowtask.cli.options import read_custom_format
from slowtask.errors import SlowtaskError
from slowtask.parse.custom import CustomFormat
from slowtask.parse.items import End, Item, OwnRun, Unparsable
from slowtask.parse.live import (
    BLOCK_SIZE,
    FIND_INTERVAL,
    MAX_MISSED,
    find_first_day,
    find_logs,
    open_plain,
)
from slowtask.parse.reader import Reader
from slowtask.parse.sources import Source, is_address
from slowtask.parse.stream import LineSplitter
from slowtask.parse.times import DateTracker
from slowtask.record.append import identity
from slowtask.record.event import EPOCH, SECOND, Run
from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun

log = logging.getLogger("slowtask.monitor")

TAIL: Final = 5_000_000  #: bytes of a log that are read when it is opened
MAX_TAILS: Final = 25_000_000  #: bytes of all logs together then: about 50,000 lines
MAX_BEHIND: Final = 25_000_000  #: bytes; a log that is farther ahead is read from its tail on
MAX_LOGS: Final = 50  #: logs that are followed, those that were written last
READ_SECONDS: Final = 0.02  #: that one call may take to read on
FIRST_READ_SECONDS: Final = 2.0  #: that it may take longer where logs are new
ASK_INTERVAL: Final = 15.0  #: seconds between two questions to an Elasticsearch
MAX_HITS: Final = 5_000  #: runs in one answer
LATE: Final = timedelta(minutes=2)  #: how late a run may arrive in an Elasticsearch

Follow = Callable[[History], None]


def make_follower(sources: Sequence[str]) -> Follow:
    """Make what adds the new runs of *sources* to a history, each time it is called.

    Raises `UsageError` for an address that can't be used.
    """
    if len(sources) == 1 and is_address(sources[0]):
        from slowtask.cli.logs import open_elastic

        return ElasticFollower(open_elastic(sources[0]))
    return FileFollower(sources)


class FollowedLog:
    """One log file that is open, and how far it was read."""

    def __init__(self, source: Source, file: BinaryIO, room: int) -> None:
        """Begin *room* bytes before the end of *file*, or at its begin."""
        self._source = source
        self._file = file
        self.missed = 0  #: searches since it was last found
        self.left_out = max(0, self._size() - room)  #: bytes before the place where it begins
        self._begin(self.left_out)

    def read(self, deadline: float, history: History) -> Iterator[RecentRun]:
        """Read what was appended until *deadline*, by the monotonic clock; yield its runs.

        What may be missing is noted in *history*.
        """
        size, place = self._size(), self._file.tell()
        if size < place:
            history.note_gap("truncated")
            self._begin(0)
        elif size - place > MAX_BEHIND:
            skip(history, size - TAIL - place)
            self._begin(size - TAIL)
        while time.monotonic() < deadline and (block := self._file.read(BLOCK_SIZE)):
            self._splitter.take(block)
        if bad := sum(isinstance(item, Unparsable) for item in self._items):
            history.note_gap("unreadable", times=bad)
        yield from filter(None, map(make_recent, self._items))
        self._items.clear()

    def close(self, history: History) -> None:
        """Close the file, and note in *history* what wasn't read of it."""
        if (rest := self._size() - self._file.tell()) > 0:
            history.note_gap("removed", rest)
        self._file.close()

    def _size(self) -> int:
        """How many bytes the file has."""
        return os.fstat(self._file.fileno()).st_size

    def _begin(self, place: int) -> None:
        """Begin to read at the first line after *place*, as at the begin of a log."""
        self._place = place
        self._items: list[Item] = []
        reader = Reader(self._items, self._find_date, UTC, custom=self._source.custom)
        self._splitter = LineSplitter(reader)
        self._file.seek(max(0, place - 1))
        if place:
            self._file.readline(TAIL)

    def _find_date(self, _first: int) -> DateTracker:
        """The date of the first line that gives only a time of day."""
        return find_first_day(self._source, self._file, self._place)


class FileFollower:
    """Follows the logs that *sources* name as `slowtask top` does; without any, slowtask's own log."""

    def __init__(self, sources: Sequence[str], custom: CustomFormat | None = None) -> None:
        self._sources = sources
        self._custom = read_custom_format() if custom is None else custom
        self._logs: dict[tuple[int, int], FollowedLog] = {}  #: by device and inode
        self._find_at = 0.0
        self._began = False

    def __call__(self, history: History, seconds: float = READ_SECONDS) -> None:
        """Add to *history* what was appended since the last call, reading for so many *seconds* at most."""
        now = time.monotonic()
        if now >= self._find_at:
            self._find_at = now + FIND_INTERVAL
            seconds += self._open_new(history)
        share = seconds / max(1, len(self._logs))
        ends = count(now + share, share)
        logs = self._logs.values()
        history.add([run for each, end in zip(logs, ends, strict=False) for run in each.read(end, history)])

    def _open_new(self, history: History) -> float:
        """Open logs that are new, and close those that are gone; return seconds to read the new ones.

        A log that comes later than the first ones may hold runs before its tail that are missed.
        """
        found = {key: source for _, key, source in self._find()}
        for key, each in [*self._logs.items()]:
            each.missed = 0 if key in found else each.missed + 1
            if each.missed > MAX_MISSED:
                self._logs.pop(key).close(history)
        room = MAX_TAILS
        for key in found.keys() - self._logs.keys():
            if opened := open_log(found[key], min(TAIL, room)):
                self._logs[key] = opened
                room -= TAIL
                if self._began and opened.left_out:
                    skip(history, opened.left_out)
        self._began = True
        return FIRST_READ_SECONDS if room < MAX_TAILS else 0.0

    def _find(self) -> list[tuple[float, tuple[int, int], Source]]:
        """The logs that were written last: when, their identity, and the source."""
        logs = find_logs(self._sources, self._custom)
        found = [(status.st_mtime, identity(status), source) for status, source in logs]
        return sorted(found, key=lambda each: -each[0])[:MAX_LOGS]


class Recent(Protocol):
    """Knows the last runs."""

    def recent(self, since: datetime | None, limit: int) -> Sequence[Run]:
        """Fetch the last *limit* runs that ended at or after *since*. Raises `SlowtaskError`."""
        ...


class ElasticFollower:
    """Asks an Elasticsearch for new runs, in a thread: a slow answer never holds up a poll."""

    def __init__(self, store: Recent, interval: float = ASK_INTERVAL) -> None:
        self._store = store
        self._interval = interval
        self._ask_at = 0.0
        self._thread: threading.Thread | None = None
        self._newest: datetime | None = None

    def __call__(self, history: History) -> None:
        """Let the next question be asked, if it is time; its answer is added to *history* when it comes."""
        now = time.monotonic()
        if now < self._ask_at or (self._thread is not None and self._thread.is_alive()):
            return
        self._ask_at = now + self._interval
        self._thread = threading.Thread(target=self.ask, args=(history,), daemon=True)
        self._thread.start()

    def ask(self, history: History) -> None:
        """Add the runs since the last answer to *history*; after an error the next answer has them."""
        since = self._newest and self._newest - LATE
        try:
            runs = self._store.recent(since, MAX_HITS)
        except SlowtaskError as error:
            log.debug("%s", error)
            return
        if since is not None and len(runs) >= MAX_HITS:
            history.note_gap("too-many")
        history.add(map(recent_of_run, runs))
        self._newest = max((run.timestamp for run in runs), default=self._newest)


def skip(history: History, size: int) -> None:
    """Note in *history* that *size* bytes of a log aren't read, and say so."""
    history.note_gap("too-fast", size)
    log.warning("%.0f MB of the logs of runs weren't read: they grow too fast.", size / 1e6)


def open_log(source: Source, room: int) -> FollowedLog | None:
    """Open the log of *source*, *room* bytes before its end; None if it is compressed or can't be read."""
    file = open_plain(source)
    return None if file is None else FollowedLog(source, file, room)


def make_recent(item: Item) -> RecentRun | None:
    """Make a recent run of what the parser read; None if it isn't a run."""
    if isinstance(item, OwnRun):
        return recent_of_run(item.run)
    if not isinstance(item, End) or not item.task:
        return None
    return RecentRun(
        task=item.task,
        end=item.timestamp / 1e6,
        id=hash((item.id, item.timestamp, item.offset)),
        took=_seconds(item.duration),
        failed=item.outcome == "failure",
        action=item.action,
        reason=item.reason,
        queue=item.queue,
        worker=item.worker,
        host=item.host,
        error=item.error,
        system=item.system,
    )


def recent_of_run(run: Run) -> RecentRun:
    """Make a recent run of one that slowtask recorded."""
    return RecentRun(
        task=run.task,
        end=(run.timestamp - EPOCH).total_seconds(),
        id=hash(run.id),
        took=_seconds(run.duration),
        wait=_seconds(run.wait),
        memory=run.memory,
        failed=run.outcome == "failure",
        action=run.action,
        reason=run.reason,
        queue=run.queue,
        version=run.version,
        worker=run.worker,
        host=run.host,
        error=run.error,
        system=run.system,
        labels=run.labels,
        cpu=_seconds(run.cpu),
    )


def _seconds(nanoseconds: int | None) -> float | None:
    """*nanoseconds* in seconds."""
    return None if nanoseconds is None else nanoseconds / SECOND
