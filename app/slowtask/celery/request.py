"""The parent's view of a task: Celery's own `Request`, told when one ends that can't tell itself."""

from functools import cache
from typing import Any, Final

from billiard.exceptions import TimeLimitExceeded
from celery import Celery
from celery.utils.imports import symbol_by_name
from celery.worker.request import Request

from slowtask.celery.death import ending, write_death
from slowtask.record.build import Ending
from slowtask.record.guard import guarded

TERMINATED: Final = Ending("stopped")
CANCELLED: Final = Ending("killed", reason="cancelled by its worker")


class Witnessed(Request):  # type: ignore[misc] # Celery comes without types
    """Put before the request class that a task has."""

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 - Celery's signature
        """A time limit has passed; at the hard one the process is killed."""
        if not soft:
            self._died(Ending("timed-out", error=TimeLimitExceeded(timeout)))
        super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
        """The process failed; where it returned what it raised, `return_ok`, it has told so itself."""
        if not kwargs.get("return_ok"):
            with guarded:
                error = exc_info.exception
                self._died(ending(getattr(error, "exc", error)))
        super().on_failure(exc_info, *args, **kwargs)

    def terminate(self, *args: Any, **kwargs: Any) -> None:
        """By command: revoked, with `terminate=True`."""
        self._died(TERMINATED)
        super().terminate(*args, **kwargs)

    def cancel(self, *args: Any, **kwargs: Any) -> None:
        """By the worker: in a cold shutdown, or with its connection lost."""
        self._died(CANCELLED)
        super().cancel(*args, **kwargs)

    def _died(self, how: Ending) -> None:
        """It ends, if it has begun."""
        with guarded:
            write_death(how, self)


@cache
def witnessed(kind: type[Request]) -> type[Request]:
    """*kind*, also of the user's own, so that we learn of deaths."""
    return type(f"Witnessed{kind.__name__}", (Witnessed, kind), {})


def witness(app: Celery) -> None:
    """Have the tasks of *app* use such requests."""
    for task in app.tasks.values():
        kind = symbol_by_name(task.Request)
        if not issubclass(kind, Witnessed):
            task.Request = witnessed(kind)
