"""How long tasks usually take, by the log of their runs.

Recent runs are followed; a summary of a longer time is read again every few minutes.
"""

import glob
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from slowtask.errors import SourceError
from slowtask.units import printable
from slowtask.watch.history import MIN_TYPICAL, History
from slowtask.watch.judge import Typical

log = logging.getLogger("slowtask.monitor")

READ_INTERVAL: Final = 300.0  #: seconds between two readings of the log
UNKNOWN: Final = "Run times and tasks to blame are unknown"
SETTING: Final = "SLOWTASK_MONITOR_RUNS (runs in --config)"


class Read(Protocol):
    """Reads the typical times of tasks out of the log of runs."""

    def __call__(self, queue: str | None = None) -> Mapping[str, Typical]:
        """By task, of *queue* or of all queues; empty without runs. Raises `SourceError`."""
        ...


class Runs:
    """The recent runs of tasks, and their typical times.

    Args:
        read: Reads the summary of a longer time from *sources*.
        sources: What the user named.
        interval: Seconds between two summaries.
        notify: Is called with a problem as a sentence, and with None once it is over.
        follow: Adds to a history the runs that are new since its last call.
        history: Where they are kept; a new one if it is None.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        read: Read,
        sources: Sequence[str] = (),
        interval: float = READ_INTERVAL,
        notify: Callable[[str | None], None] = lambda problem: None,  # noqa: ARG005 - nothing to do
        follow: Callable[[History], None] = lambda history: None,  # noqa: ARG005 - nothing to do
        history: History | None = None,
    ) -> None:
        self._read = read
        self._sources = sources
        self._interval = interval
        self._notify = notify
        self._follow = follow
        self._lock = threading.Lock()  #: the monitors of two brokers share one
        self._history = History() if history is None else history
        self._missing: list[Path] = []  #: sources that don't exist yet
        self._read_at: float | None = None
        self._mixes: dict[str, tuple[float, Mapping[str, int]]] = {}
        self.problem: str | None = None  #: why the last reading gave nothing

    def __call__(self) -> Mapping[str, Typical]:
        """Read what is new; return the typical times by task."""
        with self._lock:
            first_come = self._follow_on()
            now = time.monotonic()
            appeared = any(not is_missing(path) for path in self._missing)
            due = self._read_at is None or now - self._read_at >= self._interval
            if due or appeared or first_come:
                self._read_at = now
                self._refresh()
            return self._history.typical()

    def history(self) -> History:
        """The recent runs, as the last call read them."""
        return self._history

    def mix(self, queue: str) -> Mapping[str, int]:
        """How many runs of each task *queue* had: of its recent runs, else of the summary's time."""
        recent = self._history.mix(queue)
        return recent if recent.total() >= MIN_TYPICAL else self._read_mix(queue)

    def _read_mix(self, queue: str) -> Mapping[str, int]:
        """The same by the summary's time; as old as the interval at most."""
        now = time.monotonic()
        read_at, counts = self._mixes.get(queue, (None, {}))
        if read_at is None or now - read_at >= self._interval:
            try:
                counts = {task: typical.count for task, typical in self._read(queue).items()}
            except SourceError:  # reported when all queues are read
                counts = {}
            self._mixes[queue] = now, counts
        return counts

    def _follow_on(self) -> bool:
        """Read what was appended; tell whether these are the first runs."""
        was_empty = not self._history.tasks
        self._follow(self._history)
        return was_empty and bool(self._history.tasks)

    def _refresh(self) -> None:
        """Read the log, and report a problem that is another than before."""
        before = self.problem
        try:
            typical, error = self._read(), None
        except SourceError as raised:
            typical, error = {}, str(raised)
        self._history.summary = typical or self._history.summary
        paths = (Path(source) for source in self._sources if "://" not in source)
        self._missing = [path for path in paths if is_missing(path)]
        self.problem = None if typical else self._describe(error)
        if self.problem == before:
            return
        self._notify(self.problem)
        if self.problem is None:
            log.info("the logs of runs can be read again: run times and tasks to blame are known.")
        else:
            log.warning("%s", self.problem)

    def _describe(self, error: str | None) -> str:
        """What is wrong, what it means and what to do; *error* is None where the logs hold no run."""
        if self._missing:
            paths = ", ".join(printable(str(path)) for path in self._missing)
            return (
                f"{SETTING} names {paths}, which doesn't exist yet. {UNKNOWN} until it does."
                " If no worker writes there, correct the path."
            )
        if not self._sources:
            why = error.partition(":")[0].rstrip(".") if error else "it holds no run yet"
            return f"no log of runs can be read ({why}). {UNKNOWN}. Set {SETTING} to the workers' logs."
        if error is None:
            return f"the logs of {SETTING} hold no run yet. {UNKNOWN} until they do."
        return (
            f"the logs of runs can't be read: {error} {UNKNOWN}, or those of the last reading."
            f" Correct {SETTING}, or the file's permissions."
        )


def is_missing(path: Path) -> bool:
    """Whether nothing exists at *path*; False where that can't be known, and for a glob."""
    try:
        path.stat()
    except FileNotFoundError:
        return not glob.has_magic(str(path))
    except OSError:
        return False
    return False
