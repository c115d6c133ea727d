"""WATCH: the recent runs of one task, kept in memory in columns.

Times are seconds since the epoch, and durations are seconds.
"""

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_RUNS: Final = 300  #: of a task
SLACK: Final = 100  #: runs over `MAX_RUNS` that may pile up before the oldest are dropped
#: A version that isn't among so many last runs of its task is gone; if it comes back, it is new.
RELEASE_RUNS: Final = 50
#: Actions of runs that tell nothing about the run time of the task.
CUT_SHORT: Final = frozenset({"killed", "stopped", "abandoned", "timed-out"})


class RecentRun(NamedTuple):
    """One attempt of one task, as the log of runs tells it. What isn't known is None."""

    task: str
    end: float  #: seconds since the epoch
    id: int  #: tells it from other runs of the task
    took: float | None = None  #: seconds
    wait: float | None = None  #: seconds
    memory: float | None = None  #: bytes, the peak
    failed: bool = False
    action: str | None = None  #: `finished`, `killed`, …
    reason: str | None = None  #: `signal 9`, …
    queue: str | None = None
    version: str | None = None
    worker: str | None = None
    host: str | None = None
    error: str | None = None  #: the type of the exception
    system: str | None = None  #: `rq`, `celery`, …
    labels: Mapping[str, str] | None = None  #: counted by `blame.py`, and not kept
    cpu: float | None = None  #: seconds; counted by `metrics`, and not kept

    @property
    def start(self) -> float:
        """When it began; when it ended, if it isn't known how long it took."""
        return self.end - (self.took or 0.0)

    @property
    def enqueued(self) -> float:
        """When it could have started; when it did, if its wait isn't known."""
        return self.start - (self.wait or 0.0)


#: The columns of numbers, which hold NaN for None, and of texts.
NUMBERS: Final = ("end", "took", "wait", "memory")
TEXTS: Final = ("action", "reason", "queue", "version", "worker", "host", "error", "system")


@dataclass(slots=True)
class Release:
    """One version of a task that runs, or ran a moment ago."""

    since: float | None  #: when its first run began; None: before the first run that is known
    last: int  #: the number of its last run


class TaskRuns:
    """The recent runs of one task, in columns, nearly in the order of their ends.

    *share* returns a text that is equal to its own, so that a name is in memory once.
    """

    def __init__(self, task: str, share: Callable[[str], str] = lambda text: text) -> None:
        self.task = task
        self._share = share
        self.ids = array("q")
        self.failed = bytearray()
        self.numbers: dict[str, array[float]] = {name: array("d") for name in NUMBERS}
        self.texts: dict[str, list[str | None]] = {name: [] for name in TEXTS}
        self.last = -math.inf  #: the end of the newest run
        self.count = 0  #: runs that were ever added
        self.releases: dict[str, Release] = {}  #: by version

    def __len__(self) -> int:
        return min(len(self.ids), MAX_RUNS)

    def add(self, run: RecentRun) -> bool:
        """Add *run*, unless it is known; tell whether it was added."""
        if run.end <= self.last and run.id in self.ids:
            return False
        self.ids.append(run.id)
        self.failed.append(run.failed)
        for name, numbers in self.numbers.items():
            value = getattr(run, name)
            numbers.append(math.nan if value is None else value)
        for name, texts in self.texts.items():
            text = getattr(run, name)
            texts.append(text and self._share(text))
        self.last = max(self.last, run.end)
        self.count += 1
        self._note_release(run)
        if len(self.ids) > MAX_RUNS + SLACK:
            self._drop_oldest()
        return True

    def number(self, name: str) -> Sequence[float]:
        """The column of numbers called *name*, oldest first; NaN where it isn't known."""
        return self.numbers[name][-MAX_RUNS:]

    def text(self, name: str) -> Sequence[str | None]:
        """The column of texts called *name*, oldest first."""
        return self.texts[name][-MAX_RUNS:]

    def __iter__(self) -> Iterator[RecentRun]:
        """The runs, oldest first."""
        return self.last_runs(MAX_RUNS)

    def last_runs(self, count: int) -> Iterator[RecentRun]:
        """The last *count* runs that are kept, oldest first."""
        part = slice(max(0, len(self.ids) - min(count, MAX_RUNS)), None)
        numbers = ([known(value) for value in self.numbers[name][part]] for name in NUMBERS)
        texts = (self.texts[name][part] for name in TEXTS)
        for number, bad, end, took, wait, memory, *rest in zip(
            self.ids[part], self.failed[part], *numbers, *texts, strict=True
        ):
            yield RecentRun(self.task, end or 0.0, number, took, wait, memory, bool(bad), *rest)

    @property
    def queue(self) -> str | None:
        """The queue of the last run."""
        return self.texts["queue"][-1]

    @property
    def system(self) -> str | None:
        """The queue system of the last run."""
        return self.texts["system"][-1]

    @property
    def release(self) -> tuple[str, Release] | None:
        """The newest version that runs, with its beginning; None if the runs name no version."""
        return max(self.releases.items(), key=lambda each: each[1].since or -math.inf, default=None)

    def times(self) -> list[tuple[float, str | None]]:
        """The known run times with their versions, oldest first, without runs that were cut short."""
        columns = zip(self.number("took"), self.text("action"), self.text("version"), strict=True)
        return [
            (took, version)
            for took, action, version in columns
            if not math.isnan(took) and action not in CUT_SHORT
        ]

    def _note_release(self, run: RecentRun) -> None:
        """Note when the version of *run* began, and forget versions that are gone."""
        if run.version is None:
            return
        known = self.releases.get(run.version)
        if known is None or self.count - known.last > RELEASE_RUNS:
            since = run.start if self.count > 1 else None
            known = self.releases[run.version] = Release(since, self.count)
        known.last = self.count
        if len(self.releases) > 1 and self.count % RELEASE_RUNS == 0:
            self.releases = {
                version: each
                for version, each in self.releases.items()
                if self.count - each.last <= RELEASE_RUNS
            }

    def _drop_oldest(self) -> None:
        """Keep the newest `MAX_RUNS` runs."""
        old = slice(len(self.ids) - MAX_RUNS)
        del self.ids[old], self.failed[old]
        for numbers in self.numbers.values():
            del numbers[old]
        for texts in self.texts.values():
            del texts[old]


def known(value: float) -> float | None:
    """*value*, or None for NaN."""
    return None if math.isnan(value) else value
