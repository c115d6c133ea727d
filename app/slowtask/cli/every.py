"""Repeat a command as a service, as `slowtask rollup --every 1h` does.

Each round is a process of its own, so that what it read takes no memory until the next one, and so that a
round that fails or runs out of memory doesn't end the service.
"""

import multiprocessing
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Final

import click
from click.exceptions import Exit

from slowtask.cli.terminal import print_message
from slowtask.cli.when import parse_duration
from slowtask.errors import SlowtaskError, UsageError
from slowtask.units import duration

SHORTEST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(days=31)
CHECK_INTERVAL: Final = 0.2  #: seconds after which SIGTERM ends a round at the latest
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Period(click.ParamType[timedelta]):
    """How often something is done, written as 15m or 1h."""

    name = "period"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Convert *value* to a duration, or fail with an example."""
        period = value if isinstance(value, timedelta) else parse_duration(value)
        if period is None or not SHORTEST <= period <= LONGEST:
            self.fail(f"{value!a} is not a period; write it like 15m, 1h or 1d: 10s to 31d", param, ctx)
        return period


class Service:
    """Calls *work* again and again, each time in a process of its own."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work, self._name = work, name
        self.stop = threading.Event()

    def run(self, every: timedelta, done: Path | None = None) -> None:
        """Call it now and after every period until `stop` is set; touch *done* after each success.

        Raises `Exit` if the first round says that an argument or a setting is wrong.
        """
        first = True
        while not self.stop.is_set():
            started = time.monotonic()
            status = self.do_round()
            if first and status == UsageError.status:
                raise Exit(status)
            if not self.stop.is_set():
                took = time.monotonic() - started
                following = max(every.total_seconds() - took, 0)
                self.tell(status, took, following, done)
                self.stop.wait(following)
            first = False
        click.echo(f"{self._name}: stopped.", err=True)

    def do_round(self) -> int:
        """Call the work in a new process, which `stop` ends; return its status, below 0 for a signal."""
        with tempfile.TemporaryDirectory(prefix="slowtask-") as folder:
            process = multiprocessing.get_context("fork").Process(target=self.work_once, args=(folder,))
            process.start()
            while process.is_alive():
                process.join(CHECK_INTERVAL)
                if self.stop.is_set():
                    process.terminate()
        return read_status(process)

    def work_once(self, folder: str) -> None:
        """Call the work in this process, with its temporary files in *folder*, and exit with its status."""
        tempfile.tempdir = folder  # a process that is killed doesn't remove them
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        try:
            self._work()
        except SlowtaskError as mistake:
            print_message(str(mistake))
            sys.exit(mistake.status)

    def tell(self, status: int, took: float, following: float, done: Path | None) -> None:
        """Say how a round ended and when the next one begins; touch *done* if it succeeded."""
        at = f"{datetime.now(UTC) + timedelta(seconds=following):%Y-%m-%d %H:%M} UTC"
        if status:
            click.echo(f"{self._name}: {describe(status)}; the next try is at {at}.", err=True)
            return
        click.echo(f"{self._name}: done in {duration(took)}; the next round is at {at}.", err=True)
        try:
            if done:
                done.touch()
        except OSError as error:
            click.echo(f"{self._name}: {done} can't be touched ({error.strerror}).", err=True)


def read_status(process: ForkProcess) -> int:
    """The status with which *process* has ended."""
    return 1 if process.exitcode is None else process.exitcode


def describe(status: int) -> str:
    """How a round failed, by its *status*."""
    return f"failed with status {status}" if status > 0 else f"ended by {signal.Signals(-status).name}"


def repeat(work: Callable[[], None], name: str, every: timedelta, done: Path | None) -> None:
    """Call *work* now and after every period until SIGTERM or Ctrl-C. Raises `Exit`, as `Service`."""
    service = Service(work, name)
    for number in SIGNALS:
        signal.signal(number, lambda *_: service.stop.set())
    service.run(every, done)
