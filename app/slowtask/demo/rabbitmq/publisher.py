"""Publish mails in a process of its own, as a user's program does: it may hang, and can then be ended.

Run as `python -m slowtask.demo.rabbitmq.publisher MAILS`, where MAILS is a `Mails` in JSON. For each number
on stdin it calls `apply_async` that many times, and prints one line for each call: `ok`, or the error.
"""

import json
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Final, Self

from slowtask.demo import tasks
from slowtask.demo.workers import require_celery, worker_environment
from slowtask.errors import BrokerError

OK: Final = "ok"
LOG: Final = "publisher.log"  #: what the process prints to stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    """Which mails to publish, and how fast."""

    queue: str
    confirm: bool  #: whether with `confirm_publish`; Celery's default is without
    rate: float = 0.0  #: mails a second; 0: as fast as possible
    bytes: int = 0  #: of a mail's text
    seconds: float = 10.0  #: run time of a mail at most
    before: int = 0  #: mails that others have published; the first one gets the next number


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """What happened to the mails of one publisher."""

    ok: int  #: calls of `apply_async` that returned
    errors: int  #: calls that raised
    lost: int  #: tasks of calls that returned, which neither wait nor reached a worker


class Publisher:
    """A process that publishes *mails* to *url*: `with Publisher(folder, url, mails) as publisher:`."""

    def __init__(self, folder: Path, url: str, mails: Mails) -> None:
        require_celery()
        self._folder = folder
        self._mails = mails
        self._environment = worker_environment(None) | {"CELERY_BROKER_URL": url}
        self._lines: queue.Queue[str] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self.asked = 0  #: calls that it was asked for
        self.results: list[str] = []  #: of the calls: `ok`, or the error
        self.last = 0.0  #: when the last result came, by the monotonic clock

    def __enter__(self) -> Self:
        """Start the process."""
        with (self._folder / LOG).open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, json.dumps(asdict(self._mails))],
                cwd=self._folder, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
            )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the process."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def publish(self, more: int, silence: float) -> list[str]:
        """Publish *more* mails. Returns the results that come until there is *silence*, in seconds."""
        self._ask(f"{more}\n")
        self.asked += more
        return self.collect(silence)

    def collect(self, silence: float) -> list[str]:
        """Return the outstanding results that come until there is *silence*, in seconds."""
        results: list[str] = []
        while len(self.results) < self.asked:
            try:
                results.append(self._lines.get(timeout=silence))
            except queue.Empty:
                break
            self.results.append(results[-1])
        return results

    def _ask(self, line: str) -> None:
        """Write *line* to the process. Raises `BrokerError` if it has ended."""
        try:
            if self._process and self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except BrokenPipeError:
            last = (self._folder / LOG).read_text(errors="replace").strip().rpartition("\n")[2]
            raise BrokerError(f"the publisher exited early: {last or 'it printed no error'}.") from None

    @property
    def ok(self) -> int:
        """How many calls returned."""
        return self.results.count(OK)

    @property
    def hangs(self) -> bool:
        """Whether results are outstanding."""
        return len(self.results) < self.asked

    def _listen(self) -> None:
        """Read the results that the process prints."""
        if self._process and self._process.stdout:
            for line in self._process.stdout:
                self.last = time.monotonic()
                self._lines.put(line.strip())


def sum_up(publisher: Publisher, arrived: int) -> Publishing:
    """Sum up what *publisher* did, of whose tasks *arrived* are or were in the queue."""
    ok = publisher.ok
    return Publishing(ok=ok, errors=len(publisher.results) - ok, lost=max(0, ok - arrived))


def main() -> None:
    """Publish what is asked for, until stdin ends."""
    from slowtask.demo import celery

    mails = Mails(**json.loads(sys.argv[1]))
    celery.app.conf.update(
        task_default_queue=mails.queue,
        broker_transport_options={"confirm_publish": True} if mails.confirm else {},
    )
    numbers = count(mails.before + 1)
    for line in sys.stdin:
        for number in pace(islice(numbers, int(line)), mails.rate):
            print(publish_mail(celery, number, mails), flush=True)


def pace(numbers: Iterable[int], rate: float) -> Iterator[int]:
    """Yield *numbers*, *rate* a second."""
    start = time.monotonic()
    for place, number in enumerate(numbers, start=1):
        yield number
        if rate:
            time.sleep(max(0.0, start + place / rate - time.monotonic()))


def publish_mail(celery: Any, number: int, mails: Mails) -> str:
    """Publish mail *number*. Returns `ok`, or the error and its cause."""
    seconds = round(random.uniform(0, mails.seconds), 3)
    task = celery.app.tasks[celery.name(tasks.send_mail)]
    try:
        task.apply_async((f"user{number}", seconds, "x" * mails.bytes))
    except Exception as error:  # noqa: BLE001 - any error is a result
        cause = f" of {type(error.__cause__).__name__}" if error.__cause__ else ""
        return f"{type(error).__name__}({error}){cause}"
    return OK


if __name__ == "__main__":
    main()
