"""WATCH: what each task takes, taken from the log of runs by `slowtask top` in a process of its own.

Of its own, because DuckDB's memory would stay with a monitor that runs for months.
"""

import glob
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slowtask.units import printable
from slowtask.watch.judge import Typical

log = logging.getLogger("slowtask.monitor")

PATIENCE: Final = 120.0  #: seconds
EVERY: Final = 300.0  #: seconds between two readings
#: How `slowtask top` begins what it says of logs without a run.
EMPTY: Final = ("No run matches", "The logs hold no runs yet")


class Runs:
    """The typical times of the tasks in *sources*, which `slowtask top` takes, read again every so often."""

    def __init__(
        self,
        sources: Sequence[str],
        since: str | None = "7d",
        every: float = EVERY,
        noticed: Callable[[str | None], None] = lambda problem: None,  # noqa: ARG005 - nothing to do
    ) -> None:
        self._sources = sources
        self._noticed = noticed
        self._awaited: list[Path] = []  #: sources that aren't there yet
        self._command = [sys.executable, "-m", "slowtask", "top", "--json", "-n", "0", *sources]
        self._command += ["--since", since] if since else []
        self._every = every
        self._read: float | None = None
        self._typical: Mapping[str, Typical] = {}
        self._mixes: dict[str, tuple[float, Mapping[str, int]]] = {}
        self.problem: str | None = None  #: why the last reading gave nothing

    def __call__(self) -> Mapping[str, Typical]:
        """By task; what was read last where the log can't be read now."""
        now = time.monotonic()
        appeared = any(not absent(each) for each in self._awaited)
        if self._read is None or now - self._read >= self._every or appeared:
            self._read, was = now, self.problem
            self._typical = self._taken() or self._typical
            self._say(was)
        return self._typical

    def mix(self, queue: str) -> Mapping[str, int]:
        """How many runs of each task there were of *queue*; read again as seldom."""
        now = time.monotonic()
        read, found = self._mixes.get(queue, (None, {}))
        if read is None or now - read >= self._every:
            taken = self._taken("--queue", queue) or {}
            found = {task: each.count for task, each in taken.items()}
            self._mixes[queue] = now, found
        return found

    def _say(self, was: str | None) -> None:
        """Tell of the problem where it is another than it *was*, not at each reading."""
        self._awaited = [path for path in map(Path, self._sources) if "://" not in str(path) and absent(path)]
        if self.problem is not None:
            self.problem = self._sentence(self.problem)
        if self.problem == was:
            return
        self._noticed(self.problem)
        if self.problem is None:
            log.info("the logs of runs (SLOWTASK_MONITOR_RUNS) are read again: typical times are known.")
        else:
            log.warning("%s", self.problem)

    def _sentence(self, problem: str) -> str:
        """What is wrong with the logs, what that means and what to do, by the *problem* that `top` has."""
        named = "SLOWTASK_MONITOR_RUNS (runs in --config)"
        if self._awaited:
            paths = ", ".join(printable(str(each)) for each in self._awaited)
            return (
                f"{named} names {paths}, which isn't there yet: typical times and blame come once it is."
                " If no worker writes there, correct the path."
            )
        if not self._sources:
            why = problem.partition(":")[0].rstrip(".")
            return (
                f"no log of runs can be read ({why}), so typical times and blame"
                f" are unknown: set {named} to the workers' logs."
            )
        if problem.startswith(EMPTY):
            return f"the logs that {named} names hold no run yet: typical times and blame come once they do."
        return (
            f"the logs of runs can't be read, so typical times and blame are of the last reading, or unknown:"
            f" {problem} Correct {named}, or the file's permissions."
        )

    def _taken(self, *options: str) -> Mapping[str, Typical] | None:
        """What the log says now; None where it says nothing."""
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter
                [*self._command, *options],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            if not options:
                self.problem = f"{error}."
            return None
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("slowtask: ")
        if not options:
            self.problem = said if done.returncode else None
        return None if done.returncode else typical(json.loads(done.stdout))


def absent(path: Path) -> bool:
    """Whether nothing stands at *path*; where that can't be seen, it isn't for being absent."""
    try:
        path.stat()
    except FileNotFoundError:
        return not glob.has_magic(str(path))
    except OSError:
        return False
    return False


def typical(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Typical]:
    """The typical times in what `slowtask top --json` prints."""
    return {
        each["task"]: Typical(mean=each["mean"], p99=each["p99"], count=each["count"])
        for each in tasks
        if each["mean"] is not None
    }
