"""Tell whether the sources changed, by names, sizes and times of the files."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from slowtask.cli.serve.setup import Setup
from slowtask.errors import SlowtaskError

INTERVAL: Final = 1.0  #: seconds between two checks of the files
REMOTE_INTERVAL: Final = 15.0  #: seconds after which an Elasticsearch is taken to have changed
PATIENCE: Final = 0.1  #: seconds that a request waits for a slow file system


class Changes:
    """The state of the sources, which is read only when it is asked for."""

    def __init__(self, setup: Setup, clock: Callable[[], float] = time.monotonic) -> None:
        self._setup = setup
        self._clock = clock
        self._state: object = None
        self._checked = float("-inf")
        self._check: asyncio.Future[object] | None = None

    async def state(self) -> object:
        """The present state: equal to an earlier one if nothing changed. It doesn't wait for slow files."""
        if self._setup.remote:
            return int(self._clock() / REMOTE_INTERVAL)
        if self._check is None and self._clock() - self._checked >= INTERVAL:
            self._check = asyncio.ensure_future(asyncio.to_thread(find_state, self._setup))
            self._check.add_done_callback(self._note)
        if self._check:
            await asyncio.wait([self._check], timeout=PATIENCE)
        return self._state

    def _note(self, check: "asyncio.Future[object]") -> None:
        """Note what was found."""
        self._check = None
        if not check.cancelled():
            self._checked, self._state = self._clock(), check.result()


def find_state(setup: Setup) -> object:
    """The names, sizes and times of all files; if they can't be found, why."""
    try:
        stats = [(each.name, each.path.stat()) for each in setup.find_logs() if each.path]
    except (SlowtaskError, OSError) as error:
        return str(error)
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
