"""WATCH: judge the targets that a user sets: how long jobs of a queue may wait, and runs of a task may take.

A target has a share of runs that must keep to it, 99 % by default; the others are its budget. How fast the
budget burns decides, over a long and a short time, as in the SRE Workbook and GitLab's runbooks: so a blip
doesn't alarm, and an alarm ends soon after its cause. Times are in seconds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun
from slowtask.watch.settings import Targets

MINUTE: Final = 60.0
#: A state, the burn rate from which on it counts, and the minutes of the long and the short time.
BURN_RATES: Final[tuple[tuple[Literal["critical", "warning"], float, int, int], ...]] = (
    ("critical", 14.4, 60, 5),
    ("warning", 6.0, 360, 30),
)
MAX_BAD_SHARE: Final = 0.8  #: a burn rate that would need more runs to miss is lowered to this
MIN_MISSED: Final = 3  #: runs in the short time that miss a target
LONGEST: Final = max(minutes for _, _, minutes, _ in BURN_RATES)
TOLERATED: Final = 4.0  #: times the target: Apdex counts such a run half
APDEX_MINUTES: Final = 60

Kind = Literal["wait", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The jobs that wait in one queue now."""

    depth: int
    oldest: float | None  #: seconds that the oldest has waited
    arrivals: float | None  #: jobs/s
    departures: float | None  #: jobs/s


@dataclass(slots=True)
class Tally:
    """Runs that were counted against a target."""

    runs: int = 0
    satisfied: int = 0  #: that kept to it
    tolerated: int = 0  #: that took up to four times as long

    def add(self, value: float, target: float) -> None:
        """Count a run that waited or took *value*."""
        self.runs += 1
        self.satisfied += value <= target
        self.tolerated += target < value <= TOLERATED * target

    @property
    def missed(self) -> int:
        """Runs that didn't keep to it."""
        return self.runs - self.satisfied


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """How one target is kept."""

    kind: Kind
    name: str  #: of the queue or the task
    seconds: float  #: the target
    share: float  #: of runs that must keep to it, 0 to 1
    state: Literal["ok", "warning", "critical"]
    runs: int  #: in the time that decided: the last hour, or six
    missed: int  #: of them, with jobs that wait longer already
    minutes: int  #: how long that time is
    apdex: float | None  #: over the last hour, 0 to 1; None without runs
    predicted: float | None = None  #: seconds that a job which comes now will wait; None if that isn't known
    misses_in: float | None = None  #: seconds until a job that comes then will wait too long; None: not soon


class TargetWatch:
    """Counts runs against targets, minute by minute."""

    def __init__(self, targets: Targets, soon: float = 900.0) -> None:
        """Watch *targets*; a miss within *soon* seconds is a warning."""
        self._targets = targets
        self._soon = soon
        self._seen: dict[str, int] = {}  #: runs of each task that were counted
        self._minutes: dict[tuple[Kind, str], dict[int, Tally]] = {}

    def states(self, history: History, waiting: Mapping[str, Waiting], now: float) -> list[TargetState]:
        """How each target is kept *now*, with the jobs *waiting* by queue."""
        self._count(history, now)
        targets = self._targets
        waits = [self._judge("wait", name, now, waiting.get(name)) for name in targets.wait]
        return waits + [self._judge("run", name, now) for name in targets.run]

    def _count(self, history: History, now: float) -> None:
        """Count the runs that are new in *history*."""
        if not self._targets.wait and not self._targets.run:
            return
        with history.lock:
            for task, runs in history.tasks.items():
                for run in runs.last_runs(runs.count - self._seen.get(task, 0)):
                    self._count_run(run)
                self._seen[task] = runs.count
        oldest = int(now / MINUTE) - LONGEST
        for minutes in self._minutes.values():
            for minute in [each for each in minutes if each < oldest]:
                del minutes[minute]

    def _count_run(self, run: RecentRun) -> None:
        """Count *run* against the target of its queue, and that of its task."""
        wait, took = self._targets.wait.get(run.queue or ""), self._targets.run.get(run.task)
        if wait is not None and run.wait is not None:
            self._tally("wait", run.queue or "", run.end).add(run.wait, wait)
        if took is not None and run.took is not None:
            self._tally("run", run.task, run.end).add(run.took, took)

    def _tally(self, kind: Kind, name: str, time: float) -> Tally:
        """The count of one minute."""
        return self._minutes.setdefault((kind, name), {}).setdefault(int(time / MINUTE), Tally())

    def _sum(self, kind: Kind, name: str, now: float, minutes: int) -> Tally:
        """The counts of the last *minutes*."""
        first, total = int(now / MINUTE) - minutes, Tally()
        for minute, tally in self._minutes.get((kind, name), {}).items():
            if minute >= first:
                total.runs += tally.runs
                total.satisfied += tally.satisfied
                total.tolerated += tally.tolerated
        return total

    def _judge(self, kind: Kind, name: str, now: float, queue: Waiting | None = None) -> TargetState:
        """How one target is kept."""
        seconds = (self._targets.wait if kind == "wait" else self._targets.run)[name]
        late = count_late(queue, seconds) if queue else 0
        state, tally, minutes = self._burning(kind, name, now, late)
        hour = self._sum(kind, name, now, APDEX_MINUTES)
        misses_in = predict_miss(queue, seconds) if queue else None
        near = misses_in is not None and misses_in <= self._soon
        return TargetState(
            kind=kind,
            name=name,
            seconds=seconds,
            share=self._targets.share,
            state="warning" if near and state == "ok" else state,
            runs=tally.runs + late,
            missed=tally.missed + late,
            minutes=minutes,
            apdex=(hour.satisfied + hour.tolerated / 2) / hour.runs if hour.runs else None,
            predicted=predict_wait(queue) if queue else None,
            misses_in=misses_in if near else None,
        )

    def _burning(
        self, kind: Kind, name: str, now: float, late: int
    ) -> tuple[Literal["ok", "warning", "critical"], Tally, int]:
        """The state by the burn rates, and the counts and minutes that show it; *late* jobs still wait."""
        for state, rate, long, short in BURN_RATES:
            budget = 1 - self._targets.share
            bad = min(rate * budget, MAX_BAD_SHARE)
            tallies = [self._sum(kind, name, now, minutes) for minutes in (long, short)]
            enough = tallies[1].missed + late >= MIN_MISSED
            if enough and all(share_missed(each, late) >= bad for each in tallies):
                return state, tallies[0], long
        return "ok", self._sum(kind, name, now, APDEX_MINUTES), APDEX_MINUTES


def share_missed(tally: Tally, late: int) -> float:
    """The share of runs that missed a target, with *late* jobs that still wait."""
    return (tally.missed + late) / max(1, tally.runs + late)


def count_late(queue: Waiting, target: float) -> int:
    """How many of the waiting jobs are past *target* already, if they came at an even pace; at least one."""
    if not queue.depth or queue.oldest is None or queue.oldest <= target:
        return 0
    return max(1, math.floor(queue.depth * (1 - target / queue.oldest)))


def predict_wait(queue: Waiting) -> float | None:
    """How long a job that comes now will wait behind the others; None if that isn't known."""
    return queue.depth / queue.departures if queue.departures else None


def predict_miss(queue: Waiting, target: float) -> float | None:
    """Seconds until a job that comes then will wait longer than *target*; 0: now; None: not if it goes on."""
    wait = predict_wait(queue)
    if wait is None or queue.departures is None:
        return None
    if wait > target:
        return 0.0
    growth = (queue.arrivals or 0.0) - queue.departures
    return (target * queue.departures - queue.depth) / growth if growth > 0 else None
