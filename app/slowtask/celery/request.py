"""Record, in the worker's main process, tasks whose pool process can't do so: Celery's `Request` extended."""

from functools import cache
from typing import Any, Final

from billiard.exceptions import TimeLimitExceeded
from celery import Celery
from celery.utils.imports import symbol_by_name
from celery.worker.request import Request

from slowtask.celery.death import ending, write_death
from slowtask.record import Ending, guarded

TERMINATED: Final = Ending("stopped")
CANCELLED: Final = Ending("killed", reason="cancelled by its worker")


class RecordingRequest(Request):  # type: ignore[misc] # Celery comes without types
    """A mixin for the request class that a task has: it records how the task's process ended."""

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 - Celery's signature
        """Record a hard time limit, at which the process is killed."""
        if not soft:
            self._record(Ending("timed-out", error=TimeLimitExceeded(timeout)))
        super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
        """Record a failed process, unless it returned its exception (`return_ok`) and so recorded it."""
        if not kwargs.get("return_ok"):
            with guarded:
                error = exc_info.exception
                self._record(ending(getattr(error, "exc", error)))
        super().on_failure(exc_info, *args, **kwargs)

    def terminate(self, *args: Any, **kwargs: Any) -> None:
        """Record a task that was revoked with `terminate=True`."""
        self._record(TERMINATED)
        super().terminate(*args, **kwargs)

    def cancel(self, *args: Any, **kwargs: Any) -> None:
        """Record a task that the worker cancels: in a cold shutdown, or because its connection is lost."""
        self._record(CANCELLED)
        super().cancel(*args, **kwargs)

    def _record(self, how: Ending) -> None:
        """Record that the task ends, if it has begun."""
        with guarded:
            write_death(how, self)


@cache
def recording_class(kind: type[Request]) -> type[Request]:
    """Return *kind*, which may be a class of the user's own, with `RecordingRequest` before it."""
    return type(f"Recording{kind.__name__}", (RecordingRequest, kind), {})


def replace_request_classes(app: Celery) -> None:
    """Have the tasks of *app* use request classes that record."""
    for task in app.tasks.values():
        kind = symbol_by_name(task.Request)
        if not issubclass(kind, RecordingRequest):
            task.Request = recording_class(kind)
