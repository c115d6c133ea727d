"""The stock lines of Celery's workers, 5.3 to 5.7: what tells of an end, mostly each of its run alone.

`[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task tasks.compute[96e2…] succeeded in 0.106s: 'done'`
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from slowtask.parse.cause import text
from slowtask.parse.grok import ours_with
from slowtask.parse.items import End, Reason
from slowtask.parse.revoked import UNABLE, Revoked
from slowtask.parse.text import NAME, SECONDS, TIME, Broken, Names, stamped, took
from slowtask.parse.times import Moments
from slowtask.record.event import SECOND, Action
from slowtask.record.lost import exit_reason

ID, WORKER = "[task][id]", "[worker][name]"
TASK: Final = (TIME, WORKER, NAME, ID)
ERROR: Final = ("[error][type]", "[error][message]")

HEAD = ours_with("CELERY_HEAD", TIME, WORKER).match
DONE = ours_with("CELERY_DONE", *TASK, SECONDS).match
RAISED = ours_with("CELERY_RAISED", *TASK, *ERROR).match
RETRY = ours_with("CELERY_RETRY", *TASK, *ERROR).match
LEFT = ours_with("CELERY_LEFT", *TASK).match
REJECT = ours_with("CELERY_REJECT", *TASK, "[@metadata][requeue]").match
CUT = ours_with("CELERY_CUT", *TASK).match
TIMEOUT = ours_with("CELERY_TIMEOUT", TIME, WORKER, SECONDS, NAME, ID).match
LOST = ours_with("CELERY_LOST", TIME, WORKER, "[error][message]").match
UNKNOWN = ours_with("CELERY_UNKNOWN", TIME, WORKER, NAME).match
TERMINATED = ours_with("CELERY_TERMINATED", TIME, WORKER, ID).match
REVOKED = ours_with("CELERY_REVOKED", TIME, WORKER, "[@metadata][ids]").match
DISCARDED = ours_with("CELERY_DISCARDED", *TASK, "[@metadata][header]").match
BANNER = ours_with("CELERY_BANNER").match

Read = Callable[[bytes, int, int], End | None]


class Lines:
    """Reads lines whose times are local to one zone. *before*: what stands before a piece of a log."""

    def __init__(self, moments: Moments, before: Callable[[], bytes] | None = None) -> None:
        self.moments = moments
        self.names = Names()
        self._revoked = Revoked(before)
        self._received = self._revoked.received
        #: The lines of the parent process, and words to look for first.
        self._parents: Final[tuple[tuple[bytes, Read], ...]] = (
            (b"] Hard time limit (", self._timeout),
            (b"] Task handler raised error: ", self._lost),
            (b"] Received unregistered task of type ", self._unknown),
            (b"] Terminating ", self._terminated),
            (b"] Tasks flagged as revoked: ", self._flagged),
            (b"] Discarding revoked task: ", self._discarded),
        )

    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """The end that a line tells; `None` for chatter. Raises `Broken`."""
        if line.endswith(b"] received"):
            self._received(line)
            return None
        if found := DONE(line):
            time, worker, task, job, seconds = found.groups()
            return End(
                line=number,
                offset=offset,
                timestamp=stamped(self.moments, time),
                task=self.names[task],
                id=job.decode("utf-8", "replace"),
                worker=self.names[worker],
                duration=took(seconds),
                outcome="success",
                action="finished",
                system="celery",
            )
        return self._otherwise(line, number, offset)

    def undone(self, line: bytes, end: End) -> bool:
        """Whether *line*, behind that of *end*, says that this task couldn't be stopped: it goes on."""
        return end.action == "stopped" and UNABLE in line and self._revoked.undo(end.id)

    def _otherwise(self, line: bytes, number: int, offset: int) -> End | None:
        """What isn't a success. How long it ran isn't in the log: it may have waited in the worker."""
        for words, read in self._parents:
            if words in line and (end := read(line, number, offset)):
                return end
        if b"] Task " in line and (end := self._ended(line, number, offset)):
            return end
        if HEAD(line) is None:
            raise Broken(Reason.MALFORMED)
        return None

    def _ended(self, line: bytes, number: int, offset: int) -> End | None:
        """A line that begins with the name of its task."""
        if found := RAISED(line):
            *parts, error, message = found.groups()
            soft = error is not None and error.endswith(b"SoftTimeLimitExceeded")
            return _failed(
                self._end(number, offset, parts, "timed-out" if soft else "failed"), error, message
            )
        if found := RETRY(line):
            *parts, error, message = found.groups()
            return _failed(self._end(number, offset, parts, "retried"), error, message)
        if found := LEFT(line):
            return _left(self._end(number, offset, found.groups(), "finished"))
        if found := REJECT(line):
            *parts, requeue = found.groups()
            end = self._end(number, offset, parts, "retried")
            return end if requeue == b"True" else _left(end)
        if found := CUT(line):
            end = self._end(number, offset, found.groups(), "killed")
            end.reason, end.worker = "cancelled by its worker", None
            return end
        return None

    def _timeout(self, line: bytes, number: int, offset: int) -> End | None:
        """The hard time limit. Celery looks once a second."""
        if not (found := TIMEOUT(line)):
            return None
        time, _, seconds, task, job = found.groups()
        end = self._end(number, offset, (time, None, task, job), "timed-out")
        end.duration, end.margin = took(seconds), SECOND
        return end

    def _lost(self, line: bytes, _number: int, _offset: int) -> None:
        """A process was lost with its task, which no line names but that of a time limit. Raises `Broken`."""
        if (found := LOST(line)) and not found[3].startswith(b"TimeLimitExceeded("):
            raise Broken(Reason.NAMELESS)

    def _unknown(self, line: bytes, number: int, offset: int) -> End | None:
        """A task that this worker doesn't have."""
        if not (found := UNKNOWN(line)):
            return None
        time, _, task = found.groups()
        return self._end(number, offset, (time, None, task, None), "failed")

    def _terminated(self, line: bytes, number: int, offset: int) -> End | None:
        """A task that is stopped by command. The next line may say that it can't be."""
        if not (found := TERMINATED(line)):
            return None
        time, _, job = found.groups()
        return self._end(number, offset, (time, None, self._revoked.terminate(job), job), "stopped")

    def _flagged(self, line: bytes, _number: int, _offset: int) -> None:
        """Tasks that are revoked: those that run already go on."""
        if found := REVOKED(line):
            self._revoked.flag(found[3])

    def _discarded(self, line: bytes, number: int, offset: int) -> End | None:
        """A task that never ran: revoked, or too late. Celery has the same line for both."""
        if not (found := DISCARDED(line)):
            return None
        time, _, task, job, header = found.groups()
        told = self._revoked.discard(job)
        if told:
            return None
        end = self._end(number, offset, (time, None, task, job), "stopped")
        end.reason = "revoked" if header is not None or told is False else None
        return end

    def _end(self, number: int, offset: int, parts: Sequence[Any], action: Action) -> End:
        """An end without success. *parts*: time, worker, task and id; the parent process is no worker."""
        time, worker, task, job = parts
        return End(
            line=number,
            offset=offset,
            timestamp=stamped(self.moments, time),
            task=None if task is None else self.names[task],
            id=None if job is None else job.decode("utf-8", "replace"),
            worker=None if worker is None else self.names[worker],
            outcome="failure",
            action=action,
            system="celery",
        )


def _left(end: End) -> End:
    """*end* of a task that says nothing of how its work ended."""
    end.action, end.outcome = "finished", "unknown"
    return end


def _failed(end: End, error: bytes | None, message: bytes | None) -> End:
    """*end* with its exception as the line shows it; a traceback below may say it better.

    What killed its process says more than that it will run again, and comes from the parent.
    """
    end.error, end.message = text(error), text(message)
    if end.action == "retried" and (error or b"").endswith(b"WorkerLostError"):
        end.action, end.reason, end.worker = "killed", exit_reason(text(message) or ""), None
    return end
