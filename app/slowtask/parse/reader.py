"""PARSE: lines in, items out. The reader finds each line's format and joins tracebacks to their failures.

A line's first bytes tell its format. A line of no format belongs to the line before it, is known and tells
of no run, or can't be read. No line longer than its format allows is matched against a regular expression.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Final

from slowtask.parse.cause import TRACEBACK_START, Cause
from slowtask.parse.celery import CeleryFormat
from slowtask.parse.format import COLOUR, MAX_LINE_LENGTH, BlockRun, Context, Format, Unreadable
from slowtask.parse.items import End, Item, OwnRun, Reason, make_nameless, make_unparsable
from slowtask.parse.jobs import Jobs
from slowtask.parse.ndjson import OWN_LINE_START, JsonFormat, decode_exact, split_at_own_lines
from slowtask.parse.rows import Rows
from slowtask.parse.rq import RqFormat
from slowtask.parse.text import TextFormat
from slowtask.parse.times import DateTracker, TimestampCache

#: Every format that slowtask reads. Of two with the same first byte, the first is asked first.
FORMATS: Final[tuple[type[Format], ...]] = (JsonFormat, TextFormat, CeleryFormat, RqFormat)
BOM: Final = b"\xef\xbb\xbf"
CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
CARRIAGE_RETURN: Final = ord("\r")


class Reader:
    """Reads one log, or a piece of it, line after line, and appends what it finds to *out*, in order.

    With *rows* whole blocks of lines are written there instead, in no promised order. *before* gives what
    stands before a piece; without it, this is a whole log.
    """

    def __init__(
        self,
        out: list[Item],
        days: Callable[[int], DateTracker],
        zone: tzinfo,
        *,
        rows: Rows | None = None,
        before: Callable[[], bytes] | None = None,
    ) -> None:
        self.number = 0  #: lines read
        self.offset = 0  #: bytes read
        self.written = 0  #: runs that went to *rows* rather than to *out*
        self.jobs = Jobs(out.append, lambda end: out.append(make_nameless(end)), partial=before is not None)
        self._out = out
        self._rows = rows
        context = Context(
            emit=out.append,
            jobs=self.jobs,
            timestamps=TimestampCache(zone),
            dates=days,
            zone=zone,
            before=before,
        )
        self._formats: dict[int, Format] = {}  #: by first byte
        self._rivals: defaultdict[int, list[Format]] = defaultdict(list)  #: others with that first byte
        for log_format in [each(context) for each in FORMATS]:
            for first in log_format.first_bytes:
                if self._formats.setdefault(first, log_format) is not log_format:
                    self._rivals[first].append(log_format)
        self._failure: End | None = None  #: one whose traceback may follow
        self._owner: Format | None = None  #: the format of that failure
        self._cause = Cause()
        self._inside = False  #: lines of no format belong to the line before

    def read(self, lines: Sequence[bytes]) -> None:
        """Take the next lines, without their line ends."""
        if lines and self._read_block(lines):
            return
        number, offset, formats = self.number, self.offset, self._formats
        for line in lines:
            number += 1
            if not line or len(line) > MAX_LINE_LENGTH or line[-1] == CARRIAGE_RETURN:
                self._read_line(line, number, offset)
            elif log_format := formats.get(line[0]):
                self._take(log_format, line, number, offset)
            else:
                self._read_other(line, number, offset)
            offset += len(line) + 1
        self.number, self.offset = number, offset

    def skip(self, line: bytes, length: int) -> None:
        """Refuse a line of *length* bytes, of which only the beginning was read."""
        self.number += 1
        self._set_aside(Reason.LONG, line, self.number, self.offset)
        self.offset += length + 1

    def interrupt(self) -> None:
        """Lines that something else reads come next: the open failure has no more lines."""
        self._close()
        self._inside = False

    def mark_damaged(self) -> None:
        """Report that the rest of the log can't be decompressed."""
        self._set_aside(Reason.DAMAGED, b"", self.number + 1, self.offset)

    def finish(self, *, last: bool = True) -> None:
        """End the log, or with *last* false a piece of it."""
        self._close()
        if last:
            self.jobs.finish()

    def _read_block(self, lines: Sequence[bytes]) -> bool:
        """Take *lines* at once, if they are of a format that can and all are good."""
        log_format = self._formats.get(lines[0][0]) if lines[0] else None
        if log_format is None or not log_format.recognizes(lines[0]):
            return False
        runs = log_format.read_block(lines)
        if runs is None:
            return False
        self.interrupt()
        self._emit_block(runs, lines)
        self.number += len(lines)
        self.offset += sum(map(len, lines)) + len(lines)
        return True

    def _emit_block(self, runs: list[BlockRun], lines: Sequence[bytes]) -> None:
        """Hand on the *runs* of *lines*, as rows if those are wanted."""
        if self._rows is not None:
            self._rows.write_block(runs)
            self.written += len(runs)
            return
        number, offset = self.number, self.offset
        for line, (timestamp, duration, task) in zip(lines, runs, strict=True):
            number += 1
            end = End(line=number, offset=offset, timestamp=timestamp, task=task, duration=duration)
            self._out.append(end)
            offset += len(line) + 1

    def _read_line(self, line: bytes, number: int, offset: int) -> None:
        """Take one line, whatever it looks like."""
        line = line.removesuffix(b"\r")
        log_format = self._formats.get(line[0]) if line else None
        if len(line) > (log_format.max_length if log_format else MAX_LINE_LENGTH):
            self._set_aside(Reason.LONG, line, number, offset)
        elif log_format:
            self._take(log_format, line, number, offset)
        else:
            self._read_other(line, number, offset)

    def _take(self, log_format: Format, line: bytes, number: int, offset: int) -> None:
        """Take a line that begins with the first byte of *log_format*."""
        if self._failure is not None:
            if not log_format.recognizes(line):
                self._pass_on(line, number, offset)
                return
            if self._amends(self._failure, log_format, line):
                return
        try:
            failure = log_format.read(line, number, offset)
        except Unreadable as error:
            self._take_unreadable(error, log_format, line, number, offset)
            return
        self._inside = log_format.multiline
        if failure is not None:
            self._failure, self._owner, self._cause, self._inside = failure, log_format, Cause(), True

    def _take_unreadable(
        self, error: Unreadable, log_format: Format, line: bytes, number: int, offset: int
    ) -> None:
        """Take a line that *log_format* couldn't read: a broken one of its own, or not one of its own."""
        if log_format.recognizes(line):
            self._inside = False
            self._refuse(error.reason, line, number, offset, error.detail)
        else:
            self._pass_on(line, number, offset)

    def _pass_on(self, line: bytes, number: int, offset: int) -> None:
        """Take a line that the first format with its first byte doesn't recognize."""
        for log_format in self._rivals.get(line[0], ()):
            if log_format.recognizes(line):
                self._take(log_format, line, number, offset)
                return
        self._read_other(line, number, offset)

    def _amends(self, failure: End, log_format: Format, line: bytes) -> bool:
        """Whether *line* only says more about the open *failure*. If not, no line after it will."""
        if log_format.amends(line, failure):
            self._inside = log_format.multiline
            return True
        if log_format.withdraws(line, failure):
            self._failure = None
        self._close()
        return False

    def _read_other(self, line: bytes, number: int, offset: int) -> None:
        """Take a line that doesn't begin like one of any format."""
        if not line or line.isspace():
            self._cause.read(line)
        elif number == 1 and line.startswith(BOM):
            self._read_line(line[len(BOM) :], number, offset + len(BOM))
        elif b"\0" in line:
            self._read_between_nuls(line, number, offset)
        elif line.startswith(b"\x1b[") and (plain := COLOUR.sub(b"", line)) != line:
            self._read_line(plain, number, offset)
        elif line.startswith(TRACEBACK_START):
            self._inside = True
            self._cause.read(line)
        elif self._inside and OWN_LINE_START not in line:
            self._cause.read(line)
        elif not any(match(line) for each in FORMATS for match in each.chatter):
            reason = Reason.BINARY if CONTROL.search(line) else Reason.UNKNOWN
            self._refuse(reason, line, number, offset)

    def _read_between_nuls(self, line: bytes, number: int, offset: int) -> None:
        """Take a line with NUL bytes: around the text, a crash left them; within it, it is no text."""
        rest = line.strip(b"\0")
        if CONTROL.search(rest):
            self._refuse(Reason.BINARY, line, number, offset)
            return
        self._set_aside(Reason.NUL, line, number, offset)
        if rest:
            self._read_line(rest, number, offset + line.index(rest))

    def _close(self) -> None:
        """Hand on the open failure: it has no more lines."""
        failure, self._failure = self._failure, None
        if failure is not None and self._owner is not None:
            self._cause.apply(failure)
            self._owner.complete(failure)

    def _refuse(self, reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> None:
        """Set aside a line that can't be read, except for whole lines of ours behind its torn beginning."""
        if line.find(OWN_LINE_START, 1) < 0:
            self._set_aside(reason, line, number, offset, detail)
            return
        for place, part in split_at_own_lines(line):
            run = decode_exact(part) if part.startswith(b"{") else None
            if run is None:
                self._set_aside(
                    Reason.TORN if part.startswith(b"{") else reason, part, number, offset + place
                )
            else:
                self._out.append(OwnRun(run, number, offset + place))

    def _set_aside(self, reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> None:
        """Report a line that can't be read."""
        self._out.append(make_unparsable(reason, line, number, offset, detail))
