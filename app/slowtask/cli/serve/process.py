"""The reading process, as the server sees it: it is started for a job, and ended when it has none."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, Final

from slowtask.cli.modules import module_command
from slowtask.cli.serve.request import Job
from slowtask.cli.serve.setup import Setup
from slowtask.cli.serve.wire import HEAD, MAX_LENGTH, Done, Failed, Progress, pack, unpack

IDLE: Final = 30.0  #: seconds without a job, after which the process is ended
READ_LIMIT: Final = 900.0  #: seconds that a job may take
ENDED: Final = (
    "The process that read the logs ended{how} before it was done. Choose fewer runs by since or queue, or"
    " give it more memory, and load the page again."
)
TOO_LONG: Final = "Reading took more than 15 minutes. Choose fewer runs by since or queue."

Tell = Callable[[Progress | Done], None]  #: gets what is known before a job is done


def is_preliminary(message: object) -> bool:
    """Whether more will follow."""
    return isinstance(message, Progress) or (isinstance(message, Done) and not message.complete)


class Child:
    """A child process that gets messages and answers with messages."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, setup: Setup, folder: str) -> "Child":
        """Start *module*, which may write to *folder*, and send it *setup*."""
        process = await asyncio.create_subprocess_exec(
            *module_command(module), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": folder},
        )  # fmt: skip
        child = cls(process)
        await child.send(setup)
        return child

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is known to have ended."""
        return self._process.returncode is not None

    async def send(self, message: object) -> None:
        """Send *message*; to a process that has ended, nothing."""
        pipe = self._process.stdin
        with suppress(ConnectionError):
            if pipe is not None:
                pipe.write(pack(message))
                await pipe.drain()

    async def receive(self) -> Any:
        """Wait for the next message. Raises `EOFError` if the process ends."""
        pipe = self._process.stdout
        try:
            length = HEAD.unpack(await pipe.readexactly(HEAD.size))[0] if pipe else 0
            if not pipe or length > MAX_LENGTH:
                raise EOFError
            return unpack(await pipe.readexactly(length))
        except asyncio.IncompleteReadError:
            raise EOFError from None

    async def end(self) -> int:
        """End it at once; returns its exit status, below 0 that of a signal."""
        with suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    async def wait(self) -> int:
        """Wait for the end of a process that is about to end, and return its exit status."""
        return await self._process.wait()


class ReadingProcess:
    """Does one job at a time in a child process, which it starts and ends as needed."""

    def __init__(self, setup: Setup, *, idle: float = IDLE) -> None:
        self._setup = setup
        self._idle = idle
        self._folder = TemporaryDirectory(prefix="slowtask-serve-")
        self._child: Child | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The number of the child process; None if there is none."""
        return self._child.pid if self._child else None

    async def do(self, job: Job, tell: Tell) -> Done | Failed:
        """Do *job*; *tell* gets the progress, and the figures without charts. Each failure is returned."""
        self._stop_timer()
        self._busy = True
        try:
            async with asyncio.timeout(READ_LIMIT):
                return await self._do(job, tell)
        except TimeoutError:
            await self.end()
            return Failed(status=504, message=TOO_LONG)
        except EOFError:
            return Failed(status=500, message=ENDED.format(how=await self._bury()))
        except OSError as error:
            return Failed(
                status=500, message=f"No process can be started to read the logs ({error.strerror})."
            )
        finally:
            self._busy = False
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._end_idle)

    async def end(self) -> None:
        """End the child process, if there is one, and remove what it wrote."""
        child, self._child = self._child, None
        if child:
            await child.end()
            self._clean()

    async def close(self) -> None:
        """End the child process for good."""
        self._stop_timer()
        await self.end()
        self._folder.cleanup()

    async def _do(self, job: Job, tell: Tell) -> Done | Failed:
        """Send *job* to the child, which is started if there is none. Raises `EOFError` if it ends."""
        if self._child and self._child.has_ended:  # while it had no job
            await self.end()
        if self._child is None:
            self._child = await Child.start("slowtask.cli.serve.work", self._setup, self._folder.name)
        await self._child.send(job)
        while is_preliminary(message := await self._child.receive()):
            tell(message)
        answer: Done | Failed = message
        return answer

    async def _bury(self) -> str:
        """Forget a child that ended by itself; returns how, in words."""
        child, self._child = self._child, None
        status = await child.wait() if child else 0
        self._clean()
        return f", killed by signal {-status}," if status < 0 else ""

    def _stop_timer(self) -> None:
        """Keep the child, as it gets a job or is ended now."""
        if self._timer:
            self._timer.cancel()

    def _end_idle(self) -> None:
        """End the child, which had no job for a while."""
        if self._busy:
            return
        task = asyncio.get_running_loop().create_task(self.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _clean(self) -> None:
        """Remove what a child left."""
        for path in Path(self._folder.name).iterdir():
            rmtree(path, ignore_errors=True)
