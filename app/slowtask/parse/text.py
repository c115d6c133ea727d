"""PARSE: the text format, one line for each run, without outcome, queue or worker.

`Time: 2021-01-13 10:03:59,202 Task: jobs.send_mail Task-time: 1`
"""

from collections.abc import Sequence
from typing import Final

from slowtask.parse.format import (
    MAX_LINE_LENGTH,
    BlockRun,
    Context,
    Format,
    Names,
    Unreadable,
    read_times,
)
from slowtask.parse.grok import compile_pattern, compile_per_line
from slowtask.parse.items import End, Reason
from slowtask.parse.times import nanoseconds

FIELDS: Final = ("[@metadata][time]", "[task][name]", "[@metadata][seconds]")
PREFIX: Final = b"Time: "

match_line = compile_pattern("SLOWTASK_TEXT", *FIELDS).match
find_lines = compile_per_line("SLOWTASK_TEXT").findall


class TextFormat(Format):
    """Lines of the text format, each of which tells of one run."""

    first_bytes = PREFIX[:1]
    head = PREFIX + rb"\d"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._timestamps = context.timestamps
        self._names = Names()

    def read(self, line: bytes, number: int, offset: int) -> None:
        """Emit the run that *line* tells of. Raises `Unreadable`."""
        match = match_line(line)
        if match is None:
            raise Unreadable(_explain(line))
        time, task, seconds = match.groups()
        try:
            timestamp, duration = self._timestamps.stamp(time), nanoseconds(seconds)
        except ValueError:  # the slower function finds out which of them it was
            timestamp, duration = read_times(self._timestamps, time, seconds)
        name = self._names[task]
        end = End(line=number, offset=offset, timestamp=timestamp, task=name, duration=duration)
        self.emit(end if self.context.envelope is None else self.context.address(end))

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* begins like one of this format."""
        return line.startswith(PREFIX)

    def read_block(self, lines: Sequence[bytes]) -> list[BlockRun] | None:
        """The runs of *lines*, much faster than one by one; None unless each line tells of a run."""
        if not lines[-1].startswith(PREFIX) or max(map(len, lines)) > MAX_LINE_LENGTH:
            return None
        stamp, names = self._timestamps.stamp, self._names
        try:
            return [
                (stamp(time), nanoseconds(seconds), names[task])
                for time, task, seconds in find_lines(b"\n".join(lines))
            ]
        except ValueError:  # also from a line of another format: its time is empty
            return None


def _explain(line: bytes) -> Reason:
    """Why a line that begins like the text format can't be read."""
    seconds = line.rpartition(b" Task-time: ")[2].strip().lower().lstrip(b"+-")
    return Reason.DURATION if seconds in (b"nan", b"inf", b"infinity") else Reason.MALFORMED
