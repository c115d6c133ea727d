"""One attempt of one Celery task, as the process that runs it sees it."""

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

LEFT: Final = Ending("finished", known=False)
#: By name, since gevent and eventlet may not be installed: how they end a greenlet.
GREENLETS: Final[dict[str, Action]] = {"GreenletExit": "stopped", "Timeout": "timed-out"}


class Attempt:
    """Begins with its making; `close` writes the one record, unless a parent process will."""

    __slots__ = ("_key", "_pid", "_request", "_timer", "_trace", "_wait", "_worker")

    def __init__(self, request: Any, worker: Worker) -> None:
        self._request = request
        self._worker = worker
        self._pid = os.getpid()
        self._key = facts.key(request)
        self._trace = record.trace_id()
        self._timer = timer = Timer(worker.whose)
        self._wait = facts.wait(request, timer.start)
        if worker.board:
            worker.board.began(timer.start, timer.clock, self._key, self._pid)

    def close(self, task: Task, state: str | None, result: Any) -> None:
        """The attempt of *task* ended in Celery's *state*, with its *result*: a value or an exception.

        Without a state something no task may catch ended it: in a pool process that is its parent's to tell.
        """
        taken, board, ending = self._timer.stop(), self._worker.board, ended(state, result)
        if state is None and self._worker.is_child:
            return
        if board and not board.owes(self._key, self._pid):
            return  # our parent has given this attempt up: that record stands
        record.write(self._run(task, ending, taken))
        if board:
            board.recorded(self._pid)

    def _run(self, task: Task, ending: Ending, taken: Taken) -> Run:
        """The event."""
        request = self._request
        return record.run(
            ending,
            request,
            taken,
            id=facts.event_id(request, self._pid, self._timer.clock),
            task=task.name,
            task_id=request.id,
            attempt=facts.attempt(request),
            wait=self._wait,
            queue=facts.queue(request, task.app),
            system="celery",
            worker=None if facts.is_eager(request) else request.hostname,
            host=record.host(),
            pid=self._pid,
            trace=self._trace or record.trace_id(),
        )


def ended(state: str | None, result: Any) -> Ending:
    """How an attempt in Celery's *state* ended; *result* is its value, or the exception that says so.

    What became of the work of a task that raised `Ignore`, or `Reject` for good, isn't known.
    """
    match state:
        case states.SUCCESS:
            return FINISHED
        case states.RETRY:
            return Ending("retried", error=result.exc if isinstance(result, Retry) else result)
        case states.REJECTED if isinstance(result, Reject) and result.requeue:
            return Ending("retried", error=result)
        case states.IGNORED | states.REJECTED:
            return LEFT
        case None:
            return broken(sys.exc_info()[1])
    return Ending("timed-out" if isinstance(result, SoftTimeLimitExceeded) else "failed", error=result)


def broken(error: BaseException | None) -> Ending:
    """How an attempt ended that was broken off in its own process by *error*."""
    return Ending(GREENLETS.get(type(error).__name__, "failed"), error=error)
