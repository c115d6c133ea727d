"""WATCH: all that the log of runs tells of tasks at one poll: changes, schedules and targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slowtask.watch.changes import Change, TaskWatch
from slowtask.watch.history import History
from slowtask.watch.schedules import Missed, Schedules
from slowtask.watch.settings import Thresholds
from slowtask.watch.targets import TargetState, TargetWatch, Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """What is known of tasks at one poll."""

    changes: Sequence[Change] = ()  #: of tasks against themselves
    missed: Sequence[Missed] = ()  #: schedules whose task doesn't come
    targets: Sequence[TargetState] = ()  #: how each target is kept


NOTHING: Final = TaskView()


class TaskJudge:
    """Judges the tasks of one broker by a history, which a monitor of another broker may share.

    *system* is that of the broker, whose runs count, with those that name none.
    """

    def __init__(self, system: str, thresholds: Thresholds) -> None:
        self._changes = TaskWatch(system)
        self._schedules = Schedules(system)
        self._targets = TargetWatch(thresholds.targets, thresholds.soon)

    def judge(
        self, history: History, waiting: Mapping[str, Waiting], idle: Sequence[str], now: float
    ) -> TaskView:
        """Judge the tasks *now*, with the jobs *waiting* by queue; *idle* queues have a free worker."""
        if not history.tasks and not any(each.depth for each in waiting.values()):
            return NOTHING
        return TaskView(
            changes=self._changes.changes(history, now),
            missed=self._schedules.missed(history, now, idle),
            targets=self._targets.states(history, waiting, now),
        )
