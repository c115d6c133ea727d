"""WATCH: look at as many tasks as a poll has time for, each in its turn."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

SECONDS: Final = 0.008  #: for one call
FIRST_SECONDS: Final = 2.0  #: for the first one, which has all runs of the log's tail


class Turns:
    """Gives tasks their turn until the time is over; the next call goes on with those that were left."""

    def __init__(
        self,
        seconds: float = SECONDS,
        first: float = FIRST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._limit = seconds, first
        self._clock = clock
        self._last: str | None = None

    def take(self, tasks: Sequence[str]) -> Iterator[str]:
        """Yield *tasks*, one after another, as long as there is time; at least one."""
        end, self._limit = self._clock() + self._limit, self._seconds
        place = tasks.index(self._last) + 1 if self._last in tasks else 0
        for task in (*tasks[place:], *tasks[:place]):
            self._last = task
            yield task
            if self._clock() >= end:
                return
