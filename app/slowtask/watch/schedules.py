"""WATCH: learn which tasks come at regular times, and notice when one doesn't come.

A task's times are those at which its jobs were enqueued, by the log of runs: a job's start less its wait.
Beat leaves nothing in a broker, so the runs are all there is to tell that it died. Times are in seconds.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from statistics import median
from typing import Final

from slowtask.watch.history import History
from slowtask.watch.recent import TaskRuns
from slowtask.watch.turns import Turns

MIN_TICKS: Final = 6
MAX_TICKS: Final = 60  #: the last ones, of which a period is learnt
FEW_TICKS: Final = 12  #: fewer must all be regular
REGULAR_SHARE: Final = 0.8  #: of the gaps between ticks, that are as long as the period
TOLERANCE: Final = 0.2  #: of the period
BUNCH: Final = 0.2  #: of a long gap: what comes closer together belongs to one tick
MIN_PERIOD: Final = 1.0  #: what comes more often is load, not a schedule
BUSY_SHARE: Final = 0.7  #: of the gap between two starts: runs so long follow one another for want of workers
MIN_MEAN_GAP: Final = 0.05  #: so much load hides what is regular in it
MISSED_PERIODS: Final = 2
MIN_SILENCE: Final = 15.0  #: a tick isn't missed sooner
FORGET_PERIODS: Final = 50  #: of silence, and at least a day: then nobody expects it any more
DAY: Final = 86400.0
MAX_PAUSES: Final = 30  #: of a task that are remembered
SAME_TIME: Final = 1800.0  #: pauses that begin so close to the same time of day are alike
LONGER: Final = 1.1  #: a pause may last so many times as long as one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A task that comes at regular times."""

    task: str
    queue: str | None
    period: float  #: the usual gap
    jitter: float  #: how far most gaps are off
    last: float  #: since the epoch: when it came last
    delay: float  #: from then until its run is in the log

    @property
    def due(self) -> float:
        """When the next run should be in the log."""
        return self.last + self.period + self.jitter + self.delay


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A schedule whose task doesn't come."""

    schedule: Schedule
    silence: float  #: since it came last


@dataclass(slots=True)
class Pauses:
    """The pauses of one task, which came back after them: at night, over a weekend."""

    known: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MAX_PAUSES))

    def learn(self, ticks: Sequence[float], period: float) -> None:
        """Remember the pauses between *ticks*."""
        newest = self.known[-1][0] if self.known else -math.inf
        for one, other in pairwise(ticks):
            if one > newest and other - one > MISSED_PERIODS * period:
                self.known.append((one, other - one))

    def longest(self, begin: float, slack: float) -> float:
        """How long the longest pause lasted that began at the same time of day as *begin*; 0 without any."""
        alike = (
            length
            for at, length in self.known
            if abs((at - begin + DAY / 2) % DAY - DAY / 2) <= max(SAME_TIME, slack)
        )
        return max(alike, default=0.0)


@dataclass(slots=True, kw_only=True)
class Learnt:
    """What is known of one task."""

    learnt: int  #: how many runs it had when its schedule was learnt
    seen: int  #: how many it has now
    schedule: Schedule | None


class Schedules:
    """Learns the schedules of a history's tasks of *system*, and finds those that are missed."""

    def __init__(self, system: str | None = None) -> None:
        self._system = system
        self._turns = Turns()
        self._known: dict[str, Learnt] = {}  #: by task
        self._pauses: dict[str, Pauses] = {}

    def learn(self, history: History) -> list[Schedule]:
        """The schedules of all tasks, by the runs that *history* has now."""
        with history.lock:
            tasks = history.tasks_of(self._system)
            for task in self._turns.take([task for task in tasks if self._is_outdated(task, tasks[task])]):
                self._known[task] = Learnt(
                    learnt=tasks[task].count, seen=tasks[task].count, schedule=self._learn_task(tasks[task])
                )
            for task, known in self._known.items():
                if task in tasks:
                    note_last(known, tasks[task])
            self._known = {task: each for task, each in self._known.items() if task in history.tasks}
            self._pauses = {task: each for task, each in self._pauses.items() if task in history.tasks}
        return [each.schedule for each in self._known.values() if each.schedule]

    def missed(self, history: History, now: float, idle: Sequence[str] = ()) -> list[Missed]:
        """The schedules that are missed *now*, while runs of other tasks went on.

        Of a queue that is *idle*, whose workers are free and which is empty, no other run is needed to tell.
        """
        found = self.learn(history)
        with history.lock:
            others = {each.task: newest_end(history, each.task) for each in found}
        return [
            Missed(schedule=each, silence=now - each.last)
            for each in found
            if (others[each.task] > each.due or each.queue in idle) and self.is_missed(each, now)
        ]

    def is_missed(self, schedule: Schedule, now: float) -> bool:
        """Whether the task of *schedule* should have come twice since it came last."""
        silence = now - schedule.last
        allowed = MISSED_PERIODS * schedule.period + schedule.jitter + schedule.delay
        pauses = self._pauses.get(schedule.task)
        pause = pauses.longest(schedule.last, schedule.period) * LONGER if pauses else 0.0
        given_up = max(FORGET_PERIODS * schedule.period, DAY)
        return max(allowed, MIN_SILENCE, pause) < silence < given_up

    def _is_outdated(self, task: str, runs: TaskRuns) -> bool:
        """Whether the schedule of *task* must be learnt again: it has a tenth more runs."""
        known = self._known.get(task)
        return known is None or runs.count - known.learnt >= max(1, len(runs) // 10)

    def _learn_task(self, runs: TaskRuns) -> Schedule | None:
        """The schedule of a task, by its *runs*; None if it comes at any time."""
        if len(runs) < MIN_TICKS:
            return None
        times = enqueue_times(runs)
        if times[-1] - times[0] < MIN_MEAN_GAP * len(times):
            return None
        for ticks in (times, find_ticks(times)):
            gaps = [other - one for one, other in pairwise(ticks)]
            period = find_period(gaps)
            if period is not None and not is_busy(runs, period):
                self._pauses.setdefault(runs.task, Pauses()).learn(ticks, period)
                return make_schedule(runs, ticks, gaps, period)
        return None


def note_last(known: Learnt, runs: TaskRuns) -> None:
    """Note in what is *known* when the task of *runs* came last."""
    if known.schedule is not None and known.seen != runs.count:
        last = max(run.enqueued for run in runs.last_runs(runs.count - known.seen))
        known.schedule = replace(known.schedule, last=max(last, known.schedule.last), queue=runs.queue)
    known.seen = runs.count


def enqueue_times(runs: TaskRuns) -> list[float]:
    """When the jobs of a task were enqueued, or began if their waits aren't known."""
    columns = zip(runs.number("end"), runs.number("took"), runs.number("wait"), strict=True)
    return sorted(
        end - (0.0 if math.isnan(took) else took) - (0.0 if math.isnan(wait) else wait)
        for end, took, wait in columns
    )


def find_ticks(times: Sequence[float]) -> list[float]:
    """The beginnings of the bunches in which *times* come."""
    near = BUNCH * find_long_gap(times)
    return [times[0], *(time for before, time in pairwise(times) if time - before > near)]


def find_long_gap(times: Sequence[float]) -> float:
    """The gap between *times* of which longer ones fill half of the whole time, and shorter ones the rest."""
    gaps = sorted(other - one for one, other in pairwise(times))
    filled = [*accumulate(gaps)]
    return gaps[bisect_left(filled, filled[-1] / 2)]


def find_period(gaps: Sequence[float]) -> float | None:
    """The usual one of *gaps*; None if they are irregular, or too few to tell."""
    last = gaps[-MAX_TICKS:]
    if len(last) < MIN_TICKS - 1:
        return None
    period = median(last)
    regular = sum(abs(gap - period) <= TOLERANCE * period for gap in last)
    needed = len(last) if len(last) < FEW_TICKS else REGULAR_SHARE * len(last)
    return period if period >= MIN_PERIOD and regular >= needed else None


def is_busy(runs: TaskRuns, period: float) -> bool:
    """Whether runs may follow one another because a worker is never free: no wait tells when they came."""
    waits, times = runs.number("wait"), [took for took, _ in runs.times()]
    return all(map(math.isnan, waits)) and bool(times) and median(times) >= BUSY_SHARE * period


def make_schedule(runs: TaskRuns, ticks: Sequence[float], gaps: Sequence[float], period: float) -> Schedule:
    """The schedule of a task whose usual gap is *period*."""
    off = sorted(abs(gap - period) for gap in gaps[-MAX_TICKS:] if gap <= (1 + TOLERANCE) * period)
    delays = sorted(run.end - run.enqueued for run in runs)
    return Schedule(
        task=runs.task,
        queue=runs.queue,
        period=period,
        jitter=off[len(off) * 9 // 10],
        last=ticks[-1],
        delay=delays[len(delays) * 9 // 10],
    )


def newest_end(history: History, without: str) -> float:
    """When the newest run of any task ended that isn't *without*."""
    return max((runs.last for task, runs in history.tasks.items() if task != without), default=-math.inf)
