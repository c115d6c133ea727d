"""Record one attempt of a Celery task in the process that runs it."""

import os
import sys
from typing import Any, Final

from celery import Task, states
from celery.exceptions import Reject, Retry, SoftTimeLimitExceeded

from slowtask import record
from slowtask.celery import facts
from slowtask.celery.worker import Worker
from slowtask.record import FINISHED, Ending, Run, Taken, Timer
from slowtask.record.event import Action

#: Of a task that raised `Ignore`, or `Reject` for good: it isn't known what became of its work.
UNKNOWN: Final = Ending("finished", known=False)
#: The exceptions by which gevent and eventlet end a greenlet, by name: they may not be installed.
GREENLET_ACTIONS: Final[dict[str, Action]] = {"GreenletExit": "stopped", "Timeout": "timed-out"}


class Attempt:
    """One attempt, measured from the moment it is made; `close` writes its record."""

    __slots__ = ("_key", "_pid", "_request", "_timer", "_trace", "_wait", "_worker")

    def __init__(self, request: Any, worker: Worker) -> None:
        self._request = request
        self._worker = worker
        self._pid = os.getpid()
        self._key = facts.attempt_key(request)
        self._trace = record.open_trace()
        self._timer = timer = Timer(worker.cpu_scope)
        self._wait = facts.wait(request, timer.start)
        if worker.board:
            worker.board.note_start(timer.start, timer.clock, self._key, self._pid)

    def close(self, task: Task, state: str | None, result: Any) -> None:
        """Write the record of the attempt of *task*, unless the worker's main process does.

        *state* is Celery's, and *result* the task's value or its exception. Without a state, an exception
        that no task may catch ended the attempt; in a pool process the main process records that.
        """
        taken, board = self._timer.stop(), self._worker.board
        how = FINISHED if state == states.SUCCESS else ending(state, result)
        if state is None and self._worker.is_child:
            return
        if board and not board.lacks_record(self._key, self._pid):
            return  # the main process has given this attempt up, and written its record
        record.write(self._make_run(task, how, taken))
        if board:
            board.note_recorded(self._pid)

    def _make_run(self, task: Task, how: Ending, taken: Taken) -> Run:
        """Make the event."""
        request = self._request
        trace, span = self._trace if self._trace[0] else record.open_trace()
        return record.run(
            how,
            request,
            taken,
            id=facts.event_id(self._key, request, self._pid, self._timer.clock),
            task=task.name,
            task_id=request.id,
            attempt=facts.attempt_number(request),
            wait=self._wait,
            queue=facts.queue_name(request, task.app),
            system="celery",
            worker=None if request.is_eager else request.hostname,
            host=record.host(),
            pid=self._pid,
            trace=trace,
            span=span,
        )


def ending(state: str | None, result: Any) -> Ending:
    """Return how an attempt in Celery's *state*, which isn't success, ended; *result* is its exception."""
    match state:
        case states.RETRY:
            return Ending("retried", error=result.exc if isinstance(result, Retry) else result)
        case states.REJECTED if isinstance(result, Reject) and result.requeue:
            return Ending("retried", error=result)
        case states.IGNORED | states.REJECTED:
            return UNKNOWN
        case None:
            return interrupted_ending(sys.exc_info()[1])
    return Ending("timed-out" if isinstance(result, SoftTimeLimitExceeded) else "failed", error=result)


def interrupted_ending(error: BaseException | None) -> Ending:
    """Return how an attempt ended that *error*, which isn't the task's own, interrupted in its process."""
    return Ending(GREENLET_ACTIONS.get(type(error).__name__, "failed"), error=error)
