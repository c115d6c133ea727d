"""WATCH: the last poll of each system, and whether the monitor itself works."""

import time
from collections.abc import Callable, Sequence

from slowtask.watch.verdict import Verdict
from slowtask.watch.view import View


class Health:
    """The last poll of each of *systems* (`rq`, `celery`), for *max_age* seconds."""

    def __init__(
        self, max_age: float, clock: Callable[[], float] = time.monotonic, systems: Sequence[str] = ("rq",)
    ) -> None:
        self._max_age = max_age
        self._clock = clock
        self._seen: dict[str, tuple[float, View]] = {}
        self._verdicts: dict[str, Verdict | None] = {}
        self.systems = systems
        #: What is wrong with the monitor itself, by part: `runs`, `log`.
        self.problems: dict[str, str | None] = {"runs": None, "log": None}

    def report(self, part: str, problem: str | None) -> None:
        """Note what is wrong with *part* of the monitor; None: nothing is."""
        self.problems[part] = problem

    def update(self, view: View, verdict: Verdict | None = None) -> None:
        """Keep *view* and its *verdict* as the last of its system."""
        self._seen[view.poll.system] = self._clock(), view
        self._verdicts[view.poll.system] = verdict

    def verdict(self, system: str) -> Verdict | None:
        """The verdict of the last poll of *system*; None where that is stale."""
        return self._verdicts.get(system) if self.view(system) else None

    def view(self, system: str) -> View | None:
        """The last poll of *system*; None where that is stale."""
        at, view = self._seen.get(system, (None, None))
        return view if at is not None and self._clock() - at <= self._max_age else None

    @property
    def healthy(self) -> bool:
        """Whether no system's last poll is stale."""
        return all(self.view(each) for each in self.systems)
