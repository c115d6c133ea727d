"""Publish mails in a process of its own, as a user's program does: it may hang, and can then be ended.

Run as `python -m slowtask.demo.rabbitmq.publisher MAILS`, where MAILS is a `Mails` in JSON. For each number
on stdin it calls `apply_async` that many times, and prints one line for each call: `ok`, or the error.
"""

import importlib
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
from slowtask.demo.workers import recorded, require_celery
from slowtask.errors import BrokerError

OK: Final = "ok"
LOG: Final = "publisher.log"  #: what else it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    """What is published, where, and how fast."""

    queue: str
    confirm: bool  #: whether by `confirm_publish`; Celery's default is without
    rate: float = 0.0  #: a second; 0: without waiting
    bytes: int = 0  #: of a mail's text
    seconds: float = 10.0  #: that a mail takes at most
    before: int = 0  #: mails that others have published: the first is the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """What became of what one publisher published."""

    ok: int  #: calls of `apply_async` that returned
    errors: int  #: that raised
    lost: int  #: of the tasks of those that returned: they never came to a worker, and don't wait


class Publisher:
    """One that publishes *mails* at *url*, working in *folder*: `with Publisher(…) as publisher:`."""

    def __init__(self, folder: Path, url: str, mails: Mails) -> None:
        require_celery()
        self._folder = folder
        self._mails = mails
        self._environment = recorded(None) | {"CELERY_BROKER_URL": url}
        self._said: queue.Queue[str] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self.asked = 0
        self.said: list[str] = []  #: of each task how that went
        self.last = 0.0  #: when it last said so, by the monotonic clock

    def __enter__(self) -> Self:
        with (self._folder / LOG).open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, json.dumps(asdict(self._mails))],
                cwd=self._folder, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
            )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def publish(self, more: int, patience: float) -> list[str]:
        """Publish so many *more*; how each went, as far as is known after *patience* seconds of silence."""
        self._ask(f"{more}\n")
        self.asked += more
        return self.collect(patience)

    def collect(self, patience: float) -> list[str]:
        """How those went that nothing was known of, until *patience* seconds pass without a word."""
        found: list[str] = []
        while len(self.said) < self.asked:
            try:
                found.append(self._said.get(timeout=patience))
            except queue.Empty:
                break
            self.said.append(found[-1])
        return found

    def _ask(self, line: str) -> None:
        """Tell it *line*. Raises `BrokerError` where it is gone."""
        try:
            if self._process and self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except BrokenPipeError:
            said = (self._folder / LOG).read_text(errors="replace").strip().rpartition("\n")[2]
            raise BrokerError(f"the publisher ended early: {said or 'it said nothing'}.") from None

    @property
    def ok(self) -> int:
        """How many were published, by its own word."""
        return self.said.count(OK)

    @property
    def hangs(self) -> bool:
        """Whether it owes an answer."""
        return len(self.said) < self.asked

    def _listen(self) -> None:
        """Take what it says."""
        if self._process and self._process.stdout:
            for line in self._process.stdout:
                self.last = time.monotonic()
                self._said.put(line.strip())


def publishing(publisher: Publisher, arrived: int) -> Publishing:
    """What became of all that *publisher* published, of which *arrived* tasks are, or were, in the queue."""
    ok = publisher.ok
    return Publishing(ok=ok, errors=len(publisher.said) - ok, lost=max(0, ok - arrived))


def main() -> None:
    """Publish as asked, until stdin ends."""
    mails = Mails(**json.loads(sys.argv[1]))
    demo = importlib.import_module("slowtask.demo.celery")
    demo.app.conf.update(
        task_default_queue=mails.queue,
        broker_transport_options={"confirm_publish": True} if mails.confirm else {},
    )
    numbers = count(mails.before + 1)
    for line in sys.stdin:
        for number in paced(islice(numbers, int(line)), mails.rate):
            print(published(demo, number, mails), flush=True)


def paced(numbers: Iterable[int], rate: float) -> Iterator[int]:
    """*numbers*, *rate* a second."""
    start = time.monotonic()
    for place, number in enumerate(numbers, start=1):
        yield number
        if rate:
            time.sleep(max(0.0, start + place / rate - time.monotonic()))


def published(demo: Any, number: int, mails: Mails) -> str:
    """How it went with mail *number*: `ok`, or the error and its cause."""
    seconds = round(random.uniform(0, mails.seconds), 3)
    task = demo.app.tasks[demo.name(tasks.send_mail)]
    try:
        task.apply_async((f"user{number}", seconds, "x" * mails.bytes))
    except Exception as error:  # noqa: BLE001 - whatever it is, that is what is looked for
        cause = f" of {type(error.__cause__).__name__}" if error.__cause__ else ""
        return f"{type(error).__name__}({error}){cause}"
    return OK


if __name__ == "__main__":
    main()
