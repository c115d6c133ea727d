"""Start real RQ and Celery workers, each as a process of its own."""

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
from slowtask.install import install_command
from slowtask.record.settings import PREFIX

#: Seconds before the second signal; RQ takes one within a second for a repetition of the first.
WARM_SHUTDOWN_TIMEOUT: Final = 1.2
COLD_SHUTDOWN_TIMEOUT: Final = 5.0  #: seconds before a process is killed
PAUSE: Final = 0.05  #: seconds between two checks of the processes
CELERY: Final = (sys.executable, "-m", "celery", "--app", "slowtask.demo.celery", "worker")
USER_PREFIXES: Final = ("RQ_", "CELERY_", PREFIX)  #: of variables that are a user's settings
TIMED_OPTIONS: Final = ("--job-class", "slowtask.rq.TimedJob", "--worker-class", "slowtask.rq.TimedWorker")


class Processes:
    """*count* processes of one *command*, working in *folder*: `with Processes(…) as processes:`.

    Two *signals* end them: the first asks them to finish the job that they run, the second to abort it.
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
        """Start them."""
        for number in range(1, self._count + 1):
            self.start(f"worker-{number}.log")
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        self.signal(signal.SIGCONT)
        end(self._started, self._signals)

    def signal(self, number: int) -> None:
        """Send the signal *number* to all of them and to their children."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, number)

    def start(self, log: str) -> subprocess.Popen[bytes]:
        """Start another; its output goes to the file *log* of the folder."""
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

    def command(self, log: str) -> Sequence[str]:  # noqa: ARG002 - a subclass uses it
        """The command of the process that writes *log*."""
        return self._command

    def alive(self) -> int:
        """Count those that run."""
        return sum(worker.poll() is None for worker in self._started)


class Workers(Processes):
    """*count* RQ workers on the Redis at *url*; the second SIGTERM is RQ's cold shutdown.

    *queue* names one queue, or several in the order in which they are served: `high low`. With a *log*, they
    are timed workers and write their records to it; without, they are RQ's plain workers. *version* is that
    of the tasks.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self, folder: Path, url: str, count: int, *, queue: str = "default", log: Path | None = None,
        version: str | None = None,
    ) -> None:  # fmt: skip
        require_rq()
        timed = TIMED_OPTIONS if log else ()
        command = [sys.executable, "-m", "rq.cli", "worker", "--url", url, *timed, *queue.split()]
        super().__init__(folder, command, worker_environment(log, version), count)


class CeleryWorker(Processes):
    """A Celery worker of *slots* processes on the broker at *url*, which writes its records to *log*.

    SIGTERM is Celery's warm shutdown, SIGQUIT its cold one.
    """

    def __init__(self, folder: Path, url: str, slots: int, *, log: Path, version: str | None = None) -> None:
        require_celery()
        options = ["--concurrency", str(slots), "--loglevel", "INFO", "--without-mingle", "--without-gossip"]
        command = [*CELERY, "--pool", "prefork", *options]
        # Its temporary files stay if it is killed.
        environment = worker_environment(log, version) | {
            "CELERY_BROKER_URL": url,
            "TMPDIR": str(folder.resolve()),
        }
        super().__init__(folder, command, environment, 1, signals=(signal.SIGTERM, signal.SIGQUIT))

    def command(self, log: str) -> Sequence[str]:
        """Name the worker after its *log*, since RabbitMQ refuses two workers of one name."""
        return [*self._command, "--hostname", f"{Path(log).stem}@%h"]


def require_rq() -> None:
    """Raise `UsageError` if RQ isn't installed; keep the user's key prefix from it."""
    if importlib.util.find_spec("rq") is None:
        raise UsageError(f"RQ isn't installed: {install_command('demo')}.")
    os.environ.pop("RQ_KEY_PREFIX", None)


def require_celery() -> None:
    """Raise `UsageError` if Celery isn't installed."""
    if importlib.util.find_spec("celery") is None:
        raise UsageError(f"Celery isn't installed: {install_command('celery')}.")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """*environment* without the user's settings of RQ, Celery and slowtask."""
    return {key: value for key, value in environment.items() if not key.startswith(USER_PREFIXES)}


def worker_environment(log: Path | None, version: str | None = None) -> dict[str, str]:
    """The variables of a worker that writes its records of a *version* to *log*, if there is one."""
    settings = {"SLOWTASK_LOG": str(log.resolve())} if log else {}
    settings |= {"SLOWTASK_SERVICE_VERSION": version} if version else {}
    return without_settings(os.environ) | settings


def end(workers: list[subprocess.Popen[bytes]], signals: tuple[int, int]) -> None:
    """End *workers* and their children by *signals*, then by SIGKILL."""
    timeouts = (WARM_SHUTDOWN_TIMEOUT, COLD_SHUTDOWN_TIMEOUT)
    for number, seconds in zip(signals, timeouts, strict=True):
        for worker in workers:
            worker.send_signal(number)
        await_all(workers, seconds)
    for worker in workers:
        with suppress(ProcessLookupError):  # its children too
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def await_all(workers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Return when all have ended, or after *seconds*."""
    last = time.monotonic() + seconds
    while time.monotonic() < last and any(worker.poll() is None for worker in workers):
        time.sleep(PAUSE)
