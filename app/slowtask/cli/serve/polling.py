"""The polling process, as the server sees it: it runs while somebody looks at the page of the queues."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Final

from slowtask.cli.serve.figures import Queues
from slowtask.cli.serve.process import Child
from slowtask.cli.serve.schedule import PATIENCE, wait
from slowtask.cli.serve.setup import Setup

IDLE: Final = 30.0  #: seconds since the page was last asked for, after which polling ends
RETRY: Final = 5.0  #: seconds after which a process that ended is started again
ENDED: Final = "The process that looks at the queues ended. It is started again when you load the page."


class Polling:
    """The newest state of the queues; asking for it starts polling, and it ends when nobody asks."""

    def __init__(self, setup: Setup, *, idle: float = IDLE) -> None:
        self._setup = setup
        self._idle = idle
        self._newest: Queues | None = None
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asked = 0.0
        self.pid: int | None = None  #: the number of the process; None if there is none

    async def find(self, clock: Callable[[], float] | None = None) -> tuple[Queues | None, float]:
        """The newest state, or None if it isn't known yet; and the seconds since polling began."""
        now = (clock or asyncio.get_running_loop().time)()
        self._asked = now
        if self._task is None or self._task.done():
            self._newest, self._began = None, now
            self._arrived.clear()
            self._task = asyncio.create_task(self._poll())
        await wait(self._arrived, PATIENCE)
        return self._newest, now - self._began

    async def close(self) -> None:
        """End polling."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _poll(self) -> None:
        """Run the process until nobody has asked for a while, or it ends."""
        with TemporaryDirectory(prefix="slowtask-serve-") as folder:
            child = await Child.start("slowtask.cli.serve.poll", self._setup, folder)
            self.pid = child.pid
            try:
                await self._receive(child)
            finally:
                await child.end()
                self.pid = None

    async def _receive(self, child: Child) -> None:
        """Take the state of each poll."""
        loop = asyncio.get_running_loop()
        with suppress(EOFError):
            while loop.time() - self._asked < self._idle:
                self._newest = await child.receive()
                self._arrived.set()
            return
        self._newest = Queues(origin="nothing", note=ENDED)
        self._arrived.set()
        await asyncio.sleep(RETRY)
