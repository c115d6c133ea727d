"""Read from logs how long the runs of each task usually take, for `slowtask status` and `slowtask monitor`.

`read_runs` reads in this process. `Reader` starts a `slowtask top` each time, since DuckDB's memory would
stay with a monitor that runs for months.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from slowtask.cli.logs import INCOMPLETE, NO_RUN_MATCHES, NO_RUNS_YET, open_store
from slowtask.cli.modules import module_command
from slowtask.cli.options import read_custom_format
from slowtask.errors import SlowtaskError, SourceError
from slowtask.watch.judge import Typical

if TYPE_CHECKING:
    from slowtask.watch.history import History

PERIOD: Final = timedelta(days=7)
READ_TIMEOUT: Final = 120.0  #: seconds
SLOWTASK: Final = module_command("slowtask")


def read_runs(sources: tuple[str, ...], queues: tuple[str, ...] = ()) -> Mapping[str, Typical]:
    """Read the typical run times of each task, from the runs of the last 7 days.

    *queues* are those whose runs count; without any, all. Without *sources* the worker's own log is read, if
    there is one. Raises `SlowtaskError` if sources are given and can't be read.
    """
    from slowtask.rank.ranking import rank
    from slowtask.store import Query

    query = Query(since=datetime.now(UTC) - PERIOD, queues=queues)
    try:
        figures = open_store(sources, None, UTC, read_custom_format()).measure(query, workers=False).figures
    except SlowtaskError:
        if sources:
            raise
        return {}
    return typical_times([asdict(task) for task in rank(figures)])


class RunsNow:
    """The runs of *sources* for `slowtask status`: a summary, recent runs, and what is new at each call.

    Raises `SlowtaskError` if sources are given and can't be read.
    """

    def __init__(self, sources: tuple[str, ...]) -> None:
        from slowtask.cli.follow import make_follower
        from slowtask.watch.history import History

        self._sources = sources
        self._history = History()
        self._history.summary = read_runs(sources)
        self._follow = make_follower(sources)
        self.mix = cache(self._mix)

    def __call__(self) -> Mapping[str, Typical]:
        """Read what is new; return the typical times by task."""
        self._follow(self._history)
        return self._history.typical()

    def history(self) -> "History":
        """The recent runs, as the last call read them."""
        return self._history

    def _mix(self, queue: str) -> Mapping[str, int]:
        """Count the runs of each task of *queue*."""
        return {task: typical.count for task, typical in read_runs(self._sources, (queue,)).items()}


class Reader:
    """Reads the typical run times of the tasks in *sources*, with a new `slowtask top` each time.

    *since* is its option `--since`; None reads all runs.
    """

    def __init__(self, sources: Sequence[str], since: str | None = f"{PERIOD.days}d") -> None:
        self._command = [*SLOWTASK, "top", "--json", "-n", "0", *sources]
        self._command += ["--since", since] if since else []

    def __call__(self, queue: str | None = None) -> Mapping[str, Typical]:
        """Read the times by task, from the runs of *queue* or of all queues; empty if there are no runs yet.

        Raises `SourceError` if the logs can't be read.
        """
        options = ["--queue", queue] if queue is not None else []
        try:
            return typical_times(json.loads(run_command([*self._command, *options])))
        except SourceError as error:
            if str(error) == NO_RUN_MATCHES or str(error).startswith(NO_RUNS_YET):
                return {}
            raise


def run_command(command: Sequence[str]) -> str:
    """Run a `slowtask` that reads logs, and return its output. Raises `SourceError` with its message."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=READ_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"{error}.") from None
    if done.returncode in (0, INCOMPLETE):
        return done.stdout
    raise SourceError(done.stderr.strip().rpartition("\n")[2].removeprefix("slowtask: "))


def typical_times(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Typical]:
    """Convert a ranking, as `slowtask top --json` prints it, to typical times; leave out unknown ones."""
    return {
        task["task"]: Typical(mean=task["mean"], p99=task["p99"], count=task["count"])
        for task in tasks
        if task["mean"] is not None
    }
