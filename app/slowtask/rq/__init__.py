"""Record RQ's jobs. `RQ_WORKER_CLASS=slowtask.rq.TimedWorker rq worker` is all it takes.

A `Timed…Worker` records every attempt of every job, whatever the job's class. `TimedJob` is for where you can
set only a job class: it records attempts that return or raise, but no kills, stops, failing callbacks or
abandoned jobs, and no jobs that can't be loaded. With both, every attempt still leaves exactly one record.
"""

from slowtask.rq import worker
from slowtask.rq.job import TimedJob
from slowtask.rq.worker import Timed, TimedHorse, TimedSimpleWorker, TimedWorker

__all__ = ["Timed", "TimedHorse", "TimedJob", "TimedSimpleWorker", "TimedWorker"]

if hasattr(worker, "TimedSpawnWorker"):
    TimedSpawnWorker = worker.TimedSpawnWorker
    __all__ += ["TimedSpawnWorker"]
