"""How long tasks usually take, by the log of their runs: for the commands that watch.

`read_runs` reads it in this process. `Reader` has `slowtask top` read it in a process of its own: DuckDB's
memory would stay with a monitor that runs for months.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from slowtask.errors import SlowtaskError, SourceError
from slowtask.watch.judge import Typical

PERIOD: Final = timedelta(days=7)
READ_TIMEOUT: Final = 120.0  #: seconds
#: How `slowtask top` begins its error about logs that hold no run.
NO_RUNS: Final = ("No run matches", "The logs hold no runs yet")


def read_runs(sources: tuple[str, ...], queues: tuple[str, ...] = ()) -> Mapping[str, Typical]:
    """The typical times of tasks in *sources*, by their runs of the last seven days in *queues* (): in all.

    Without *sources* the worker's own log is read, if there is one. Raises `SlowtaskError` where sources are
    given and can't be read.
    """
    from slowtask.cli.logs import opened
    from slowtask.rank.ranking import rank
    from slowtask.store import Query

    query = Query(since=datetime.now(UTC) - PERIOD, queues=queues)
    try:
        figures = opened(sources, None, UTC).measure(query).figures
    except SlowtaskError:
        if sources:
            raise
        return {}
    return typical_times([asdict(task) for task in rank(figures)])


class Reader:
    """Reads the typical times of tasks in *sources*, by a `slowtask top` of its own each time.

    *since* is `--since` of `slowtask top`; None reads all runs.
    """

    def __init__(self, sources: Sequence[str], since: str | None = f"{PERIOD.days}d") -> None:
        self._command = [sys.executable, "-m", "slowtask", "top", "--json", "-n", "0", *sources]
        self._command += ["--since", since] if since else []

    def __call__(self, queue: str | None = None) -> Mapping[str, Typical]:
        """The times by task, by the runs of *queue* or of all queues; empty where the logs hold no run yet.

        Raises `SourceError` where the logs can't be read.
        """
        options = ["--queue", queue] if queue is not None else []
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter
                [*self._command, *options],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=READ_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(f"{error}.") from None
        if not done.returncode:
            return typical_times(json.loads(done.stdout))
        problem = done.stderr.strip().rpartition("\n")[2].removeprefix("slowtask: ")
        if problem.startswith(NO_RUNS):
            return {}
        raise SourceError(problem)


def typical_times(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Typical]:
    """The typical times of a ranking as `slowtask top --json` prints it, but for tasks without a known time."""
    return {
        task["task"]: Typical(mean=task["mean"], p99=task["p99"], count=task["count"])
        for task in tasks
        if task["mean"] is not None
    }
