"""RECORD: what happened to an attempt becomes an event, and the event one line of the log.

The hooks of a queue system need these names and no others::

    with guarded:
        timer = Timer()
    ...
    with guarded:
        write(run(FINISHED, job, timer.stop(), id=identity(text), task="shop.mail", ...))

It is all that a worker imports: msgspec and python-json-logger, no DuckDB, no rich, no server's client.
"""

from slowtask.record.build import FINISHED, Ending, host, run, trace_id
from slowtask.record.event import Run, identity
from slowtask.record.guard import guarded, troubles
from slowtask.record.log import write
from slowtask.record.timer import THREAD, Taken, Timer

__all__ = [
    "FINISHED",
    "THREAD",
    "Ending",
    "Run",
    "Taken",
    "Timer",
    "guarded",
    "host",
    "identity",
    "run",
    "trace_id",
    "troubles",
    "write",
]
