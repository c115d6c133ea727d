"""WATCH: what each task takes, taken from the log of runs by `slowtask top` in a process of its own.

Of its own, because DuckDB's memory would stay with a monitor that runs for months.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from slowtask.judge import Typical

PATIENCE: Final = 120.0  #: seconds
EVERY: Final = 300.0  #: seconds between two readings


class Runs:
    """The typical times of the tasks in *sources*, which `slowtask top` takes, read again every so often."""

    def __init__(self, sources: Sequence[str], since: str | None = "7d", every: float = EVERY) -> None:
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
        if self._read is None or now - self._read >= self._every:
            self._read = now
            self._typical = self._taken() or self._typical
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
            self.problem = str(error)
            return None
        self.problem = done.stderr.strip().rpartition("\n")[2] if done.returncode else None
        return None if done.returncode else typical(json.loads(done.stdout))


def typical(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Typical]:
    """The typical times in what `slowtask top --json` prints."""
    return {
        each["task"]: Typical(mean=each["mean"], p99=each["p99"], count=each["count"])
        for each in tasks
        if each["mean"] is not None
    }
