"""Record an attempt: measure it, make an event of it, write that as one line of the log.

The hooks of a queue system need these names and no others. Wrap every hook in `guarded`, so that an error in
it never reaches the task::

    with guarded:
        timer = Timer()
    ...
    with guarded:
        write(run(FINISHED, job, timer.stop(), id=identity(text), task="shop.mail.send", ...))

A worker imports nothing else of slowtask, so only msgspec and python-json-logger: no DuckDB, no rich, no
client of a server.
"""

from slowtask.record.build import FINISHED, Ending, RunFields, host, run
from slowtask.record.event import Run, identity
from slowtask.record.guard import guarded, troubles
from slowtask.record.log import write
from slowtask.record.timer import GREENLET, PROCESS, THREAD, Taken, Timer
from slowtask.record.trace import carried_trace, open_trace, trace_id

__all__ = [
    "FINISHED",
    "GREENLET",
    "PROCESS",
    "THREAD",
    "Ending",
    "Run",
    "RunFields",
    "Taken",
    "Timer",
    "carried_trace",
    "guarded",
    "host",
    "identity",
    "open_trace",
    "run",
    "trace_id",
    "troubles",
    "write",
]
