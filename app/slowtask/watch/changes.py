"""WATCH: compare each task with itself: slower, failing, killed, or in need of more memory than before.

A new `service.version` is compared with the last one from its tenth run on. Other changes are found by
intervals, see `shift.py`. Times are in seconds.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from slowtask.watch.history import History
from slowtask.watch.recent import CUT_SHORT, RecentRun, TaskRuns
from slowtask.watch.shift import INTERVAL, OVER, Level, Shift, compare, is_sure
from slowtask.watch.turns import Turns

LOOKS: Final = (10, 20, 40, 80, 160)  #: runs of a new version after which it is compared
MIN_OLD: Final = 10  #: runs of the last version
DOUBTFUL_Z: Final = 2.5  #: standard errors below which later runs take back what the first ones showed
RELEASE_LASTS: Final = 86400.0  #: after a day a new version is the usual one
MEMORY_FLOOR: Final = 1.5
MIN_MEMORY: Final = 50e6  #: bytes: less growth doesn't matter
RECENT_RUNS: Final = 50  #: whose failures are compared with those before
MIN_RECENT_RUNS: Final = 10
MIN_FAILURES: Final = 3
MIN_FAILURE_SHARE: Final = 0.1
FAILING_CHANCE: Final = 1e-7  #: that so many runs fail though nothing has changed
OVER_CHANCE: Final = 1e-3  #: from which on the failures are usual again
PRIOR: Final = (1, 20)  #: failures and runs that each task is thought to have had before
MAX_BEFORE: Final = 2000  #: runs before, of which older ones count less and less
ENDED_FROM_OUTSIDE: Final = frozenset({"killed", "stopped", "abandoned"})
KILL_SECONDS: Final = 300.0  #: kills are counted over so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Slower:
    """A task that takes longer than it did."""

    task: str
    queue: str | None = None  #: of its last run
    shift: Shift  #: seconds
    version: str | None = None  #: since which; None if no version began then
    before: str | None = None  #: the version before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A task that fails more often than it did."""

    task: str
    queue: str | None = None
    failures: int
    runs: int  #: the last ones, of which these failed
    usual: float  #: share of the runs before, 0 to 1
    since: float  #: when the first of the failures ended
    version: str | None = None  #: of all that failed, if it has just begun
    error: str | None = None  #: the most frequent type


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """A task whose runs were killed a moment ago."""

    task: str
    queue: str | None = None
    count: int
    since: float  #: when the first of them ended
    last: float
    reason: str | None  #: the most frequent
    memory: float | None  #: bytes: the highest peak
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A task whose runs need more memory than they did."""

    task: str
    queue: str | None = None
    shift: Shift  #: bytes
    version: str | None = None


Change = Slower | Failing | Killed | Growing


class Releases:
    """Compares the new version of a task with the one before."""

    def __init__(self) -> None:
        self.found: Slower | None = None
        self._version: str | None = None
        self._old: tuple[str | None, Sequence[float]] = (None, ())  #: the version before, and its run times
        self._looks = 0
        self._since = 0.0

    def take(self, runs: TaskRuns) -> None:
        """Look at the runs of a task again, of which some are new."""
        version, release = runs.release or (None, None)
        if release is None or release.since is None:
            return
        if version != self._version:
            self._begin(runs, version, release.since)
        new = [took for took, own in runs.times() if own == version]
        place = sum(len(new) >= look for look in LOOKS)
        if place > self._looks and len(self._old[1]) >= MIN_OLD:
            self._looks = place
            self._compare(runs.task, new)
        if runs.last - self._since > RELEASE_LASTS:
            self.found = None

    def _begin(self, runs: TaskRuns, version: str | None, since: float) -> None:
        """Remember the runs of the version before *version*."""
        others = [(took, own) for took, own in runs.times() if own != version]
        before = others[-1][1] if others else None
        times = [took for took, own in others if own == before]
        self.__init__()  # type: ignore[misc] # all of it is about one version
        self._version, self._since, self._old = version, since, (before, times)

    def _compare(self, task: str, new: Sequence[float]) -> None:
        """Compare the times *new* with those before."""
        before, old = self._old
        z, shift = compare(logarithms(old), logarithms(new), self._since)
        if is_sure(z, shift):
            self.found = Slower(task=task, shift=shift, version=self._version, before=before)
        elif shift.factor < OVER or z < DOUBTFUL_Z:
            self.found = None


def logarithms(times: Sequence[float]) -> list[float]:
    """The logarithms of *times*; what took no measurable time took a nanosecond."""
    return [math.log(max(each, 1e-9)) for each in times]


class Failures:
    """Compares how often the last runs of a task failed with how often those before did."""

    def __init__(self) -> None:
        self.found: Failing | None = None
        self._last: deque[RecentRun] = deque(maxlen=RECENT_RUNS)
        self._runs, self._failures = 0.0, 0.0  #: before the last ones

    def take(self, run: RecentRun) -> None:
        """Take the next run; those that were killed count elsewhere."""
        if run.action in ENDED_FROM_OUTSIDE:
            return
        if len(self._last) == RECENT_RUNS and self.found is None:
            self._learn(self._last[0])
        self._last.append(run)

    def judge(self, task: str, version: str | None) -> None:
        """Judge the last runs of *task*; *version* has just begun, if it isn't None."""
        failed = [run for run in self._last if run.failed]
        usual = (self._failures + PRIOR[0]) / (self._runs + PRIOR[1])
        chance = tail(len(failed), len(self._last), usual)
        limit = FAILING_CHANCE if self.found is None else OVER_CHANCE
        share = len(failed) / max(1, len(self._last))
        if chance > limit or len(self._last) < MIN_RECENT_RUNS or share < MIN_FAILURE_SHARE:
            self.found = None
            return
        self.found = Failing(
            task=task,
            failures=len(failed),
            runs=len(self._last),
            usual=usual if self._runs else 0.0,
            since=failed[0].end if self.found is None else self.found.since,
            version=version if all(run.version == version for run in failed) else None,
            error=most_common(run.error for run in failed),
        )

    def _learn(self, run: RecentRun) -> None:
        """Count *run* among those before."""
        self._runs += 1
        self._failures += run.failed
        if self._runs > MAX_BEFORE:
            self._runs, self._failures = self._runs / 2, self._failures / 2


class TaskChanges:
    """What has changed for one task."""

    def __init__(self) -> None:
        self.count = 0  #: runs that were taken
        self._times, self._memory = Level(), Level(MEMORY_FLOOR)
        self._releases, self._failures = Releases(), Failures()

    def take(self, runs: TaskRuns) -> None:
        """Take the runs that are new since the last call."""
        for run in runs.last_runs(runs.count - self.count):
            self._failures.take(run)
            if run.took and run.action not in CUT_SHORT:
                self._times.add(run.took, run.end)
            if run.memory and run.action != "killed":
                self._memory.add(run.memory, run.end)
        self.count = runs.count
        self._releases.take(runs)
        self._failures.judge(runs.task, new_version(runs))

    def changes(self, runs: TaskRuns) -> Iterator[Change]:
        """What has changed by now."""
        task, shift = runs.task, self._times.shift
        if self._releases.found is not None:
            yield self._releases.found
        elif shift is not None:
            yield Slower(task=task, shift=shift, version=version_since(runs, shift.since))
        if self._failures.found is not None:
            yield self._failures.found
        grown = self._memory.shift
        if grown is not None and grown.now - grown.before >= MIN_MEMORY:
            yield Growing(task=task, shift=grown, version=version_since(runs, grown.since))


class TaskWatch:
    """Finds what has changed for each task of *system* in a history; None: of any."""

    def __init__(self, system: str | None = None) -> None:
        self._system = system
        self._turns = Turns()
        self._tasks: dict[str, TaskChanges] = {}

    def changes(self, history: History, now: float) -> list[Change]:
        """What has changed *now*, by all runs that *history* has."""
        found: list[Change] = []
        with history.lock:
            tasks = history.tasks_of(self._system)
            self._tasks = {task: self._tasks.get(task) or TaskChanges() for task in tasks}
            new = [task for task, runs in tasks.items() if self._tasks[task].count != runs.count]
            for task in self._turns.take(new):
                self._tasks[task].take(tasks[task])
            for task, runs in tasks.items():
                found += (replace(change, queue=runs.queue) for change in self._tasks[task].changes(runs))
            found += find_killed(tasks, now)
        return found


def new_version(runs: TaskRuns) -> str | None:
    """The version of *runs* that has begun while they were watched, less than a day ago."""
    version, release = runs.release or (None, None)
    if release is None or release.since is None or runs.last - release.since > RELEASE_LASTS:
        return None
    return version


def version_since(runs: TaskRuns, since: float) -> str | None:
    """The version that began when a change did, which is known to the interval."""
    version, release = new_version(runs), runs.release
    if version is None or release is None or release[1].since is None:
        return None
    return version if release[1].since >= since - INTERVAL else None


def find_killed(tasks: Mapping[str, TaskRuns], now: float) -> Iterator[Killed]:
    """The tasks whose runs were killed within the last `KILL_SECONDS`."""
    for task, runs in tasks.items():
        if runs.last < now - KILL_SECONDS or "killed" not in runs.text("action"):
            continue
        killed = [run for run in runs if run.action == "killed" and run.end >= now - KILL_SECONDS]
        if killed:
            yield replace(describe_killed(task, killed), queue=runs.queue)


def describe_killed(task: str, killed: Sequence[RecentRun]) -> Killed:
    """What the runs of *task* that were *killed* have in common."""
    return Killed(
        task=task,
        count=len(killed),
        since=killed[0].end,
        last=killed[-1].end,
        reason=most_common(run.reason for run in killed),
        memory=max((run.memory for run in killed if run.memory), default=None),
        hosts=tuple(sorted({run.host for run in killed if run.host})),
    )


def most_common(names: Iterator[str | None]) -> str | None:
    """The most frequent of *names* that is known."""
    counted = Counter(name for name in names if name).most_common(1)
    return counted[0][0] if counted else None


def tail(failures: int, runs: int, usual: float) -> float:
    """The chance that at least *failures* of *runs* fail, each by the *usual* chance."""
    if failures < MIN_FAILURES:
        return 1.0
    return sum(
        math.comb(runs, each) * usual**each * (1 - usual) ** (runs - each)
        for each in range(failures, runs + 1)
    )
