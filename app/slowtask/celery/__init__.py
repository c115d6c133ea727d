"""RUN: the hooks into Celery. `slowtask.celery.install(app)`, where the app is made, is enough.

Of the processes that call it a publisher notes when it published, a pool process records what ran in it, and
its parent records what couldn't: every attempt, `(task id, retries)`, leaves exactly one record.
"""

from celery import Celery

from slowtask.celery import hooks

__all__ = ["install"]


def install(app: Celery) -> Celery:
    """Have every task of *app* leave records; returns *app*. Tasks stay as they are.

    Celery's signals are of the process: apps beside this one are recorded too.
    """
    hooks.connect()
    return app
