"""WATCH: what would help a crowded queue, by a replay of the log of runs.

A replay takes seconds and DuckDB, so another process makes it, and only while a queue is in trouble.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from slowtask.errors import SlowtaskError

log = logging.getLogger("slowtask.monitor")

READ_INTERVAL: Final = 300.0  #: seconds between two replays, at least
MAX_AGE: Final = 3 * READ_INTERVAL  #: seconds; older advice was for another time


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The 95th percentile of waits in seconds, and the bounds that hold it 90 times in 100."""

    p95: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What would help one queue."""

    queue: str
    sentence: str  #: what to do and what it changes; if it isn't reliable, why nothing is advised
    reliable: bool
    workers: int | None = None  #: to add, by the cheapest change that helps; None: no number is advised
    wait_before: Wait | None = None
    wait_after: Wait | None = None


Read = Callable[[], Mapping[str, Advice]]


def sentence_of(advice: Advice | None) -> str | None:
    """The sentence of *advice*; None if there is none, or it names no change that helps."""
    return advice.sentence if advice and advice.reliable else None


class Adviser:
    """Keeps the advice that *read* gives, by queue, and asks again in a thread.

    *read* may take long, and may raise `SlowtaskError`. No caller waits for it.
    """

    def __init__(
        self, read: Read, interval: float = READ_INTERVAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._interval = interval
        self._clock = clock
        self._advice: Mapping[str, Advice] = {}
        self._read_at: float | None = None  #: when the advice was made
        self._asked_at: float | None = None
        self._problem = ""  #: why the last reading failed
        self.is_reading = False  #: whether a replay is under way
        self._lock = threading.Lock()

    def __call__(self, queue: str) -> Advice | None:
        """The last advice for *queue*, which is in trouble; None where there is none yet, or it is stale."""
        with self._lock:
            now = self._clock()
            due = self._asked_at is None or now - self._asked_at >= self._interval
            if due and not self.is_reading:
                self._asked_at, self.is_reading = now, True
                threading.Thread(target=self._refresh, name="slowtask-advice", daemon=True).start()
            fresh = self._read_at is not None and now - self._read_at < MAX_AGE
            return self._advice.get(queue) if fresh else None

    def say(self, queue: str) -> str | None:
        """The same in a sentence; None also if no change is advised."""
        return sentence_of(self(queue))

    def _refresh(self) -> None:
        """Read the advice; a failure is logged once, and leaves the old advice to become stale."""
        try:
            self._advice, self._read_at, self._problem = self._read(), self._clock(), ""
        except SlowtaskError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                log.info("no advice on workers: %s", error)
        finally:
            self.is_reading = False
