"""OTEL: read logs, send their runs, remember how far; until stopped."""

import time
from collections.abc import Callable, Iterable
from threading import Event
from typing import Final, Protocol

from slowtask.otel.exporter import Exporter
from slowtask.otel.follow import Follower, Found
from slowtask.otel.place import PlaceFile
from slowtask.parse.items import Unparsable

IDLE: Final = 0.2  #: seconds between two readings of logs that didn't grow
MAX_PAUSE: Final = 30.0  #: seconds between two tries to send


class Tell(Protocol):
    """Tells a person when the receiver stops accepting runs, and when it accepts them again."""

    def __call__(self, *, accepted: bool) -> None:
        """Tell a person, at a change only."""
        ...


class Service:
    """Follows logs and sends their runs.

    While nothing is accepted, nothing is read either: the runs wait in their logs. The places are saved only
    once all that was read before them is accepted. So each run is sent at least once, and after a crash a few
    are sent again.
    """

    def __init__(  # noqa: PLR0913 - all that one service is made of
        self,
        follower: Follower,
        exporter: Exporter,
        places: PlaceFile,
        stop: Event,
        *,
        interval: float,
        tell: Tell,
    ) -> None:
        """Metrics are sent and places are saved every *interval* seconds."""
        self._follower = follower
        self._exporter = exporter
        self._places = places
        self._stop = stop
        self._interval = interval
        self._tell = tell
        self._save_at = time.monotonic() + interval
        self._complete = True  #: whether all that was read was handed on

    def run(self) -> bool:
        """Work until the stop is set; return whether all that was read is accepted."""
        while not self._stop.is_set():
            self._work()
            if not self._follower.unread:
                self._deliver(self._exporter.send)
                self._stop.wait(IDLE)
        return self._end()

    def run_once(self) -> bool:
        """Send what is in the logs now; return whether all of it is accepted."""
        self._work()
        while self._follower.unread and not self._stop.is_set():
            self._work()
        return self._end()

    def _work(self) -> None:
        """Take the next blocks of all logs, and save the places if it is time."""
        self._take(self._follower.read())
        if time.monotonic() >= self._save_at and self._complete:
            self._save_at = time.monotonic() + self._interval
            if self._deliver(self._exporter.flush):
                self._places.save(self._follower.places())

    def _take(self, found: Iterable[Found]) -> None:
        """Hand on runs; wait where they aren't accepted, and give up if the service is stopped then."""
        for each in found:
            if isinstance(each, Unparsable):
                self._exporter.count_unparsed(str(each.reason))
                continue
            if self._exporter.full and not self._deliver(self._exporter.send):
                self._complete = False
                return
            self._exporter.take(each)

    def _deliver(self, send: Callable[[], bool]) -> bool:
        """Call *send* until all is accepted, or the service is stopped; return which."""
        pause = 1.0
        while not send():
            self._tell(accepted=False)
            if self._stop.wait(pause):
                return False
            pause = min(2 * pause, MAX_PAUSE)
        self._tell(accepted=True)
        return True

    def _end(self) -> bool:
        """Send what is left, save the places, and close; return whether all is accepted."""
        if self._complete:
            self._take(self._follower.finish())
        accepted = self._exporter.close() and self._complete
        if accepted:
            self._places.save(self._follower.places())
        self._tell(accepted=accepted)
        self._follower.close()
        self._places.close()
        return accepted
