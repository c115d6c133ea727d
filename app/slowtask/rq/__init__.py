"""RUN: the hooks into RQ. `RQ_JOB_CLASS=slowtask.rq.TimedJob rq worker` is enough to begin with.

`TimedJob` sees what runs to an end; a `Timed…Worker` sees the rest: kills, stops, jobs that can't be
loaded, failing callbacks, abandoned jobs. With both, every attempt leaves exactly one record.
"""

from slowtask.rq import worker
from slowtask.rq.job import TimedJob
from slowtask.rq.worker import Timed, TimedHorse, TimedSimpleWorker, TimedWorker

__all__ = ["Timed", "TimedHorse", "TimedJob", "TimedSimpleWorker", "TimedWorker"]

if hasattr(worker, "TimedSpawnWorker"):
    TimedSpawnWorker = worker.TimedSpawnWorker
    __all__ += ["TimedSpawnWorker"]
