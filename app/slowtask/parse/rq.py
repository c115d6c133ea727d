"""PARSE: the stock lines of RQ's workers, 0.5 to 3.0. One run takes several lines, paired by `Jobs`.

`18:47:58 Worker 74ecc4…: default: jobs.compute() (2aab4a44-…)`
`18:47:58 Successfully completed jobs.compute() job in 0:00:00.237846s on worker 74ecc4…`
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from slowtask.parse.format import COLOUR, Context, Format, Glued, Line, Names, Unreadable, read_duration
from slowtask.parse.grok import Grok, compile_pattern, read_shipped_patterns
from slowtask.parse.head import find_head
from slowtask.parse.items import End, Reason
from slowtask.parse.jobs import Start
from slowtask.parse.times import seconds_of_day, timestamp_at
from slowtask.record.event import LONG_MAX, SECOND, Action

JOB_OK: Final = b": Job OK ("
OK_LENGTH: Final = len(JOB_OK)

WORKER, QUEUE = "[worker][name]", "[queue][name]"
CALL, NAME, ID = "[@metadata][call]", "[task][name]", "[task][id]"
STATUS, SIGNAL = "[@metadata][status]", "[@metadata][signal]"
TOOK: Final = tuple(f"[@metadata][{unit}]" for unit in ("days", "hours", "minutes", "seconds"))

CLOCK_HEAD: Final = rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d (?![AaPp][Mm]\b)"
CLOCK_LENGTH: Final = 9  #: with the space behind it
match_clock = re.compile(CLOCK_HEAD).match
#: RQ's warnings have no time if their logger has no handler.
match_untimed = re.compile(rb"StartedJobRegistry cleanup: |Job |FailedJobRegistry ").match
MAX_NAME: Final = 64  #: bytes in which the bar of a carrier stands
ESCAPE: Final = 0x1B

START = compile_pattern("RQ_START", WORKER, QUEUE, CALL, NAME, ID).match
START_OWN = compile_pattern("RQ_START_OWN", WORKER, QUEUE, CALL, ID).match
START_BARE = compile_pattern("RQ_START_BARE", WORKER, QUEUE, ID).match
DONE = compile_pattern("RQ_DONE", CALL, NAME, *TOOK, WORKER).match
DONE_OWN = compile_pattern("RQ_DONE_OWN", CALL, *TOOK, WORKER).match
DONE_BARE = compile_pattern("RQ_DONE_BARE", ID, *TOOK, WORKER).match
OK = compile_pattern("RQ_OK", WORKER, QUEUE, ID).match
OK_BARE = compile_pattern("RQ_OK_BARE", QUEUE).match
TRACEBACK = compile_pattern("RQ_TRACEBACK").match
MOVED = compile_pattern("RQ_MOVED").match
NAMED = compile_pattern("RQ_NAMED", NAME, ID).match
NAMED_WORDS: Final = b"job.func_name="
TORN = compile_pattern("RQ_TORN", WORKER, QUEUE, NAME).match
#: A second line behind the first, which two processes wrote at once.
find_second = re.compile(
    CLOCK_HEAD + rb"(?:Worker \S+: )?(?:Successfully completed |\S+: Job OK \(|\S+: [\w.]+\()"
).search
match_carrier = re.compile(rb"[A-Za-z0-9_.@-]+ *\|").match  #: behind a clock
UUID = compile_pattern("SLOWTASK_UUID").match
UUID_LENGTHS: Final = (32, 36)
CHATTER = compile_pattern("RQ_CHATTER").match

Fields = dict[str, bytes | None]


def _by_field(name: str, *fields: str) -> Callable[[bytes, int], Fields | None]:
    """The matcher of a rare sentence, which returns what it finds by field."""
    match = compile_pattern(name, *fields).match

    def match_fields(line: bytes, at: int) -> Fields | None:
        matched = match(line, at)
        return None if matched is None else dict(zip(fields, matched.groups(), strict=True))

    return match_fields


RETRY_WORDS: Final = b" for retry"
search_retry = Grok("RQ_RETRY", read_shipped_patterns()).search
#: Sentences that end a run without success: what to look for before the pattern is tried, it, the action.
FAILURES: Final[tuple[tuple[bytes, Callable[[bytes, int], Fields | None], Action], ...]] = (
    (b"exception raised", _by_field("RQ_RAISED", ID, NAME), "failed"),
    (b"exception raised", _by_field("RQ_RAISED_BY", WORKER, ID, NAME), "failed"),
    (b"terminated unexpectedly", _by_field("RQ_KILLED", STATUS, SIGNAL), "killed"),
    (b"terminated unexpectedly", _by_field("RQ_KILLED_BY", WORKER, ID, STATUS, SIGNAL), "killed"),
    (b"stopped by user", _by_field("RQ_STOPPED"), "stopped"),
    (b"stopped by user", _by_field("RQ_STOPPED_BY", WORKER, ID), "stopped"),
    (RETRY_WORDS, _by_field("RQ_RETRY", WORKER, ID), "retried"),
    (b"exceeded maximum retry", _by_field("RQ_SPENT", WORKER, ID), "failed"),
    (b"AbandonedJobError", _by_field("RQ_ABANDONED", ID), "abandoned"),
)


class RqFormat(Format):
    """Lines of RQ's workers, which give only the time of day, so their order in the file counts."""

    first_bytes = b"012"
    head = CLOCK_HEAD
    amendment = RETRY_WORDS
    chatter = (match_untimed,)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._jobs = context.jobs
        self._drop_ok = context.jobs.expected_oks.pop
        self._names = Names()
        self._clock = b"-"  #: of the line before, with the space after it
        self._minute: bytes | None = None  #: of its carrier's time, if it has one
        self._now: int | None = 0  #: the time that it shows, in µs since the epoch; None: no clock shows any
        self._precision = SECOND  #: of that time, in ns
        self._strict = False  #: any program may have written the line
        self._has_failed = False  #: a traceback was the latest failure, which a second line may tell again

    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Hand `Jobs` what *line* tells; returns a failure, if it is one. Raises `Unreadable`."""
        if self.context.minute != self._minute or not line.startswith(self._clock):
            if not match_clock(line):
                raise Unreadable(Reason.UNKNOWN)
            self._tick(line[:CLOCK_LENGTH])
        if ESCAPE in line and COLOUR.search(line):  # the reader takes the colours off
            raise Unreadable(Reason.UNKNOWN)
        if line.endswith(b")"):
            return self._read_with_id(line, CLOCK_LENGTH, number, offset)
        if line.startswith(b"Successfully completed ", CLOCK_LENGTH):
            self._read_done(line, CLOCK_LENGTH, number, offset)
            return None
        if line.endswith(b" seconds") and line.find(b"esult is kept for ") >= 0:
            return None
        return self._read_rare(line, CLOCK_LENGTH, number, offset)

    def read_sentence(self, line: Line) -> End | None:
        """Do the same with a line whose head isn't RQ's own. Raises `Unreadable`."""
        self._clock = b"-"
        try:
            self._now, self._precision = self.context.resolve(line.time)
        except Unreadable as error:
            if error.reason is not Reason.UNTIMED:
                raise
            self._now = None
        self._strict = line.logger is None or not line.logger.startswith(b"rq")
        try:
            if line.text.startswith(b"Successfully completed ", line.at):
                self._read_done(line.text, line.at, line.number, line.offset)
                return None
            return self._read_with_id(line.text, line.at, line.number, line.offset)
        finally:
            self._strict = False

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* begins with a time of day."""
        return match_clock(line) is not None

    def reads_at_once(self, line: bytes) -> bool:
        """Whether *line* begins with a time of day, and not with one that a carrier has put there."""
        begins = line.startswith(self._clock) or match_clock(line) is not None
        return begins and line.find(b"|", CLOCK_LENGTH, MAX_NAME) < 0

    def amends(self, line: bytes, failure: End) -> bool:
        """Whether *line* says that the job of *failure* will be tried again. What killed it says more."""
        found = search_retry(COLOUR.sub(b"", line)) if RETRY_WORDS in line else None
        if found is None or failure.id != _text(found[2]):
            return False
        if match_clock(line):
            with suppress(Unreadable):
                self._tick(line[:CLOCK_LENGTH])
        if failure.action == "failed":
            failure.action = "retried"
        return True

    def complete(self, failure: End) -> None:
        """Pair *failure* with its start."""
        self._jobs.record_failure(failure)

    def _read_with_id(self, line: bytes, at: int, number: int, offset: int) -> End | None:
        """Read a line that ends with a job's id: it started, it ended well, or something rarer."""
        # Searching is faster than the pattern, and enough for a job whose success is known already.
        place = line.find(JOB_OK, at)
        if place >= 0 and self._drop_ok(line[place + OK_LENGTH : -1].decode("utf-8", "replace"), 0):
            return None
        if place >= 0 and (match := OK(line, at)):
            self._read_ok(match.groups(), number, offset)
        elif place >= 0 and (second := _find_second(line, at)):
            raise Glued(second.start())
        elif match := START(line, at):
            self._read_start(match.groups(), number, offset)
        else:
            return self._read_rare(line, at, number, offset)
        return None

    def _tick(self, text: bytes) -> None:
        """Work out the time once for all lines of a second."""
        seconds = seconds_of_day(text)
        self._clock = b"-"  # unless the time exists
        if self.context.minute is not None:
            self._now = self.context.resolve(text[:-1])[0]
        else:
            self._now = timestamp_at(self.context.date_of(seconds), seconds, self.context.zone)
        self._clock, self._minute, self._precision = text, self.context.minute, SECOND

    def _moment(self) -> int:
        """When the line was logged. Raises `Unreadable` if that isn't known."""
        if self._now is None:
            raise Unreadable(Reason.UNTIMED)
        return self._now

    def _read_start(self, groups: Any, number: int, offset: int, *, sure: bool = True) -> None:
        """Take the start of a job; without a time, its end will be reported."""
        worker, queue, call, task, job = groups
        self._has_failed = False
        if self._now is None:
            return
        self._jobs.record_start(
            Start(
                line=number,
                offset=offset,
                timestamp=self._now,
                id=job.decode("utf-8", "replace"),
                queue=self._names[queue],
                worker=None if worker is None else self._names[worker],
                task=None if task is None else self._names[task],
                call=call,
                stream=self.context.stream,
                precision=self._precision,
                sure=sure,
            )
        )

    def _read_done(self, line: bytes, at: int, number: int, offset: int) -> None:
        """Take a success with its exact run time. Raises `Unreadable`."""
        job = call = task = None
        if match := DONE(line, at):
            call, task, *spent, worker = match.groups()
        elif match := DONE_BARE(line, at):
            job, *spent, worker = match.groups()
        elif match := DONE_OWN(line, at):
            call, *spent, worker = match.groups()
        elif second := _find_second(line, at):
            raise Glued(second.start())
        else:
            raise Unreadable(Reason.MALFORMED)
        end = End(
            line=number,
            offset=offset,
            timestamp=self._moment() if self._now is None else self._now,
            task=None if task is None else self._names[task],
            duration=_duration(spent),
            outcome="success",
            action="finished",
            id=_text(job),
            system="rq",
            worker=self._names[worker],
            call=call,
        )
        self._jobs.record_success(end if self.context.envelope is None else self.context.address(end))

    def _read_ok(self, groups: Any, number: int, offset: int) -> None:
        """Take a success with its job's id, but no run time."""
        worker, queue, job = groups
        end = self._end(number, offset, job, worker, "finished")
        end.outcome, end.queue = "success", self._names[queue]
        self._jobs.record_ok(end)

    def _read_rare(self, line: bytes, at: int, number: int, offset: int) -> End | None:
        """Read failures and rare starts; skip RQ's other lines. Raises `Unreadable` for another program's."""
        for words, match_fields, action in FAILURES:
            if words in line and (fields := match_fields(line, at)) is not None:
                return self._failure(fields, number, offset, action)
        if b"Job OK" in line and OK_BARE(line, at):
            self._read_bare_ok(number, offset)
        elif TRACEBACK(line, at) and self._jobs.has_started(self.context.stream):
            self._has_failed = True
            return self._end(number, offset, None, None, "failed")
        elif MOVED(line, at):
            return self._read_moved(number, offset)
        elif NAMED_WORDS in line and (named := NAMED(line, at)):
            self._jobs.record_name(named[2].decode("utf-8", "replace"), self._names[named[1]])
        else:
            self._read_rare_start(line, at, number, offset)
        return None

    def _read_rare_start(self, line: bytes, at: int, number: int, offset: int) -> None:
        """Read a start without the name of a task; skip RQ's other lines. Raises `Unreadable`."""
        head = find_head(line) if at == CLOCK_LENGTH else None
        if head is not None and head.end > at:  # the clock isn't all of its head
            raise Unreadable(Reason.UNKNOWN)
        if (own := START_OWN(line, at)) and self._is_job(own[4]):
            worker, queue, call, job = own.groups()
            self._read_start((worker, queue, call, None, job), number, offset, sure=_is_uuid(job))
        elif (bare := START_BARE(line, at)) and self._is_job(bare[3]):
            worker, queue, job = bare.groups()
            self._read_start((worker, queue, None, None, job), number, offset, sure=_is_uuid(job))
        elif self._strict or CHATTER(line, at) is None:
            raise Unreadable(Reason.MALFORMED if TORN(line, at) else Reason.UNKNOWN)

    def _is_job(self, job: bytes) -> bool:
        """Whether a line that ends with *job* may be the start of one."""
        return not self._strict or _is_uuid(job)

    def _read_bare_ok(self, number: int, offset: int) -> None:
        """Take a success of RQ 0.5 or older, which names no job: it is the one that started last."""
        end = self._end(number, offset, None, None, "finished")
        end.outcome = "success"
        self._jobs.record_failure(end)

    def _read_moved(self, number: int, offset: int) -> End | None:
        """Read that a job has failed, unless its traceback has told so."""
        told, self._has_failed = self._has_failed, False
        if told or not self._jobs.has_started(self.context.stream):
            return None
        return self._end(number, offset, None, None, "failed")

    def _failure(self, fields: Fields, number: int, offset: int, action: Action) -> End:
        """The end of a run that failed, with what its line names."""
        end = self._end(number, offset, fields.get(ID), fields.get(WORKER), action)
        self._has_failed = True
        name = fields.get(NAME)
        end.task = None if name is None or name.startswith(b"<") else self._names[name]
        if signal := fields.get(SIGNAL):
            end.reason = f"signal {int(signal)}"
        elif status := fields.get(STATUS):
            end.reason = _exit(status)
        return end

    def _end(self, number: int, offset: int, job: bytes | None, worker: bytes | None, action: Action) -> End:
        """A failure; the caller may make it a success. Raises `Unreadable`."""
        end = End(
            line=number,
            offset=offset,
            timestamp=self._moment(),
            task=None,
            id=_text(job),
            worker=None if worker is None else self._names[worker],
            outcome="failure",
            action=action,
            system="rq",
            precision=self._precision,
        )
        return end if self.context.envelope is None else self.context.address(end)


def _find_second(line: bytes, at: int) -> re.Match[bytes] | None:
    """The line behind the one that begins at *at*. Raises `Unreadable` if a carrier's clock stands before."""
    if match_carrier(line, at):
        raise Unreadable(Reason.UNKNOWN)
    return find_second(line, at)


def _is_uuid(job: bytes) -> bool:
    """Whether *job* is an id as RQ makes them."""
    return len(job) in UUID_LENGTHS and UUID(job) is not None


def _duration(spent: Sequence[bytes | None]) -> int:
    """The ns of a `timedelta` printed as days, hours, minutes and seconds. Raises `Unreadable`."""
    days, hours, minutes, seconds = spent
    if days is None and hours == b"0" and minutes == b"00":
        return read_duration(seconds or b"")
    whole = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes or 0) * 60
    duration = whole * SECOND + read_duration(seconds or b"")
    if not 0 <= duration <= LONG_MAX:
        raise Unreadable(Reason.DURATION)
    return duration


def _exit(status: bytes) -> str | None:
    """What `waitpid` returned, in words. RQ names the signal itself if there was one."""
    number = int(status) if status.isdigit() and len(status) < 6 else 0  # noqa: PLR2004 - 16 bits
    return f"exit status {number >> 8}" if number >> 8 else f"signal {number & 127}" if number else None


def _text(name: bytes | None) -> str | None:
    """*name* decoded, if there is one."""
    return None if name is None else name.decode("utf-8", "replace")
