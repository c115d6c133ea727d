"""The stock lines of RQ's workers, 1.16 to 3.0.

`18:47:58 Worker 74ecc4…: default: jobs.compute() (2aab4a44-…)`
`18:47:58 Successfully completed jobs.compute() job in 0:00:00.237846s on worker 74ecc4…`
"""

import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any, Final

from slowtask.parse.grok import ours_with
from slowtask.parse.items import End, Reason
from slowtask.parse.jobs import Jobs, Start
from slowtask.parse.text import Broken, Names, took
from slowtask.parse.times import Days, clock, instant
from slowtask.record.event import LONG_MAX, SECOND, Action

JOB_OK: Final = b": Job OK ("

CLOCK, WORKER, QUEUE = "[@metadata][clock]", "[worker][name]", "[queue][name]"
CALL, NAME, ID = "[@metadata][call]", "[task][name]", "[task][id]"
STATUS, SIGNAL = "[@metadata][status]", "[@metadata][signal]"
TOOK: Final = tuple(f"[@metadata][{unit}]" for unit in ("days", "hours", "minutes", "seconds"))

TIMED = re.compile(rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d ").match
ESCAPE: Final = 0x1B
COLOUR: Final = re.compile(rb"\x1b\[[0-9;]*m")

START = ours_with("RQ_START", CLOCK, WORKER, QUEUE, CALL, NAME, ID).match
START_OWN = ours_with("RQ_START_OWN", CLOCK, WORKER, QUEUE, CALL, ID).match
START_BARE = ours_with("RQ_START_BARE", CLOCK, WORKER, QUEUE, ID).match
DONE = ours_with("RQ_DONE", CLOCK, CALL, NAME, *TOOK, WORKER).match
DONE_OWN = ours_with("RQ_DONE_OWN", CLOCK, CALL, *TOOK, WORKER).match
DONE_BARE = ours_with("RQ_DONE_BARE", CLOCK, ID, *TOOK, WORKER).match
OK = ours_with("RQ_OK", CLOCK, WORKER, QUEUE, ID).match
CHATTER = ours_with("RQ_CHATTER", CLOCK).match

Found = dict[str, bytes | None]


def _by_field(name: str, *fields: str) -> Callable[[bytes], Found | None]:
    """A pattern for lines that are rare: what it finds by field."""
    match = ours_with(name, *fields).match

    def found(line: bytes) -> Found | None:
        matched = match(line)
        return None if matched is None else dict(zip(fields, matched.groups(), strict=True))

    return found


#: The lines that end a run without success: words to look for first, the pattern, the action.
ENDS: Final[tuple[tuple[bytes, Callable[[bytes], Found | None], Action], ...]] = (
    (b"exception raised", _by_field("RQ_RAISED", CLOCK, ID, NAME), "failed"),
    (b"exception raised", _by_field("RQ_RAISED_BY", CLOCK, WORKER, ID, NAME), "failed"),
    (b"-horse terminated", _by_field("RQ_KILLED", CLOCK, STATUS, SIGNAL), "killed"),
    (b"-horse terminated", _by_field("RQ_KILLED_BY", CLOCK, WORKER, ID, STATUS, SIGNAL), "killed"),
    (b"stopped by user", _by_field("RQ_STOPPED", CLOCK), "stopped"),
    (b"stopped by user", _by_field("RQ_STOPPED_BY", CLOCK, WORKER, ID), "stopped"),
    (b" for retry", _by_field("RQ_RETRY", CLOCK, WORKER, ID), "retried"),
    (b"exceeded maximum retry", _by_field("RQ_SPENT", CLOCK, WORKER, ID), "failed"),
    (b"AbandonedJobError", _by_field("RQ_ABANDONED", CLOCK, ID), "abandoned"),
)


class Lines:
    """Reads RQ's lines in the order of their file and hands *jobs* what they tell.

    *days* says the date of each line; *zone* is where its clock hung.
    """

    def __init__(self, jobs: Jobs, days: Callable[[int], Days], zone: tzinfo) -> None:
        self.jobs = jobs
        self.names = Names()
        self._zone = zone
        self._make_days = days
        self._days: Days | None = None
        self.clock = b"-"  #: of the line before, with the space behind it
        self._now = 0  #: its time, µs

    def read(self, line: bytes, number: int, offset: int) -> End | None:
        """Take one line; returns an end whose traceback may follow. Raises `Broken` if it isn't RQ's."""
        if not line.startswith(self.clock):
            self._tick(line[:9])
        if ESCAPE in line:
            line = COLOUR.sub(b"", line)
        if line.startswith(b"Successfully completed ", 9):
            self._done(line, number, offset)
        elif line.endswith(b")"):
            return self._with_id(line, number, offset)
        elif not line.endswith(b" seconds") or line.find(b"esult is kept for ") < 0:
            return self._rare(line, number, offset)
        return None

    def _with_id(self, line: bytes, number: int, offset: int) -> End | None:
        """A line that ends with a job's id: it started, it ended well, or something rarer."""
        at = line.find(JOB_OK)  # quicker than the pattern; and of a job that `_done` has told, enough
        if at >= 0 and self.jobs.told(line[at + len(JOB_OK) : -1].decode("utf-8", "replace")):
            return None
        if at >= 0 and (found := OK(line)):
            self._ok(found.groups(), number, offset)
        elif found := START(line):
            self._start(found.groups(), number, offset)
        else:
            return self._rare(line, number, offset)
        return None

    def _tick(self, text: bytes) -> None:
        """The clock moved: work out the time once for all lines of this second."""
        seconds = clock(text)
        if self._days is None:
            self._days = self._make_days(seconds)
        self.clock, self._now = text, instant(self._days.date(seconds), seconds, self._zone)

    def _start(self, groups: Any, number: int, offset: int) -> None:
        """A job begins."""
        _, worker, queue, call, task, job = groups
        self.jobs.start(
            Start(
                line=number,
                offset=offset,
                timestamp=self._now,
                id=job.decode("utf-8", "replace"),
                queue=self.names[queue],
                worker=None if worker is None else self.names[worker],
                task=None if task is None else self.names[task],
                call=call,
            )
        )

    def _done(self, line: bytes, number: int, offset: int) -> None:
        """A job succeeded, with its exact time."""
        job = call = task = None
        if found := DONE(line):
            _, call, task, *spent, worker = found.groups()
        elif found := DONE_BARE(line):
            _, job, *spent, worker = found.groups()
        elif found := DONE_OWN(line):
            _, call, *spent, worker = found.groups()
        else:
            raise Broken(Reason.MALFORMED)
        self.jobs.done(
            End(
                line=number,
                offset=offset,
                timestamp=self._now,
                task=None if task is None else self.names[task],
                duration=_duration(spent),
                outcome="success",
                action="finished",
                id=None if job is None else job.decode("utf-8", "replace"),
                system="rq",
                worker=self.names[worker],
                call=call,
            )
        )

    def _ok(self, groups: Any, number: int, offset: int) -> None:
        """A job succeeded, with its id."""
        _, worker, queue, job = groups
        end = self._end(number, offset, job, worker, "finished")
        end.outcome, end.queue = "success", self.names[queue]
        self.jobs.ok(end)

    def _rare(self, line: bytes, number: int, offset: int) -> End | None:
        """The lines of failures, and those that tell of no run. Raises `Broken` for a stranger's."""
        for words, match, action in ENDS:
            if words in line and (fields := match(line)):
                return self._failed(fields, number, offset, action)
        if own := START_OWN(line):
            time, worker, queue, call, job = own.groups()
            self._start((time, worker, queue, call, None, job), number, offset)
        elif bare := START_BARE(line):
            time, worker, queue, job = bare.groups()
            self._start((time, worker, queue, None, None, job), number, offset)
        elif CHATTER(line) is None:
            raise Broken(Reason.UNKNOWN)
        return None

    def _failed(self, found: Found, number: int, offset: int, action: Action) -> End:
        """An end that is no success."""
        end = self._end(number, offset, found.get(ID), found.get(WORKER), action)
        name = found.get(NAME)
        end.task = None if name is None or name.startswith(b"<") else self.names[name]
        if signal := found.get(SIGNAL):
            end.reason = f"signal {int(signal)}"
        elif status := found.get(STATUS):
            end.reason = _exit(status)
        return end

    def _end(self, number: int, offset: int, job: bytes | None, worker: bytes | None, action: Action) -> End:
        """An end with what all of RQ's have; an unsuccessful one unless told otherwise."""
        return End(
            line=number,
            offset=offset,
            timestamp=self._now,
            task=None,
            id=None if job is None else job.decode("utf-8", "replace"),
            worker=None if worker is None else self.names[worker],
            outcome="failure",
            action=action,
            system="rq",
        )


def _duration(spent: Sequence[bytes | None]) -> int:
    """Days, hours, minutes and seconds of a `timedelta` in ns. Raises `Broken`."""
    days, hours, minutes, seconds = spent
    if days is None and hours == b"0" and minutes == b"00":
        return took(seconds or b"")
    whole = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes or 0) * 60
    found = whole * SECOND + took(seconds or b"")
    if not 0 <= found <= LONG_MAX:
        raise Broken(Reason.DURATION)
    return found


def _exit(status: bytes) -> str | None:
    """What `waitpid` returned, as people say it; RQ names the signal itself, where there was one."""
    number = int(status) if status.isdigit() and len(status) < 6 else 0  # noqa: PLR2004 - 16 bits
    return f"exit status {number >> 8}" if number >> 8 else f"signal {number & 127}" if number else None
