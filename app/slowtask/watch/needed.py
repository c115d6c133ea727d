"""WATCH: how many workers each queue needs, for autoscalers.

It is what the arriving jobs need, by their observed number and the recent run times of such jobs, and what
the waiting jobs need to be gone soon. Times are in seconds; what isn't known is None, never 0.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from slowtask.watch.history import History
from slowtask.watch.judge import TARGET_LOAD
from slowtask.watch.recent import TaskRuns
from slowtask.watch.view import QueueView

PERIOD: Final = 3600.0  #: seconds whose runs tell which tasks arrive in a queue
DRAIN_TIME: Final = 300.0  #: seconds in which the jobs that wait now shall be gone

RunTimes = Mapping[str, float]  #: the mean run time of the jobs that arrive, by queue


def find_run_times(history: History) -> dict[str, float]:
    """How long the jobs of each queue take on average, by the tasks that ran in it during the last hour.

    Of a busy task only the newest runs are kept, so tasks count by runs per second.
    """
    with history.lock:
        typical, tasks = history.typical(), history.tasks.values()
        newest = max((runs.last for runs in tasks), default=0.0)
        oldest = max(newest - PERIOD, min((runs.number("end")[0] for runs in tasks), default=0.0))
        work: dict[str, float] = defaultdict(float)
        rates: dict[str, float] = defaultdict(float)
        for runs in tasks:
            for queue, rate in find_rates(runs, oldest, newest).items() if runs.task in typical else ():
                work[queue] += rate * typical[runs.task].mean
                rates[queue] += rate
    return {queue: work[queue] / rate for queue, rate in rates.items()}


def find_rates(runs: TaskRuns, oldest: float, newest: float) -> dict[str, float]:
    """The runs a second of one task in each queue, of those that ended between *oldest* and *newest*."""
    ends = runs.number("end")
    begin = max(oldest, ends[0]) if runs.count > len(runs) else oldest
    columns = zip(runs.text("queue"), ends, strict=True)
    counts = Counter(queue for queue, end in columns if queue and end >= begin)
    return {queue: count / max(1.0, newest - begin) for queue, count in counts.items()}


def count_needed(view: QueueView, run_time: float | None) -> int | None:
    """How many workers the queue of *view* needs if its jobs take *run_time*; None if that isn't known."""
    if view.arrivals is None:
        return None
    if not (view.arrivals or view.queue.depth or view.queue.running):
        return 0
    if run_time is None:
        return None
    arriving, waiting = view.arrivals * run_time, waiting_work(view, run_time)
    needed = max(arriving / TARGET_LOAD, arriving + waiting / DRAIN_TIME)
    return max(1, math.ceil(needed - 1e-9))


def waiting_work(view: QueueView, run_time: float) -> float:
    """The worker-seconds that the waiting jobs need: by their tasks, as far as these are known."""
    known = [each for each in view.backlog if each.work is not None]
    rest = max(0, view.queue.depth - sum(each.count for each in known))
    return sum(each.work or 0.0 for each in known) + rest * run_time
