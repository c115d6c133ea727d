"""RQ workers of our own, as processes of their own."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from slowtask.config import PREFIX
from slowtask.errors import UsageError

GRACE: Final = 1.2  #: seconds; RQ takes a second signal within one for the first
PATIENCE: Final = 5.0  #: seconds
PAUSE: Final = 0.05  #: seconds
TIMED: Final = ("--job-class", "slowtask.rq.TimedJob", "--worker-class", "slowtask.rq.TimedWorker")


class Workers:
    """*count* RQ workers on the Redis at *url*, working in *folder*: `with Workers(…):`.

    *queue* names one, or several in the order in which they are served: `high low`.
    With a *log* they write their records there; without, they are RQ's plain workers.
    """

    def __init__(
        self, folder: Path, url: str, count: int, *, queue: str = "default", log: Path | None = None
    ) -> None:
        self._folder = folder
        timed = TIMED if log else ()
        self._command = [sys.executable, "-m", "rq.cli", "worker", "--url", url, *timed, *queue.split()]
        self._environment = neutral(os.environ)
        if log:
            self._environment["SLOWTASK_LOG"] = str(log.resolve())
        self._count = count
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        require_rq()
        for number in range(1, self._count + 1):
            self.start(f"worker-{number}.log")
        return self

    def __exit__(self, *_: object) -> None:
        end(self._started)

    def start(self, log: str) -> subprocess.Popen[bytes]:
        """One more worker; what it says goes to the file *log* of the folder."""
        with (self._folder / log).open("wb") as output:
            worker = subprocess.Popen(  # noqa: S603 - our own interpreter
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(worker)
        return worker

    def alive(self) -> int:
        """How many of them run."""
        return sum(worker.poll() is None for worker in self._started)


def require_rq() -> None:
    """Have RQ ready to import, with its own defaults. Raises `UsageError` where it isn't installed."""
    if importlib.util.find_spec("rq") is None:
        raise UsageError("this needs RQ: pip install 'slowtask[demo]'.")
    os.environ.pop("RQ_KEY_PREFIX", None)  # the user's queues are no part of this


def neutral(environment: Mapping[str, str]) -> dict[str, str]:
    """*environment* without the user's settings of RQ and of slowtask."""
    return {key: value for key, value in environment.items() if not key.startswith(("RQ_", PREFIX))}


def end(workers: list[subprocess.Popen[bytes]]) -> None:
    """End *workers*, and the work-horses that run: the second signal is RQ's cold shutdown."""
    for signalled in (GRACE, PATIENCE):
        for worker in workers:
            worker.terminate()
        await_all(workers, signalled)
    for worker in workers:
        worker.kill()
        worker.wait()


def await_all(workers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Return when all have ended, or the time is up."""
    last = time.monotonic() + seconds
    while time.monotonic() < last and any(worker.poll() is None for worker in workers):
        time.sleep(PAUSE)
