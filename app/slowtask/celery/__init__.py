"""Record Celery's tasks. `slowtask.celery.install(app)`, where the app is made, is all it takes.

A publisher that calls it notes when it published, a pool process records what ran in it, and the worker's
main process records what a pool process couldn't: each attempt, `(task id, retries)`, leaves exactly one
record.
"""

from celery import Celery

from slowtask.celery import hooks

__all__ = ["install"]


def install(app: Celery) -> Celery:
    """Have every attempt of every task of *app* leave a record. Tasks need no change.

    Call it where the app is made, in a module that workers and publishers import: the publisher adds the time
    to the message, without which there is no `task.wait`. Celery's signals belong to the process, so other
    apps in it are recorded too. A second call changes nothing.

    Args:
        app: The Celery app.

    Returns:
        The same app.

    Example:
        ```python
        import slowtask.celery
        from celery import Celery

        app = slowtask.celery.install(Celery("shop"))
        ```
    """
    hooks.connect()
    return app
