"""OTEL: follow logs from their places on, whatever happens to their names."""

import os
import time
from collections.abc import Iterator, Sequence

from slowtask.otel.followed import FollowedLog
from slowtask.otel.place import HEAD_LENGTH, Place, find_place
from slowtask.parse.custom import NO_CUSTOM, CustomFormat
from slowtask.parse.items import Unparsable
from slowtask.parse.live import FIND_INTERVAL, MAX_MISSED, find_logs, open_plain
from slowtask.parse.sources import Source
from slowtask.record.append import identity
from slowtask.record.event import Run

Found = Run | Unparsable


class Follower:
    """Reads the logs that *sources* name as `slowtask top` does; without any, slowtask's own log."""

    def __init__(
        self,
        sources: Sequence[str],
        places: Sequence[Place] = (),
        *,
        custom: CustomFormat = NO_CUSTOM,
        from_end: bool = False,
    ) -> None:
        """Go on at *places*. With *from_end*, the logs that are there now are followed from their end."""
        self._sources = sources
        self._custom = custom
        self._places = [*places]  #: of logs that aren't open
        self._logs: dict[tuple[int, int], FollowedLog] = {}  #: by device and inode
        self._find_at = 0.0
        self._from_end = from_end

    def read(self) -> Iterator[Found]:
        """Read on in each log, a block at most, and yield what was found."""
        if time.monotonic() >= self._find_at:
            self._find_at = time.monotonic() + FIND_INTERVAL
            yield from self._find()
        changed = [each for each in self._logs.values() if not each.is_same]
        for each in changed:
            yield from self._leave(each)
        if changed:
            yield from self._find()
        for each in [*self._logs.values()]:
            yield from each.read()

    @property
    def unread(self) -> int:
        """How many bytes of the open logs weren't read yet."""
        return sum(max(0, each.unread) for each in self._logs.values())

    @property
    def count(self) -> int:
        """How many logs are open."""
        return len(self._logs)

    def finish(self) -> Iterator[Found]:
        """Yield the runs that still wait for another line; then nothing more is read."""
        for each in self._logs.values():
            yield from each.finish()

    def places(self) -> list[Place]:
        """How far all logs were read."""
        return [*self._places, *(each.place for each in self._logs.values())]

    def close(self) -> None:
        """Close all logs."""
        for each in self._logs.values():
            each.close()

    def _find(self) -> Iterator[Found]:
        """Open the logs that are new, and close those that are gone and were read to their end."""
        found = dict(self._list())
        for key, each in [*self._logs.items()]:
            each.missed = 0 if key in found else each.missed + 1
            if each.missed > MAX_MISSED and each.unread <= 0:
                yield from self._leave(each)
        for key, source in found.items():
            if key not in self._logs:
                yield from self._open(key, source)
        self._from_end = False

    def _list(self) -> list[tuple[tuple[int, int], Source]]:
        """The logs that can be found now, by device and inode; first those that are known."""
        known = {(place.device, place.inode) for place in self._places}
        found = [(identity(status), source) for status, source in find_logs(self._sources, self._custom)]
        return sorted(found, key=lambda each: each[0] not in known)

    def _open(self, key: tuple[int, int], source: Source) -> Iterator[Found]:
        """Open a log at its place. Of a log and its copy, only the longer one is followed."""
        if (file := open_plain(source)) is None:
            return
        status, start = os.fstat(file.fileno()), os.pread(file.fileno(), HEAD_LENGTH, 0)
        twin = next((each for each in self._logs.values() if each.starts_like(start)), None)
        if twin is not None:
            if status.st_size <= twin.size:
                file.close()
                return
            yield from self._leave(twin)
        place = find_place(self._places, key, start)
        if place is not None:
            self._places.remove(place)
        self._logs[key] = FollowedLog(source, file, place)
        if self._from_end and place is None:
            self._logs[key].skip_to_end()

    def _leave(self, log: FollowedLog) -> Iterator[Found]:
        """Close *log*, which is gone or was written anew, but keep its place."""
        yield from log.finish()
        self._places.append(log.place)
        del self._logs[log.key]
        log.close()
