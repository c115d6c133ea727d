"""How long tasks usually take, by the log of their runs: read again every few minutes, and kept meanwhile."""

import glob
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from slowtask.errors import SourceError
from slowtask.units import printable
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
    """The typical times of tasks, as *read* from *sources* now and then.

    *notify* is called with a problem as a sentence, and with None once it is over.
    """

    def __init__(
        self,
        read: Read,
        sources: Sequence[str] = (),
        interval: float = READ_INTERVAL,
        notify: Callable[[str | None], None] = lambda problem: None,  # noqa: ARG005 - nothing to do
    ) -> None:
        self._read = read
        self._sources = sources
        self._interval = interval
        self._notify = notify
        self._missing: list[Path] = []  #: sources that don't exist yet
        self._read_at: float | None = None
        self._typical: Mapping[str, Typical] = {}
        self._mixes: dict[str, tuple[float, Mapping[str, int]]] = {}
        self.problem: str | None = None  #: why the last reading gave nothing

    def __call__(self) -> Mapping[str, Typical]:
        """The typical times by task; those of the last reading where the log can't be read now."""
        now = time.monotonic()
        appeared = any(not is_missing(path) for path in self._missing)
        if self._read_at is None or now - self._read_at >= self._interval or appeared:
            self._read_at = now
            self._refresh()
        return self._typical

    def mix(self, queue: str) -> Mapping[str, int]:
        """How many runs of each task *queue* had; as old as the interval at most."""
        now = time.monotonic()
        read_at, counts = self._mixes.get(queue, (None, {}))
        if read_at is None or now - read_at >= self._interval:
            try:
                counts = {task: typical.count for task, typical in self._read(queue).items()}
            except SourceError:  # reported when all queues are read
                counts = {}
            self._mixes[queue] = now, counts
        return counts

    def _refresh(self) -> None:
        """Read the log, and report a problem that is another than before."""
        before = self.problem
        try:
            typical, error = self._read(), None
        except SourceError as raised:
            typical, error = {}, str(raised)
        self._typical = typical or self._typical
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
