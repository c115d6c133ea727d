"""PARSE: the stock lines of RQ's workers, 1.16 to 3.0. One run takes several lines, paired by `Jobs`.

`18:47:58 Worker 74ecc4…: default: jobs.compute() (2aab4a44-…)`
`18:47:58 Successfully completed jobs.compute() job in 0:00:00.237846s on worker 74ecc4…`
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from slowtask.parse.format import COLOUR, Context, Format, Names, Unreadable, read_duration
from slowtask.parse.grok import compile_pattern
from slowtask.parse.items import End, Reason
from slowtask.parse.jobs import Start
from slowtask.parse.times import DateTracker, seconds_of_day, timestamp_at
from slowtask.record.event import LONG_MAX, SECOND, Action

JOB_OK: Final = b": Job OK ("

CLOCK, WORKER, QUEUE = "[@metadata][clock]", "[worker][name]", "[queue][name]"
CALL, NAME, ID = "[@metadata][call]", "[task][name]", "[task][id]"
STATUS, SIGNAL = "[@metadata][status]", "[@metadata][signal]"
TOOK: Final = tuple(f"[@metadata][{unit}]" for unit in ("days", "hours", "minutes", "seconds"))

CLOCK_HEAD: Final = rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d "
match_clock = re.compile(CLOCK_HEAD).match
#: RQ's warnings have no time if their logger has no handler.
match_untimed = re.compile(rb"StartedJobRegistry cleanup: |Job |FailedJobRegistry ").match
ESCAPE: Final = 0x1B

START = compile_pattern("RQ_START", CLOCK, WORKER, QUEUE, CALL, NAME, ID).match
START_OWN = compile_pattern("RQ_START_OWN", CLOCK, WORKER, QUEUE, CALL, ID).match
START_BARE = compile_pattern("RQ_START_BARE", CLOCK, WORKER, QUEUE, ID).match
DONE = compile_pattern("RQ_DONE", CLOCK, CALL, NAME, *TOOK, WORKER).match
DONE_OWN = compile_pattern("RQ_DONE_OWN", CLOCK, CALL, *TOOK, WORKER).match
DONE_BARE = compile_pattern("RQ_DONE_BARE", CLOCK, ID, *TOOK, WORKER).match
OK = compile_pattern("RQ_OK", CLOCK, WORKER, QUEUE, ID).match
CHATTER = compile_pattern("RQ_CHATTER", CLOCK).match

Fields = dict[str, bytes | None]


def _by_field(name: str, *fields: str) -> Callable[[bytes], Fields | None]:
    """The matcher of a rare line, which returns what it finds by field."""
    match = compile_pattern(name, *fields).match

    def match_fields(line: bytes) -> Fields | None:
        matched = match(line)
        return None if matched is None else dict(zip(fields, matched.groups(), strict=True))

    return match_fields


RETRY_WORDS: Final = b" for retry"
match_retry = _by_field("RQ_RETRY", CLOCK, WORKER, ID)
#: Lines that end a run without success: what to look for before the pattern is tried, it, the action.
FAILURES: Final[tuple[tuple[bytes, Callable[[bytes], Fields | None], Action], ...]] = (
    (b"exception raised", _by_field("RQ_RAISED", CLOCK, ID, NAME), "failed"),
    (b"exception raised", _by_field("RQ_RAISED_BY", CLOCK, WORKER, ID, NAME), "failed"),
    (b"-horse terminated", _by_field("RQ_KILLED", CLOCK, STATUS, SIGNAL), "killed"),
    (b"-horse terminated", _by_field("RQ_KILLED_BY", CLOCK, WORKER, ID, STATUS, SIGNAL), "killed"),
    (b"stopped by user", _by_field("RQ_STOPPED", CLOCK), "stopped"),
    (b"stopped by user", _by_field("RQ_STOPPED_BY", CLOCK, WORKER, ID), "stopped"),
    (RETRY_WORDS, match_retry, "retried"),
    (b"exceeded maximum retry", _by_field("RQ_SPENT", CLOCK, WORKER, ID), "failed"),
    (b"AbandonedJobError", _by_field("RQ_ABANDONED", CLOCK, ID), "abandoned"),
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
        self._names = Names()
        self._dates: DateTracker | None = None
        self._clock = b"-"  #: of the line before, with the space after it
        self._now = 0  #: the time that it shows, in µs since the epoch

    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Hand `Jobs` what *line* tells; returns a failure, if it is one. Raises `Unreadable`."""
        if not line.startswith(self._clock):
            if not match_clock(line):
                raise Unreadable(Reason.UNKNOWN)
            self._tick(line[:9])
        if ESCAPE in line:
            line = COLOUR.sub(b"", line)
        if line.startswith(b"Successfully completed ", 9):
            self._read_done(line, number, offset)
        elif line.endswith(b")"):
            return self._read_with_id(line, number, offset)
        elif not line.endswith(b" seconds") or line.find(b"esult is kept for ") < 0:
            return self._read_rare(line, number, offset)
        return None

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* begins with a time of day."""
        return match_clock(line) is not None

    def amends(self, line: bytes, failure: End) -> bool:
        """Whether *line* says that the job of *failure* will be tried again. What killed it says more."""
        fields = match_retry(COLOUR.sub(b"", line)) if RETRY_WORDS in line else None
        if fields is None or failure.id != _text(fields[ID]):
            return False
        self._tick(line[:9])
        if failure.action == "failed":
            failure.action = "retried"
        return True

    def complete(self, failure: End) -> None:
        """Pair *failure* with its start."""
        self._jobs.record_failure(failure)

    def _read_with_id(self, line: bytes, number: int, offset: int) -> End | None:
        """Read a line that ends with a job's id: it started, it ended well, or something rarer."""
        # Searching is faster than the pattern, and enough for a job whose success is known already.
        at = line.find(JOB_OK)
        if at >= 0 and self._jobs.drop_expected_ok(line[at + len(JOB_OK) : -1].decode("utf-8", "replace")):
            return None
        if at >= 0 and (match := OK(line)):
            self._read_ok(match.groups(), number, offset)
        elif match := START(line):
            self._read_start(match.groups(), number, offset)
        else:
            return self._read_rare(line, number, offset)
        return None

    def _tick(self, text: bytes) -> None:
        """Work out the time once for all lines of a second."""
        seconds = seconds_of_day(text)
        if self._dates is None:
            self._dates = self.context.dates(seconds)
        self._clock = text
        self._now = timestamp_at(self._dates.date(seconds), seconds, self.context.zone)

    def _read_start(self, groups: Any, number: int, offset: int) -> None:
        """Take the start of a job."""
        _, worker, queue, call, task, job = groups
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
            )
        )

    def _read_done(self, line: bytes, number: int, offset: int) -> None:
        """Take a success with its exact run time. Raises `Unreadable`."""
        job = call = task = None
        if match := DONE(line):
            _, call, task, *spent, worker = match.groups()
        elif match := DONE_BARE(line):
            _, job, *spent, worker = match.groups()
        elif match := DONE_OWN(line):
            _, call, *spent, worker = match.groups()
        else:
            raise Unreadable(Reason.MALFORMED)
        self._jobs.record_success(
            End(
                line=number,
                offset=offset,
                timestamp=self._now,
                task=None if task is None else self._names[task],
                duration=_duration(spent),
                outcome="success",
                action="finished",
                id=_text(job),
                system="rq",
                worker=self._names[worker],
                call=call,
            )
        )

    def _read_ok(self, groups: Any, number: int, offset: int) -> None:
        """Take a success with its job's id, but no run time."""
        _, worker, queue, job = groups
        end = self._end(number, offset, job, worker, "finished")
        end.outcome, end.queue = "success", self._names[queue]
        self._jobs.record_ok(end)

    def _read_rare(self, line: bytes, number: int, offset: int) -> End | None:
        """Read failures and rare starts; skip RQ's other lines. Raises `Unreadable` for another program's."""
        for words, match_fields, action in FAILURES:
            if words in line and (fields := match_fields(line)):
                return self._failure(fields, number, offset, action)
        if own := START_OWN(line):
            time, worker, queue, call, job = own.groups()
            self._read_start((time, worker, queue, call, None, job), number, offset)
        elif bare := START_BARE(line):
            time, worker, queue, job = bare.groups()
            self._read_start((time, worker, queue, None, None, job), number, offset)
        elif CHATTER(line) is None:
            raise Unreadable(Reason.UNKNOWN)
        return None

    def _failure(self, fields: Fields, number: int, offset: int, action: Action) -> End:
        """The end of a run that failed, with what its line names."""
        end = self._end(number, offset, fields.get(ID), fields.get(WORKER), action)
        name = fields.get(NAME)
        end.task = None if name is None or name.startswith(b"<") else self._names[name]
        if signal := fields.get(SIGNAL):
            end.reason = f"signal {int(signal)}"
        elif status := fields.get(STATUS):
            end.reason = _exit(status)
        return end

    def _end(self, number: int, offset: int, job: bytes | None, worker: bytes | None, action: Action) -> End:
        """A failure; the caller may make it a success."""
        return End(
            line=number,
            offset=offset,
            timestamp=self._now,
            task=None,
            id=_text(job),
            worker=None if worker is None else self._names[worker],
            outcome="failure",
            action=action,
            system="rq",
        )


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
