"""Lines in, items out: tells the formats apart, joins tracebacks to what they belong to, skips chatter.

No line reaches a regular expression that is longer than `LONGEST`; JSON may be longer, up to `LONGEST_JSON`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Final

from slowtask.parse import celery, ndjson
from slowtask.parse import text as stock
from slowtask.parse.cause import TRACEBACK, Cause
from slowtask.parse.items import End, Item, Own, Reason, Unparsable, unparsable
from slowtask.parse.jobs import Jobs
from slowtask.parse.rows import Rows
from slowtask.parse.rq import COLOUR, TIMED, Lines
from slowtask.parse.text import Broken, Text
from slowtask.parse.times import Days, Moments

LONGEST: Final = 64 * 1024
LONGEST_JSON: Final = 1024 * 1024
BOM: Final = b"\xef\xbb\xbf"
OUR_START: Final = b'{"@timestamp":'  #: how a line of ours begins, also behind a torn one
#: RQ's warnings through a logger without handlers come without a time.
UNTIMED: Final = (b"StartedJobRegistry cleanup: ", b"Job ", b"FailedJobRegistry ")
CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
#: Both of RQ's and Celery's: the job was told to stop, at its time limit.
TIMEOUTS: Final = ("JobTimeoutException", "SoftTimeLimitExceeded", "TimeLimitExceeded")

OURS: Final = ord("{")
RETURN: Final = ord("\r")


class Reader:
    """Reads one log, or a piece of it, line after line; what it finds is appended to *out*, in order.

    With *rows* whole blocks of the text format are written there instead: no order is promised then.
    Of a piece, *before* gives what stands before it; without, this is a whole log.
    """

    def __init__(
        self,
        out: list[Item],
        days: Callable[[int], Days],
        zone: tzinfo,
        *,
        rows: Rows | None = None,
        before: Callable[[], bytes] | None = None,
    ) -> None:
        self.number = 0  #: lines read
        self.offset = 0  #: bytes read
        self.jobs = Jobs(out.append, lambda end: out.append(nameless(end)), partial=before is not None)
        self._out = out
        self._rows = rows
        self.written = 0  #: runs that went to *rows* rather than to *out*
        self._stock = stock.Lines(Moments(zone))
        self._of_celery = celery.Lines(self._stock.moments, before)
        self._rq = Lines(self.jobs, days, zone)
        self._heads: Final = {  # a known line's first byte says where it may belong
            OURS: self._ours,
            ord("T"): self._text,
            ord("["): self._celery,
            **dict.fromkeys(b"012", self._timed),
        }
        self._open: End | None = None  #: a failure whose traceback may follow
        self._cause = Cause()
        self._inside = False  #: lines without a head of their own belong to the line before

    def read(self, lines: Sequence[bytes]) -> None:
        """Take the next lines, without their line ends."""
        if (
            lines
            and lines[0].startswith(b"Time: ")
            and lines[-1].startswith(b"Time: ")
            and self._texts(lines)
        ):
            return
        number, offset, heads = self.number, self.offset, self._heads
        for line in lines:
            number += 1
            if line and len(line) <= LONGEST and line[-1] != RETURN and (take := heads.get(line[0])):
                take(line, number, offset)
            else:
                self._line(line, number, offset)
            offset += len(line) + 1
        self.number, self.offset = number, offset

    def _texts(self, lines: Sequence[bytes]) -> bool:
        """Take *lines* if all are good ones of the text format: much quicker than one by one."""
        if max(map(len, lines)) > LONGEST:
            return False
        found = self._stock.texts(lines)
        if found is None:
            return False
        self._close()
        self._inside = False
        self._put(found, lines)
        self.number += len(lines)
        self.offset += sum(map(len, lines)) + len(lines)
        return True

    def _put(self, found: list[Text], lines: Sequence[bytes]) -> None:
        """Hand on what *lines* of the text format tell: as rows where those are all that's wanted."""
        if self._rows is not None:
            self._rows.texts(found)
            self.written += len(found)
            return
        number, offset = self.number, self.offset
        for line, (timestamp, duration, task) in zip(lines, found, strict=True):
            number += 1
            self._out.append(
                End(line=number, offset=offset, timestamp=timestamp, task=task, duration=duration)
            )
            offset += len(line) + 1

    def skip(self, line: bytes, length: int) -> None:
        """Refuse a line of which only the beginning was read: *length* bytes in all."""
        self.number += 1
        self._refuse(Reason.LONG, line, self.number, self.offset)
        self.offset += length + 1

    def interrupt(self) -> None:
        """Lines of ours come now, read by somebody else: what was open before them has no more lines."""
        self._close()
        self._inside = False

    def damaged(self) -> None:
        """Say that what follows can't be decompressed."""
        self._refuse(Reason.DAMAGED, b"", self.number + 1, self.offset)

    def finish(self, *, last: bool = True) -> None:
        """The log, or with *last* false a piece of it, is over."""
        self._close()
        if last:
            self.jobs.finish()

    def _line(self, line: bytes, number: int, offset: int) -> None:
        """Take one line, whatever it looks like."""
        line = line.removesuffix(b"\r")
        if len(line) > LONGEST and line[0] != OURS:
            self._refuse(Reason.LONG, line, number, offset)
        else:
            self._heads.get(line[0] if line else 0, self._other)(line, number, offset)

    def _text(self, line: bytes, number: int, offset: int) -> None:
        """A line of the text format."""
        if not line.startswith(b"Time: "):
            self._other(line, number, offset)
            return
        if self._open is not None:
            self._close()
        self._inside = False
        try:
            self._out.append(self._stock.text(line, number, offset))
        except Broken as broken:
            self._odd(broken.reason, line, number, offset)

    def _celery(self, line: bytes, number: int, offset: int) -> None:
        """A line of Celery's. What Celery prints may go on over lines."""
        if not line[1:5].isdigit():
            self._other(line, number, offset)
            return
        if self._open is not None:
            if self._of_celery.undone(line, self._open):
                self._open = None
            self._close()
        self._inside = True
        try:
            end = self._of_celery.read(line, number, offset)
        except Broken as broken:
            self._inside = False
            self._odd(broken.reason, line, number, offset)
            return
        if end is None:
            return
        if end.outcome == "failure":
            self._open, self._cause = end, Cause()
        else:
            self._out.append(end)

    def _timed(self, line: bytes, number: int, offset: int) -> None:
        """A line of RQ's."""
        if not line.startswith(self._rq.clock) and not TIMED(line):
            self._other(line, number, offset)
            return
        retry = self._open is not None and b" for retry" in line
        if self._open is not None and not retry:
            self._close()
        self._inside = False
        try:
            end = self._rq.read(line, number, offset)
        except Broken as broken:
            self._odd(broken.reason, line, number, offset)
            return
        if retry and end is not None and self._retried(end):
            return
        if end is not None:
            self._close()
            self._open, self._cause, self._inside = end, Cause(), True

    def _retried(self, end: End) -> bool:
        """Whether *end* says of the open failure that it will be tried again; what killed it says more."""
        if self._open is None or self._open.id != end.id:
            return False
        if self._open.action == "failed":
            self._open.action = "retried"
        return True

    def _ours(self, line: bytes, number: int, offset: int) -> None:
        """A line of JSON. What begins like a dict as Python shows it belongs to Celery's line before it."""
        if line.startswith(b"{'"):
            self._other(line, number, offset)
            return
        if self._open is not None:
            self._close()
        self._inside = False
        if len(line) > LONGEST_JSON:
            self._refuse(Reason.LONG, line, number, offset)
        elif (run := ndjson.quick(line)) is None:
            self._json_else(line, number, offset)
        else:
            self._out.append(Own(run, number, offset))

    def _json_else(self, line: bytes, number: int, offset: int) -> None:
        """JSON that isn't a line just as we write it."""
        try:
            self._out.append(Own(ndjson.patient(line), number, offset))
        except ndjson.NotOurs as other:
            if other.reason is not None:
                self._odd(other.reason, line, number, offset, other.detail)

    def _other(self, line: bytes, number: int, offset: int) -> None:
        """A line that doesn't begin like any of a known format."""
        if not line or line.isspace():
            self._cause.read(line)
        elif number == 1 and line.startswith(BOM):
            self._line(line[len(BOM) :], number, offset + len(BOM))
        elif b"\0" in line:
            self._nul(line, number, offset)
        elif line.startswith(b"\x1b[") and (plain := COLOUR.sub(b"", line)) != line:
            self._line(plain, number, offset)
        elif line.startswith(TRACEBACK):
            self._inside = True
            self._cause.read(line)
        elif self._inside and OUR_START not in line:
            self._cause.read(line)
        elif celery.BANNER(line) is None and not line.startswith(UNTIMED):
            self._odd(Reason.BINARY if CONTROL.search(line) else Reason.UNKNOWN, line, number, offset)

    def _nul(self, line: bytes, number: int, offset: int) -> None:
        """A line with NUL bytes: around it, a crash left them; within it, it is no text."""
        rest = line.strip(b"\0")
        if CONTROL.search(rest):
            self._odd(Reason.BINARY, line, number, offset)
            return
        self._refuse(Reason.NUL, line, number, offset)
        if rest:
            self._line(rest, number, offset + line.index(rest))

    def _odd(self, reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> None:
        """A line that can't be read, but for whole lines of ours behind its torn beginning."""
        at = line.find(OUR_START, 1)
        if at < 0:
            self._refuse(reason, line, number, offset, detail)
            return
        start = 0
        while start < len(line):
            self._piece(reason, line[start:at], number, offset + start)
            start = at
            at = line.find(OUR_START, start + 1)
            at = len(line) if at < 0 else at

    def _piece(self, reason: Reason, piece: bytes, number: int, offset: int) -> None:
        """A part of a line of which another part is torn."""
        run = ndjson.quick(piece) if piece.startswith(b"{") else None
        if run is None:
            self._refuse(Reason.TORN if piece.startswith(b"{") else reason, piece, number, offset)
        else:
            self._out.append(Own(run, number, offset))

    def _close(self) -> None:
        """The open failure has no more lines."""
        end, cause = self._open, self._cause
        self._open = None
        if end is None:
            return
        if cause.error is not None:
            end.error, end.message = cause.error, cause.message
        if (end.error or "").endswith(TIMEOUTS) and end.action == "failed":
            end.action = "timed-out"
        if end.system == "rq":
            self.jobs.ended(end)
        else:
            self._out.append(nameless(end) if end.task is None else end)

    def _refuse(self, reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> None:
        """Set a line aside."""
        self._out.append(unparsable(reason, line, number, offset, detail))


def nameless(end: End) -> Unparsable:
    """An end that no task is known of."""
    told = f"job {end.id}" if end.id else f"worker {end.worker}"
    return unparsable(Reason.NAMELESS, told.encode(), end.line, end.offset)
