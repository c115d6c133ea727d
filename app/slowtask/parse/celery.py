"""PARSE: the stock lines of Celery's workers, 5.3 to 5.7. Most runs are known by the line that ends them.

`[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task tasks.compute[96e2…] succeeded in 0.106s: 'done'`
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from slowtask.parse.cause import shorten
from slowtask.parse.format import Context, Format, Names, Unreadable, read_duration, read_time, read_times
from slowtask.parse.grok import compile_pattern
from slowtask.parse.items import End, Reason
from slowtask.parse.revoked import CANNOT_TERMINATE, RevokedTasks
from slowtask.record.event import SECOND, Action
from slowtask.record.lost import exit_reason

TIME, SECONDS = "[@metadata][time]", "[@metadata][seconds]"
NAME, ID, WORKER = "[task][name]", "[task][id]", "[worker][name]"
TASK: Final = (TIME, WORKER, NAME, ID)
ERROR: Final = ("[error][type]", "[error][message]")

HEAD = compile_pattern("CELERY_HEAD", TIME, WORKER).match
DONE = compile_pattern("CELERY_DONE", *TASK, SECONDS).match
RAISED = compile_pattern("CELERY_RAISED", *TASK, *ERROR).match
RETRY = compile_pattern("CELERY_RETRY", *TASK, *ERROR).match
LEFT = compile_pattern("CELERY_LEFT", *TASK).match
REJECT = compile_pattern("CELERY_REJECT", *TASK, "[@metadata][requeue]").match
CUT = compile_pattern("CELERY_CUT", *TASK).match
TIMEOUT = compile_pattern("CELERY_TIMEOUT", TIME, WORKER, SECONDS, NAME, ID).match
LOST = compile_pattern("CELERY_LOST", TIME, WORKER, "[error][message]").match
UNKNOWN = compile_pattern("CELERY_UNKNOWN", TIME, WORKER, NAME).match
TERMINATED = compile_pattern("CELERY_TERMINATED", TIME, WORKER, ID).match
REVOKED = compile_pattern("CELERY_REVOKED", TIME, WORKER, "[@metadata][ids]").match
DISCARDED = compile_pattern("CELERY_DISCARDED", *TASK, "[@metadata][header]").match
BANNER = compile_pattern("CELERY_BANNER").match

ReadLine = Callable[[bytes, int, int], End | None]


class CeleryFormat(Format):
    """Lines of Celery's workers. What a task prints or raises goes on in lines without a head."""

    first_bytes = b"["
    head = rb"\[\d{4}-"
    amendment = rb"pidbox command error"
    multiline = True
    chatter = (BANNER,)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._timestamps = context.timestamps
        self._names = Names()
        self._revoked = RevokedTasks(context.before)
        self._received = self._revoked.received
        #: Lines of the parent process: what to look for before a pattern is tried, and what reads them.
        self._parent_lines: Final[tuple[tuple[bytes, ReadLine], ...]] = (
            (b"] Hard time limit (", self._read_timeout),
            (b"] Task handler raised error: ", self._read_lost),
            (b"] Received unregistered task of type ", self._read_unregistered),
            (b"] Terminating ", self._read_terminated),
            (b"] Tasks flagged as revoked: ", self._read_flagged),
            (b"] Discarding revoked task: ", self._read_discarded),
        )

    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Emit a success; return a failure, if *line* is one. Raises `Unreadable`."""
        if line.endswith(b"] received") and line[1:5].isdigit():
            self._received(line)
            return None
        if match := DONE(line):
            time, worker, task, job, seconds = match.groups()
            timestamp, duration = read_times(self._timestamps, time, seconds)
            self.emit(
                End(
                    line=number,
                    offset=offset,
                    timestamp=timestamp,
                    task=self._names[task],
                    id=job.decode("utf-8", "replace"),
                    worker=self._names[worker],
                    duration=duration,
                    outcome="success",
                    action="finished",
                    system="celery",
                )
            )
            return None
        end = self._read_rare(line, number, offset)
        if end is None or end.outcome == "failure":
            return end
        self.emit(end)
        return None

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* begins with a bracket and a year."""
        return line[1:5].isdigit()

    def withdraws(self, line: bytes, failure: End) -> bool:
        """Whether *line* says that the pool couldn't terminate the task of *failure*, which goes on."""
        return failure.action == "stopped" and CANNOT_TERMINATE in line and self._revoked.undo(failure.id)

    def _read_rare(self, line: bytes, number: int, offset: int) -> End | None:
        """Read what isn't a success. Celery doesn't log how long such a task ran."""
        for words, read_line in self._parent_lines:
            if words in line and (end := read_line(line, number, offset)):
                return end
        if b"] Task " in line and (end := self._read_ended(line, number, offset)):
            return end
        if HEAD(line) is None:
            raise Unreadable(Reason.MALFORMED)
        return None

    def _read_ended(self, line: bytes, number: int, offset: int) -> End | None:
        """Read a line that begins with the name of its task."""
        if match := RAISED(line):
            *parts, error, message = match.groups()
            soft = error is not None and error.endswith(b"SoftTimeLimitExceeded")
            return _with_error(
                self._end(number, offset, parts, "timed-out" if soft else "failed"), error, message
            )
        if match := RETRY(line):
            *parts, error, message = match.groups()
            return _with_error(self._end(number, offset, parts, "retried"), error, message)
        if match := LEFT(line):
            return _with_unknown_outcome(self._end(number, offset, match.groups(), "finished"))
        if match := REJECT(line):
            *parts, requeue = match.groups()
            end = self._end(number, offset, parts, "retried")
            return end if requeue == b"True" else _with_unknown_outcome(end)
        if match := CUT(line):
            end = self._end(number, offset, match.groups(), "killed")
            end.reason, end.worker = "cancelled by its worker", None
            return end
        return None

    def _read_timeout(self, line: bytes, number: int, offset: int) -> End | None:
        """Read that a task reached its hard time limit, which Celery checks once a second."""
        if not (match := TIMEOUT(line)):
            return None
        time, _, seconds, task, job = match.groups()
        end = self._end(number, offset, (time, None, task, job), "timed-out")
        end.duration, end.margin = read_duration(seconds), SECOND
        return end

    def _read_lost(self, line: bytes, _number: int, _offset: int) -> None:
        """Refuse the loss of a process: no line names its task, unless a time limit was the cause."""
        if (match := LOST(line)) and not match[3].startswith(b"TimeLimitExceeded("):
            raise Unreadable(Reason.NAMELESS)

    def _read_unregistered(self, line: bytes, number: int, offset: int) -> End | None:
        """Read the name of a task that this worker doesn't know."""
        if not (match := UNKNOWN(line)):
            return None
        time, _, task = match.groups()
        return self._end(number, offset, (time, None, task, None), "failed")

    def _read_terminated(self, line: bytes, number: int, offset: int) -> End | None:
        """Read that a task is stopped by command. The next line may say that the pool can't do that."""
        if not (match := TERMINATED(line)):
            return None
        time, _, job = match.groups()
        return self._end(number, offset, (time, None, self._revoked.terminate(job), job), "stopped")

    def _read_flagged(self, line: bytes, _number: int, _offset: int) -> None:
        """Note the tasks that are revoked. Those that run already go on."""
        if match := REVOKED(line):
            self._revoked.flag(match[3])

    def _read_discarded(self, line: bytes, number: int, offset: int) -> End | None:
        """Read that a task was revoked or has expired before it ran: Celery's line is the same for both."""
        if not (match := DISCARDED(line)):
            return None
        time, _, task, job, header = match.groups()
        reported = self._revoked.discard(job)
        if reported:
            return None
        end = self._end(number, offset, (time, None, task, job), "stopped")
        end.reason = "revoked" if header is not None or reported is False else None
        return end

    def _end(self, number: int, offset: int, parts: Sequence[Any], action: Action) -> End:
        """An end without success. *parts* are time, worker, task and id."""
        time, worker, task, job = parts
        return End(
            line=number,
            offset=offset,
            timestamp=read_time(self._timestamps, time),
            task=None if task is None else self._names[task],
            id=None if job is None else job.decode("utf-8", "replace"),
            worker=None if worker is None else self._names[worker],
            outcome="failure",
            action=action,
            system="celery",
        )


def _with_unknown_outcome(end: End) -> End:
    """*end* of a task whose line doesn't say how its work ended."""
    end.action, end.outcome = "finished", "unknown"
    return end


def _with_error(end: End, error: bytes | None, message: bytes | None) -> End:
    """*end* with the exception that its line shows; a traceback below may say more.

    A lost process counts as killed rather than as retried. Its line comes from the parent process.
    """
    end.error, end.message = shorten(error), shorten(message)
    if end.action == "retried" and (error or b"").endswith(b"WorkerLostError"):
        end.action, end.reason, end.worker = "killed", exit_reason(shorten(message) or ""), None
    return end
