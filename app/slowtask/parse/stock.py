"""The text format and Celery's stock lines: each tells of its run alone.

`Time: 2021-01-13 10:03:59,202 Task: jobs.send_mail Task-time: 1`
`[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task tasks.compute[96e2…] succeeded in 0.106s: 'done'`
"""

from collections.abc import Sequence
from typing import Any, Final

from slowtask.event import SECOND, Action
from slowtask.grok import ours_with, per_line
from slowtask.parse.cause import text
from slowtask.parse.record import End, Reason
from slowtask.parse.times import Moments, nanoseconds

TIME: Final = "[@metadata][time]"
SECONDS: Final = "[@metadata][seconds]"
NAME, ID, WORKER = "[task][name]", "[task][id]", "[worker][name]"
ERROR: Final = ("[error][type]", "[error][message]")

TEXT = ours_with("SLOWTASK_TEXT", TIME, NAME, SECONDS).match
TEXTS = per_line("SLOWTASK_TEXT")
HEAD = ours_with("CELERY_HEAD", TIME, WORKER).match
DONE = ours_with("CELERY_DONE", TIME, WORKER, NAME, ID, SECONDS).match
RAISED = ours_with("CELERY_RAISED", TIME, WORKER, NAME, ID, *ERROR).match
RETRY = ours_with("CELERY_RETRY", TIME, WORKER, NAME, ID, *ERROR).match
TIMEOUT = ours_with("CELERY_TIMEOUT", TIME, WORKER, SECONDS, NAME, ID).match
LEFT = ours_with("CELERY_LEFT", TIME, WORKER, NAME, ID).match
BANNER = ours_with("CELERY_BANNER").match
PARENT: Final = "MainProcess"  #: reports what happened to a worker process, and runs no task


Text = tuple[int, int, str]  #: when it ended, µs since the epoch; how long it took, ns; the task


class Broken(Exception):  # noqa: N818 - what a line turned out to be
    """A line of a known format that can't be used, for *reason*."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Names(dict[bytes, str]):
    """Task names decoded once each; the cache is emptied when a log has very many."""

    def __missing__(self, name: bytes) -> str:
        if len(self) > 100_000:  # noqa: PLR2004 - a bound, not a measure
            self.clear()
        self[name] = name.decode("utf-8", "replace")
        return self[name]


class Stock:
    """Reads lines whose times are local to one zone."""

    def __init__(self, moments: Moments) -> None:
        self.moments = moments
        self.names = Names()

    def text(self, line: bytes, number: int, offset: int) -> End:
        """The run of a line of the text format. Raises `Broken`."""
        found = TEXT(line)
        if found is None:
            raise Broken(malformed(line))
        time, task, seconds = found.groups()
        try:
            at, duration = self.moments.stamp(time), nanoseconds(seconds)
        except ValueError:
            at, duration = self.stamp(time), took(seconds)  # one of them says which it is
        return End(line=number, offset=offset, timestamp=at, task=self.names[task], duration=duration)

    def texts(self, lines: Sequence[bytes]) -> list[Text] | None:
        """What the lines of the text format *lines* tell, in order; `None` unless each tells of a run."""
        stamp, names = self.moments.stamp, self.names
        try:
            return [
                (stamp(time), nanoseconds(seconds), names[task])
                for time, task, seconds in TEXTS.findall(b"\n".join(lines))
            ]
        except ValueError:  # also from a line of another kind, whose time is empty
            return None

    def celery(self, line: bytes, number: int, offset: int) -> End | None:
        """The end that a line of Celery's tells; `None` for its chatter. Raises `Broken`."""
        if line.endswith(b"] received"):
            return None
        if found := DONE(line):
            time, worker, task, job, seconds = found.groups()
            return End(
                line=number,
                offset=offset,
                timestamp=self.stamp(time),
                task=self.names[task],
                id=job.decode("utf-8", "replace"),
                worker=self.names[worker],
                duration=took(seconds),
                outcome="success",
                action="finished",
                system="celery",
            )
        if b"] Task " in line:
            return self._ended(line, number, offset)
        if b"] Hard time limit (" in line and (found := TIMEOUT(line)):
            time, worker, seconds, task, job = found.groups()
            end = self._end(number, offset, (time, worker, task, job), "timed-out")
            end.duration, end.margin = took(seconds), SECOND  # the limit; Celery looks once a second
            return end
        if HEAD(line) is None:
            raise Broken(Reason.MALFORMED)
        return None

    def _ended(self, line: bytes, number: int, offset: int) -> End | None:
        """A task that ended otherwise. How long it ran isn't in the log: it may have waited in the worker."""
        if found := RAISED(line):
            *parts, error, message = found.groups()
            soft = error is not None and error.endswith(b"SoftTimeLimitExceeded")
            return self._failed(
                self._end(number, offset, parts, "timed-out" if soft else "failed"), error, message
            )
        if found := RETRY(line):
            *parts, error, message = found.groups()
            return self._failed(self._end(number, offset, parts, "retried"), error, message)
        if found := LEFT(line):
            end = self._end(number, offset, found.groups(), "finished")
            end.outcome = "unknown"
            return end
        if HEAD(line) is None:
            raise Broken(Reason.MALFORMED)
        return None

    def _failed(self, end: End, error: bytes | None, message: bytes | None) -> End:
        """*end* with its exception as the line shows it; a traceback below may say it better."""
        end.error, end.message = text(error), text(message)
        return end

    def _end(self, number: int, offset: int, parts: Any, action: Action) -> End:
        """An end with what all of Celery's have; an unsuccessful one unless told otherwise."""
        time, worker, task, job = parts
        process = self.names[worker]
        return End(
            line=number,
            offset=offset,
            timestamp=self.stamp(time),
            task=self.names[task],
            id=job.decode("utf-8", "replace"),
            worker=None if process == PARENT else process,
            outcome="failure",
            action=action,
            system="celery",
        )

    def stamp(self, time: bytes) -> int:
        """*time* in µs. Raises `Broken` where the calendar doesn't have it."""
        try:
            return self.moments.stamp(time)
        except ValueError:
            raise Broken(Reason.TIME) from None


def took(seconds: bytes) -> int:
    """*seconds* in ns. Raises `Broken` where they make no duration."""
    try:
        return nanoseconds(seconds)
    except ValueError:
        raise Broken(Reason.DURATION) from None


def malformed(line: bytes) -> Reason:
    """Why a line that begins like the text format isn't one."""
    seconds = line.rpartition(b" Task-time: ")[2].strip().lower().lstrip(b"+-")
    return Reason.DURATION if seconds in (b"nan", b"inf", b"infinity") else Reason.MALFORMED
