"""Lines of workers, written while a test kills what ships them."""

import itertools
import threading
from datetime import UTC, datetime

from logs import line, made

OPEN = 5  #: attempts of a stock log that run at a time


class Workers:
    """Writes *burst* attempts every *pause* seconds into logs in *folder*, until it is stopped.

    Two of three are lines of slowtask's, in four files; the third is two lines of a stock RQ worker, in two
    files, between which others begin and end.
    """

    def __init__(self, folder, *, burst=1, pause=0.02):
        self.folder, self._burst, self._pause = folder, burst, pause
        self.ids, self.jobs = [], []  #: of what was written whole: slowtask's, stock
        self._open, self._end = [], threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def attempts(self):
        """How many have ended so far."""
        return len(self.ids) + len(self.jobs)

    @property
    def lines(self):
        """How many lines they took."""
        return len(self.ids) + 2 * len(self.jobs)

    def stop(self):
        """Write no more; what has begun ends."""
        self._end.set()
        self._thread.join()
        while self._open:
            self._finish()

    def _work(self):
        for number in itertools.count():
            if number % self._burst == 0 and self._end.wait(self._pause):
                return
            self._begin(number) if number % 3 == 2 else self._record(number)

    def _record(self, number):
        run = made(number=number)
        self._append(f"slowtask-{number % 4}.ndjson", line(run).decode())
        self.ids.append(run.id)

    def _begin(self, number):
        job = f"00000000-0000-4000-8000-{number:012d}"
        self._append(self._log(job), f"{clock()} Worker {worker(job)}: default: jobs.thumb() ({job})")
        self._open.append(job)
        if len(self._open) > OPEN:
            self._finish()

    def _finish(self):
        job = self._open.pop(0)
        end = f"Successfully completed jobs.thumb() job in 0:00:00.100000s on worker {worker(job)}"
        self._append(self._log(job), f"{clock()} {end}")
        self.jobs.append(job)

    def _append(self, name, text):
        with (self.folder / name).open("a") as log:
            log.write(f"{text}\n")

    def _log(self, job):
        return f"workers-{int(job[-12:]) % 2}.log"


def worker(job):
    """The worker that runs *job*, and nothing else meanwhile."""
    return f"worker-{int(job[-12:]) // 3 % (OPEN + 1)}"


def clock():
    """The time of day, as RQ writes it."""
    return datetime.now(UTC).strftime("%H:%M:%S")
