"""Find the tasks that choke a job queue, before the queue collapses.

Workers write one JSON line for every attempt of a task (`slowtask.rq`, `slowtask.celery`). The command
`slowtask` reads the lines and ranks the tasks (`slowtask.cli`).
"""

from slowtask.record.settings import configure

__all__ = ["__version__", "configure"]
__version__ = "0.1.0"
