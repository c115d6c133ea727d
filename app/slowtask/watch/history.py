"""WATCH: the recent runs of all tasks, and how long they usually take.

The log of runs is read elsewhere: what follows it adds each run here. At most `MAX_TASKS` tasks with
`MAX_RUNS` runs each are kept, the newest.
"""

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from slowtask.watch.blame import Blame, LabelTimes
from slowtask.watch.judge import Typical
from slowtask.watch.recent import RecentRun, TaskRuns

MAX_TASKS: Final = 500
MAX_TYPICAL: Final = 200  #: recent runs that typical times are taken from
MIN_TYPICAL: Final = 20  #: recent runs that they need, if there is an older summary
MIN_RELEASED: Final = 5  #: runs of a new version that they need
MIN_TAIL: Final = 100  #: runs from which on their p99 is believed, whatever an older one was
NEW_RUNS: Final = 30  #: that typical times of `MIN_TAIL` runs or more are worked out again after
MAX_TEXTS: Final = 10_000  #: names that are shared between runs
#: Why runs may be missing: a log grew faster than it can be read, was truncated, or was removed before it was
#: read to its end; an Elasticsearch had more than it answers at once; a line may be a run, but can't be read.
GAPS: Final = ("too-fast", "truncated", "removed", "too-many", "unreadable")


class History:
    """The recent runs of all tasks, and how long tasks usually take.

    Two monitors may share one: hold `lock` while you read more than one column. *on_run* is called with each
    run that is new.
    """

    def __init__(
        self,
        on_run: Callable[[RecentRun], None] = lambda run: None,  # noqa: ARG005 - nothing to do
    ) -> None:
        self._on_run = on_run
        self.lock = threading.RLock()
        self.tasks: dict[str, TaskRuns] = {}
        self.summary: Mapping[str, Typical] = {}  #: of a longer time, by task
        self.labels = LabelTimes()
        self.skipped = 0  #: bytes of logs that weren't read
        self.gaps: Counter[str] = Counter()  #: times that runs may be missing, by one of `GAPS`
        self._texts: dict[str, str] = {}
        self._typical: dict[str, tuple[int, Typical | None, Typical]] = {}  #: with what it was made from

    def add(self, runs: Iterable[RecentRun]) -> int:
        """Add *runs*, in the order of their ends; return how many were new."""
        with self.lock:
            added = sum(map(self._add, sorted(runs, key=_end)))
            if len(self.tasks) > MAX_TASKS:
                self._drop_tasks()
            return added

    def note_gap(self, reason: str, size: int = 0, times: int = 1) -> None:
        """Note that runs may be missing for *reason*, one of `GAPS`, and how many bytes weren't read."""
        with self.lock:
            self.gaps[reason] += times
            self.skipped += size

    def tasks_of(self, system: str | None) -> dict[str, TaskRuns]:
        """The tasks of *system*, with those of which that isn't known; of None, all."""
        return {
            task: runs for task, runs in self.tasks.items() if system is None or runs.system in (None, system)
        }

    def runs(self) -> list[RecentRun]:
        """All runs, in the order of their ends."""
        with self.lock:
            return sorted((run for task in self.tasks.values() for run in task), key=_end)

    def typical(self) -> dict[str, Typical]:
        """How long the runs of each task usually take: by its recent runs, else by the summary."""
        with self.lock:
            found = dict(self.summary)
            for task, runs in self.tasks.items():
                if typical := self._typical_of(task, runs):
                    found[task] = typical
            return found

    def mix(self, queue: str) -> Counter[str]:
        """How many of the recent runs of *queue* each task had."""
        with self.lock:
            counts = Counter({task: runs.text("queue").count(queue) for task, runs in self.tasks.items()})
            return +counts

    def waits(self, queue: str) -> list[float]:
        """The known waits of the recent runs of *queue*, in seconds, the shortest first."""
        with self.lock:
            return sorted(
                wait
                for runs in self.tasks.values()
                for wait, name in zip(runs.number("wait"), runs.text("queue"), strict=True)
                if name == queue and not math.isnan(wait)
            )

    def blame(self, system: str, queue: str, now: float, running: Sequence[float]) -> Blame | None:
        """The value of a label that fills the workers of *queue* now, see `QueueTimes.find`."""
        with self.lock:
            return self.labels.find(system, queue, now, running)

    def _typical_of(self, task: str, runs: TaskRuns) -> Typical | None:
        """The typical time of *task*, worked out again if it has enough new runs."""
        summary = self.summary.get(task)
        if (known := self._typical.get(task)) and known[1] is summary and not is_outdated(known, runs):
            return known[2]
        if found := judge_typical(runs, summary):
            self._typical[task] = runs.count, summary, found
        return found

    def _add(self, run: RecentRun) -> bool:
        """Add *run*, unless it is known; tell whether it was added."""
        if not self._find(run.task).add(run):
            return False
        self.labels.add(run)
        self._on_run(run)
        return True

    def _find(self, task: str) -> TaskRuns:
        """The runs of *task*, perhaps none yet."""
        found = self.tasks.get(task)
        if found is None:
            found = self.tasks[task] = TaskRuns(task, self._share)
        return found

    def _share(self, text: str) -> str:
        """A text that equals *text*, the same one each time."""
        if len(self._texts) > MAX_TEXTS:
            self._texts.clear()
        return self._texts.setdefault(text, text)

    def _drop_tasks(self) -> None:
        """Keep the tasks that ran last; a tenth less than may be kept, so that this is rare."""
        newest = sorted(self.tasks.values(), key=lambda runs: -runs.last)
        self.tasks = {runs.task: runs for runs in newest[: MAX_TASKS * 9 // 10]}
        self._typical = {task: each for task, each in self._typical.items() if task in self.tasks}


def is_outdated(known: tuple[int, Typical | None, Typical], runs: TaskRuns) -> bool:
    """Whether what is *known* must be worked out again: of many runs of one version a few more don't tell."""
    count, _, typical = known
    version = runs.release and runs.release[0]
    lasting = typical.count >= MIN_TAIL and typical.version == version
    return runs.count - count >= (NEW_RUNS if lasting else 1)


def judge_typical(runs: TaskRuns, summary: Typical | None) -> Typical | None:
    """How long *runs* usually take: those of the newest version, else the last ones, else the *summary*."""
    times = runs.times()
    if runs.release is not None:
        version, release = runs.release
        released = [took for took, own in times if own == version]
        older = [took for took, own in times if own != version]
        if len(released) >= (MIN_RELEASED if release.since else MIN_TYPICAL):
            found = measure_like(released, measure(older) if older else summary)
            return replace(found, version=version, since=release.since)
    if summary is not None and len(times) < MIN_TYPICAL:
        return summary
    return measure([took for took, _ in times]) if times else None


def measure(times: Sequence[float]) -> Typical:
    """The mean, p99 and variability of the last of *times*, of which there is at least one."""
    last = times[-MAX_TYPICAL:]
    p99 = sorted(last)[math.ceil(len(last) * 0.99) - 1]
    mean = sum(last) / len(last)
    variance = sum((took - mean) ** 2 for took in last) / max(1, len(last) - 1)
    variability = variance / mean**2 if mean and len(last) > 1 else None
    return Typical(mean=mean, p99=p99, count=len(last), variability=variability)


def measure_like(times: Sequence[float], before: Typical | None) -> Typical:
    """The same of *times*; where they are few, the p99 is as far from the mean as it was *before*."""
    found = measure(times)
    if before is None or before.p99 is None or found.count >= MIN_TAIL or not before.mean:
        return found
    p99 = max(found.p99 or 0.0, before.p99 * max(1.0, found.mean / before.mean))
    return replace(found, p99=p99)


def _end(run: RecentRun) -> float:
    """When *run* ended."""
    return run.end
