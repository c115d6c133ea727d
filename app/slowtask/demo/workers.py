"""RQ and Celery workers of our own, as processes of their own."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from slowtask.errors import UsageError
from slowtask.record.settings import PREFIX

GRACE: Final = 1.2  #: seconds; RQ takes a second signal within one for the first
PATIENCE: Final = 5.0  #: seconds
PAUSE: Final = 0.05  #: seconds
CELERY: Final = (sys.executable, "-m", "celery", "--app", "slowtask.demo.celery", "worker")
THEIRS: Final = ("RQ_", "CELERY_", PREFIX)  #: how the variables begin that are a user's settings
TIMED: Final = ("--job-class", "slowtask.rq.TimedJob", "--worker-class", "slowtask.rq.TimedWorker")


class Processes:
    """*count* processes of one *command*, working in *folder*: `with Processes(…):`.

    They are ended by two *signals*: what asks them to end after the job that they run, and what lets them
    drop that.
    """

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], count: int,
        *, signals: tuple[int, int] = (signal.SIGTERM, signal.SIGTERM),
    ) -> None:  # fmt: skip
        self._folder = folder
        self._command = command
        self._environment = environment
        self._count = count
        self._signals = signals
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for number in range(1, self._count + 1):
            self.start(f"worker-{number}.log")
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGCONT)
        end(self._started, self._signals)

    def signal(self, number: int) -> None:
        """Send signal *number* to all, and to what they have started."""
        for each in self._started:
            if each.poll() is None:
                os.killpg(each.pid, number)

    def start(self, log: str) -> subprocess.Popen[bytes]:
        """One more; what it says goes to the file *log* of the folder."""
        with (self._folder / log).open("wb") as output:
            worker = subprocess.Popen(
                self.command(log),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(worker)
        return worker

    def command(self, log: str) -> Sequence[str]:  # noqa: ARG002 - some have a name by it
        """What starts the one that writes *log*."""
        return self._command

    def alive(self) -> int:
        """How many of them run."""
        return sum(worker.poll() is None for worker in self._started)


class Workers(Processes):
    """*count* RQ workers on the Redis at *url*; the second SIGTERM is RQ's cold shutdown.

    *queue* names one, or several in the order in which they are served: `high low`.
    With a *log* they write their records there; without, they are RQ's plain workers.
    """

    def __init__(
        self, folder: Path, url: str, count: int, *, queue: str = "default", log: Path | None = None
    ) -> None:
        require_rq()
        timed = TIMED if log else ()
        command = [sys.executable, "-m", "rq.cli", "worker", "--url", url, *timed, *queue.split()]
        super().__init__(folder, command, recorded(log), count)


class CeleryWorker(Processes):
    """A Celery worker of *slots* processes on the broker at *url*, which writes its records to *log*.

    SIGTERM is Celery's warm shutdown, SIGQUIT its cold one.
    """

    def __init__(self, folder: Path, url: str, slots: int, *, log: Path) -> None:
        require_celery()
        options = ["--concurrency", str(slots), "--loglevel", "INFO", "--without-mingle", "--without-gossip"]
        command = [*CELERY, "--pool", "prefork", *options]
        # Where it is ended by force, its temporary folder stays.
        environment = recorded(log) | {"CELERY_BROKER_URL": url, "TMPDIR": str(folder.resolve())}
        super().__init__(folder, command, environment, 1, signals=(signal.SIGTERM, signal.SIGQUIT))

    def command(self, log: str) -> Sequence[str]:
        """RabbitMQ lets no two workers have one name."""
        return [*self._command, "--hostname", f"{Path(log).stem}@%h"]


def require_rq() -> None:
    """Have RQ ready to import, with its own defaults. Raises `UsageError` where it isn't installed."""
    if importlib.util.find_spec("rq") is None:
        raise UsageError("this needs RQ: pip install 'slowtask[demo]'.")
    os.environ.pop("RQ_KEY_PREFIX", None)  # the user's queues are no part of this


def require_celery() -> None:
    """Raise `UsageError` where Celery isn't installed."""
    if importlib.util.find_spec("celery") is None:
        raise UsageError("this needs Celery: pip install 'slowtask[celery]'.")


def neutral(environment: Mapping[str, str]) -> dict[str, str]:
    """*environment* without the user's settings of RQ, of Celery and of slowtask."""
    return {key: value for key, value in environment.items() if not key.startswith(THEIRS)}


def recorded(log: Path | None) -> dict[str, str]:
    """The variables of a worker that writes its records to *log*, if there is one."""
    return neutral(os.environ) | ({"SLOWTASK_LOG": str(log.resolve())} if log else {})


def end(workers: list[subprocess.Popen[bytes]], signals: tuple[int, int]) -> None:
    """End *workers*, and what they run: by *signals*, then by force."""
    for number, seconds in zip(signals, (GRACE, PATIENCE), strict=True):
        for worker in workers:
            worker.send_signal(number)
        await_all(workers, seconds)
    for worker in workers:
        with suppress(ProcessLookupError):  # its children too, where it leaves some
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def await_all(workers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Return when all have ended, or the time is up."""
    last = time.monotonic() + seconds
    while time.monotonic() < last and any(worker.poll() is None for worker in workers):
        time.sleep(PAUSE)
