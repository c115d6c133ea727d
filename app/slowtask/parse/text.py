"""The text format, whose lines tell of their runs alone; and what the readers of all stock lines share.

`Time: 2021-01-13 10:03:59,202 Task: jobs.send_mail Task-time: 1`
"""

from collections.abc import Sequence
from typing import Final

from slowtask.parse.grok import ours_with, per_line
from slowtask.parse.items import End, Reason
from slowtask.parse.times import Moments, nanoseconds

TIME: Final = "[@metadata][time]"
SECONDS: Final = "[@metadata][seconds]"
NAME: Final = "[task][name]"

TEXT = ours_with("SLOWTASK_TEXT", TIME, NAME, SECONDS).match
TEXTS = per_line("SLOWTASK_TEXT")
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


class Lines:
    """Reads lines of the text format, whose times are local to one zone."""

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
            at, duration = stamped(self.moments, time), took(seconds)  # one of them says which it is
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


def stamped(moments: Moments, time: bytes) -> int:
    """*time* in µs. Raises `Broken` where the calendar doesn't have it."""
    try:
        return moments.stamp(time)
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
