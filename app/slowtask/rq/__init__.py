"""RUN: the hooks into RQ. `RQ_WORKER_CLASS=slowtask.rq.TimedWorker rq worker` is all it takes.

A `Timed…Worker` records every attempt of every job, whatever class it is of. `TimedJob` is for where only
a job class can be set: it sees what runs to an end, but no kills, stops, jobs that can't be loaded,
failing callbacks or abandoned jobs. With both, every attempt still leaves exactly one record.
"""

from slowtask.rq import worker
from slowtask.rq.job import TimedJob
from slowtask.rq.worker import Timed, TimedHorse, TimedSimpleWorker, TimedWorker

__all__ = ["Timed", "TimedHorse", "TimedJob", "TimedSimpleWorker", "TimedWorker"]

if hasattr(worker, "TimedSpawnWorker"):
    TimedSpawnWorker = worker.TimedSpawnWorker
    __all__ += ["TimedSpawnWorker"]
