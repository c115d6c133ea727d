"""PARSE: the stock lines of Celery's workers, 3.0 to 5.7. Most runs are known by the line that ends them.

`[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task tasks.compute[96e2…] succeeded in 0.106s: 'done'`
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from slowtask.parse.cause import shorten
from slowtask.parse.format import (
    MILLISECOND,
    Context,
    Format,
    Glued,
    Line,
    Names,
    Unreadable,
    read_duration,
)
from slowtask.parse.grok import compile_expression, compile_pattern
from slowtask.parse.items import End, Reason, make_unparsable
from slowtask.parse.pool import Pool, Task
from slowtask.parse.revoked import CANNOT_TERMINATE, RevokedTasks
from slowtask.parse.told import is_same
from slowtask.record.event import SECOND, Action
from slowtask.record.lost import exit_reason

TIME, SECONDS = "[@metadata][time]", "[@metadata][seconds]"
NAME, ID, WORKER = "[task][name]", "[task][id]", "[worker][name]"
TASK: Final = (NAME, ID)
ERROR: Final = ("[error][type]", "[error][message]")

HEAD = compile_pattern("CELERY_HEAD", TIME, WORKER).match
DONE = compile_pattern("CELERY_DONE", *TASK, SECONDS).match
#: A success from behind the time of a stock head, which is read by itself.
STOCK_DONE = compile_expression("%{CELERY_BY} %{CELERY_DONE}").match
RAISED = compile_pattern("CELERY_RAISED", *TASK, *ERROR).match
RETRY = compile_pattern("CELERY_RETRY", *TASK, *ERROR).match
LEFT = compile_pattern("CELERY_LEFT", *TASK).match
REJECT = compile_pattern("CELERY_REJECT", *TASK, "[@metadata][requeue]").match
CUT = compile_pattern("CELERY_CUT", *TASK).match
TORN = compile_pattern("CELERY_TORN", NAME).match
TIMEOUT = compile_pattern("CELERY_TIMEOUT", SECONDS, NAME, ID).match
LOST = compile_pattern("CELERY_LOST", "[error][message]").match
EXITED = compile_pattern("CELERY_EXITED", "[@metadata][child]", "[process][pid]", "[@metadata][exit]").match
ACCEPTED = compile_pattern("CELERY_ACCEPTED", NAME, ID, "[process][pid]").match
UNKNOWN = compile_pattern("CELERY_UNKNOWN", NAME).match
SAID = compile_pattern("CELERY_SAID", *TASK).match
TERMINATED = compile_pattern("CELERY_TERMINATED", ID).match
RECEIVED = compile_pattern("CELERY_RECEIVED", *TASK).match
REVOKED = compile_pattern("CELERY_REVOKED", "[@metadata][ids]").match
DISCARDED = compile_pattern("CELERY_DISCARDED", *TASK, "[@metadata][header]").match
COLD = compile_pattern("CELERY_COLD").match
BANNER = compile_pattern("CELERY_BANNER").match

TIME_END: Final = 24  #: where the time of a stock head ends: `[2026-11-23 18:48:35,822`
STOCK_TIME_LENGTH: Final = TIME_END - 1
WORKER_LOST: Final = b"WorkerLostError"

#: How a sentence about a task begins, which no line of another program does.
ENDED = re.compile(rb"Task [^\[]*\[[^\]]*(?:\] (?:raised|retry|ignored|reject|INTERNAL|cannot)|$)").match
SENTENCE: Final = b"] Task "
#: A second line behind the first, unless a task's result quotes it.
find_second = re.compile(rb"[^'\"\\](\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: [A-Z]+/[^\]]+\] Task )").search

ReadSentence = Callable[[Line], End | None]


class CeleryFormat(Format):
    """Lines of Celery's workers. What a task prints or raises goes on in lines without a head."""

    first_bytes = b"["
    head = rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: "
    amendment = rb"pidbox command error|WorkerLostError"
    multiline = True
    chatter = (BANNER,)
    losses = (COLD,)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._timestamps = context.timestamps
        self._names = Names()
        self._pool = Pool()
        self._ended = self._pool.ended
        self._told = context.told
        self._revoked = RevokedTasks(context.before)
        self._received = self._revoked.received
        #: How a sentence of the parent process begins, and what reads it.
        self._parent_sentences: Final[tuple[tuple[bytes, ReadSentence], ...]] = (
            (b"Hard time limit (", self._read_timeout),
            (b"Task handler raised error: ", self._read_lost),
            (b"Process ", self._read_exited),
            (b"Received task: ", self._read_received),
            (b"Got task from broker: ", self._read_received),
            (b"Received unregistered task of type ", self._read_unregistered),
            (b"Terminating ", self._read_terminated),
            (b"Tasks flagged as revoked: ", self._read_flagged),
            (b"Discarding revoked task: ", self._read_discarded),
            (b"Skipping revoked task: ", self._read_discarded),
            (b"Task accepted: ", self._read_accepted),
        )

    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Emit a success; return a failure, if *line* is one. Raises `Unreadable`."""
        if (
            line.endswith(b"] received")
            and line[1:5].isdigit()
            and line.find(b"] ", TIME_END) == line.rfind(SENTENCE)
        ):
            self._received(line)  # half of all lines
            return None
        if match := STOCK_DONE(line, TIME_END):
            if line.find(SENTENCE, match.end()) >= 0:
                self._refuse_glued(line)
            self._succeed((line[1:TIME_END], *match.groups()), number, offset)
            return None
        head = HEAD(line)
        if head is None:
            raise Unreadable(Reason.UNKNOWN)
        self._refuse_glued(line)
        time, worker = head.groups()
        return self._read_rare(
            Line(text=line, at=head.end() + 1, number=number, offset=offset, time=time, process=worker)
        )

    @staticmethod
    def _refuse_glued(line: bytes) -> None:
        """Raise `Glued` if *line* is two lines of Celery's."""
        if second := find_second(line):
            raise Glued(second.start(1))

    def read_sentence(self, line: Line) -> End | None:
        """Read a line whose head isn't Celery's own. Raises `Unreadable`."""
        if match := DONE(line.text, line.at):
            self._succeed((line.time, line.process, *match.groups()), line.number, line.offset)
            return None
        if match := RECEIVED(line.text, line.at):
            self._received(b"Task %s[%s] received" % match.groups())
            return None
        if self._find_reader(line) is None and not ENDED(line.text, line.at):
            self._remember_task(line)
            raise Unreadable(Reason.UNKNOWN)
        return self._read_rare(line)

    def adopt(self, earlier: Format) -> None:
        """Go on with what a reader knew of the pool."""
        if isinstance(earlier, CeleryFormat):
            self._pool = earlier._pool  # noqa: SLF001 - of the same class
            self._ended = self._pool.ended

    def complete(self, failure: End) -> None:
        """Hand on *failure*; one that no line names is reported."""
        if failure.task is None and failure.action == "killed":
            self.emit(
                make_unparsable(Reason.LOST, (failure.worker or "").encode(), failure.line, failure.offset)
            )
        else:
            super().complete(failure)

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* begins with Celery's own head."""
        return line[1:5].isdigit() and HEAD(line) is not None

    def reads_at_once(self, line: bytes) -> bool:
        """Whether *line* has a stock head, as far as its punctuation shows."""
        return line[TIME_END : TIME_END + 2] == b": " and line[5:6] == b"-"

    def withdraws(self, line: bytes, failure: End) -> bool:
        """Whether *line* says that the pool couldn't terminate the task of *failure*, which goes on.

        The end of a process without a name is withdrawn, too, if *line* tells of it again and says more.
        """
        if failure.system != "celery":
            return False
        if failure.action == "killed" and failure.task is None:
            return WORKER_LOST in line
        return failure.action == "stopped" and CANNOT_TERMINATE in line and self._revoked.undo(failure.id)

    def _succeed(self, found: tuple[Any, ...], number: int, offset: int) -> None:
        """Emit the success of a line, unless it was told: its time, process, task, id and seconds."""
        time, worker, task, job, seconds = found
        if worker is not None:
            self._ended[worker] = job
        timestamp, duration = self._stamp(time), read_duration(seconds)
        told, job_id = self._told, job.decode("utf-8", "replace")
        end = End(
            line=number,
            offset=offset,
            timestamp=timestamp,
            task=self._names[task],
            id=job_id,
            worker=None if worker is None else self._names[worker],
            duration=duration,
            outcome="success",
            action="finished",
            system="celery",
            precision=SECOND if time is None or len(time) < STOCK_TIME_LENGTH else MILLISECOND,
        )
        before = told.get(job_id)
        told[job_id] = end
        if before is None or not is_same(before, end):
            self.emit(end if self.context.envelope is None else self.context.address(end))

    def _stamp(self, time: bytes | None) -> int:
        """When a line with *time* in its head was logged, in µs since the epoch. Raises `Unreadable`."""
        if self.context.minute is None and time is not None and len(time) == STOCK_TIME_LENGTH:
            try:
                return self._timestamps.stamp(time)
            except ValueError:  # a time in another form may be as long
                pass
        return self.context.resolve(time)[0]

    def _read_rare(self, line: Line) -> End | None:
        """Read what isn't a success. Celery doesn't log how long such a task ran."""
        end = self._read_failure(line)
        if end is None:
            return None
        if end.outcome == "failure":
            return None if self._is_repeated(end) else end
        self.emit(end)
        return None

    def _is_repeated(self, end: End) -> bool:
        """Whether *end* has been told; lines without an id can't be compared."""
        return end.id is not None and self._told.repeats(end.id, end)

    def _read_failure(self, line: Line) -> End | None:
        """Find the sentence of *line*, and read it. Raises `Unreadable`."""
        if line.text.startswith(b"Task ", line.at) and (end := self._read_ended(line)):
            return end
        if reader := self._find_reader(line):
            return reader(line)
        if TORN(line.text, line.at):
            raise Unreadable(Reason.MALFORMED)
        self._remember_task(line)
        return None

    def _find_reader(self, line: Line) -> ReadSentence | None:
        """What reads the sentence of *line*, if a parent process says it."""
        for words, reader in self._parent_sentences:
            if line.text.startswith(words, line.at):
                return reader
        return None

    def _remember_task(self, line: Line) -> None:
        """Note of which task a process speaks, by the format of `worker_task_log_format` or one near it."""
        if line.process is not None and (found := SAID(line.text, line.at)):
            self._pool.remember(line.process, Task(*found.groups()))

    def _read_ended(self, line: Line) -> End | None:
        """Read a sentence that begins with the name of its task."""
        if match := RAISED(line.text, line.at):
            *parts, error, message = match.groups()
            soft = error is not None and error.endswith(b"SoftTimeLimitExceeded")
            return _with_error(self._end(line, parts, "timed-out" if soft else "failed"), error, message)
        if match := RETRY(line.text, line.at):
            *parts, error, message = match.groups()
            return _with_error(self._end(line, parts, "retried"), error, message)
        if match := LEFT(line.text, line.at):
            return _with_unknown_outcome(self._end(line, match.groups(), "finished"))
        if match := REJECT(line.text, line.at):
            *parts, requeue = match.groups()
            end = self._end(line, parts, "retried")
            return end if requeue == b"True" else _with_unknown_outcome(end)
        if match := CUT(line.text, line.at):
            end = self._end(line, match.groups(), "killed", parent=True)
            end.reason = "cancelled by its worker"
            return end
        return None

    def _read_timeout(self, line: Line) -> End | None:
        """Read that a task reached its hard time limit, which Celery checks once a second."""
        if not (match := TIMEOUT(line.text, line.at)):
            return None
        seconds, task, job = match.groups()
        end = self._end(line, (task, job), "timed-out", parent=True)
        end.duration, end.margin = read_duration(seconds), SECOND
        self._pool.expect_exit(end.timestamp)
        return end

    def _read_lost(self, line: Line) -> None:
        """Refuse the loss of a process: no line names its task, unless a time limit was the cause."""
        if not (match := LOST(line.text, line.at)) or match[1].startswith(b"TimeLimitExceeded("):
            return
        if WORKER_LOST in match[1] and self._pool.is_reported():
            return
        raise Unreadable(Reason.NAMELESS)

    def _read_exited(self, line: Line) -> End | None:
        """Read that a pool process exited. Its task is known only if an earlier line named it."""
        if not (match := EXITED(line.text, line.at)):
            return None
        child, number, status = match.groups()
        timestamp = self._stamp(line.time)
        if self._pool.is_expected(timestamp):
            return None
        task = self._pool.name_task(child, number)
        end = self._end(line, task or (None, None), "killed", parent=True)
        end.worker, end.reason = self._names[child], exit_status(status)
        return end

    def _read_accepted(self, line: Line) -> None:
        """Note which process a task was given to."""
        if match := ACCEPTED(line.text, line.at):
            task, job, number = match.groups()
            self._pool.remember(number, Task(task, job))

    def _read_received(self, line: Line) -> None:
        """Note a task in the words of Celery 3 and 4."""
        if match := RECEIVED(line.text, line.at):
            self._received(b"Task %s[%s] received" % match.groups())

    def _read_unregistered(self, line: Line) -> End | None:
        """Read the name of a task that this worker doesn't know."""
        if not (match := UNKNOWN(line.text, line.at)):
            return None
        return self._end(line, (match[1], None), "failed", parent=True)

    def _read_terminated(self, line: Line) -> End | None:
        """Read that a task is stopped by command. The next line may say that the pool can't do that."""
        if not (match := TERMINATED(line.text, line.at)):
            return None
        job = match[1]
        end = self._end(line, (self._revoked.terminate(job), job), "stopped", parent=True)
        self._pool.expect_exit(end.timestamp)
        return end

    def _read_flagged(self, line: Line) -> None:
        """Note the tasks that are revoked. Those that run already go on."""
        if match := REVOKED(line.text, line.at):
            self._revoked.flag(match[1])

    def _read_discarded(self, line: Line) -> End | None:
        """Read that a task was revoked or has expired before it ran: Celery's line is the same for both."""
        if not (match := DISCARDED(line.text, line.at)):
            return None
        task, job, header = match.groups()
        reported = self._revoked.discard(job)
        if reported:
            return None
        end = self._end(line, (task, job), "stopped", parent=True)
        end.reason = "revoked" if header is not None or reported is False else None
        return end

    def _end(self, line: Line, parts: Sequence[Any], action: Action, *, parent: bool = False) -> End:
        """An end without success, of the task and the id in *parts*; the *parent* of its process logs it."""
        task, job = parts
        worker = None if parent else line.process
        if worker is not None and job is not None:
            self._ended[worker] = job
        end = End(
            line=line.number,
            offset=line.offset,
            timestamp=self._stamp(line.time),
            task=None if task is None else self._names[task],
            id=None if job is None else job.decode("utf-8", "replace"),
            worker=None if worker is None else self._names[worker],
            outcome="failure",
            action=action,
            system="celery",
            precision=SECOND if line.time is None or len(line.time) < STOCK_TIME_LENGTH else MILLISECOND,
        )
        return end if self.context.envelope is None else self.context.address(end)


def _with_unknown_outcome(end: End) -> End:
    """*end* of a task whose line doesn't say how its work ended."""
    end.action, end.outcome = "finished", "unknown"
    return end


def _with_error(end: End, error: bytes | None, message: bytes | None) -> End:
    """*end* with the exception that its line shows; a traceback below may say more.

    A lost process counts as killed rather than as retried or failed. Its line comes from the parent process.
    """
    end.error, end.message = shorten(error), shorten(message)
    if (error or b"").endswith(WORKER_LOST):
        end.action, end.reason, end.worker = "killed", exit_reason(shorten(message) or ""), None
    return end


def exit_status(status: bytes) -> str | None:
    """The end of a process in our words: `signal 9`, `exit status 3`."""
    kind, _, number = status.partition(b" ")
    digits = number.partition(b" ")[0].decode("ascii", "replace")
    return f"{'signal' if kind == b'signal' else 'exit status'} {digits}" if digits.isdigit() else None
