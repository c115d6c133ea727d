"""PARSE: lines in, items out. The reader finds who reads a line.

A line's first bytes tell most formats at once (`lines.py`). All others are peeled: what carried the line
comes off, then its head, and the sentence within is read (`carried.py`). JSON of other programs is one more
thing that carries lines (`jsonlog.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from typing import Final

import msgspec

from slowtask.parse.carried import ESCAPE
from slowtask.parse.celery import CeleryFormat
from slowtask.parse.chatter import Kind
from slowtask.parse.custom import NO_CUSTOM, CustomFormat
from slowtask.parse.document import MAX_LENGTH
from slowtask.parse.entries import Collector, Entry
from slowtask.parse.format import MAX_LINE_LENGTH, BlockRun, Context, Format
from slowtask.parse.headed import HeadedFormat
from slowtask.parse.items import End, Item, Reason, make_nameless
from slowtask.parse.jobs import Jobs
from slowtask.parse.jsonlog import JsonLogReader
from slowtask.parse.lines import MINUTE_LENGTH
from slowtask.parse.ndjson import MAX_JSON_LENGTH, JsonFormat
from slowtask.parse.rows import Rows
from slowtask.parse.rq import RqFormat
from slowtask.parse.text import TextFormat
from slowtask.parse.times import DateTracker, TimestampCache
from slowtask.parse.told import Told

#: Every format that slowtask reads. Of two with the same first byte, the first is asked first.
FORMATS: Final[tuple[type[Format], ...]] = (JsonFormat, TextFormat, CeleryFormat, RqFormat)
CARRIAGE_RETURN: Final = ord("\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What stands before a piece of a log."""

    text: Callable[[], bytes]  #: reads it, as far back as is of use
    reader: "Reader | None"  #: has read the last lines of it; None: the piece is the first


class Reader(JsonLogReader):
    """Reads one log, or a piece of it, line after line, and appends what it finds to *out*, in order.

    With *rows* whole blocks of lines are written there instead, in no promised order. Without *earlier*
    this is a whole log, else a piece of one.
    """

    def __init__(  # noqa: PLR0913 - all that is known of a log beforehand
        self,
        out: list[Item],
        days: Callable[[int], DateTracker],
        zone: tzinfo,
        *,
        custom: CustomFormat = NO_CUSTOM,
        rows: Rows | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        context = _make_context(out, days, zone, custom, earlier)
        super().__init__(context, _make_formats(context))
        self.number = 0  #: lines read
        self.offset = 0  #: bytes read
        self.written = 0  #: runs that went to *rows* rather than to *out*
        self.told: Final = context.told  #: the runs that were told last
        self.jobs: Final = context.jobs
        self._out = out
        self._rows = rows
        self._document: Collector | None = None  #: if the log is one
        self._has_entries = False  #: it has one at least
        self._whole = earlier is None  #: no other reads lines of this log
        if earlier is not None and earlier.reader is not None:
            self._adopt(earlier.reader)

    def _adopt(self, earlier: "Reader") -> None:
        """Go on with what *earlier*, which read the lines before, knew at their end."""
        self.jobs.adopt(earlier.jobs)
        for log_format, before in zip(self.formats, earlier.formats, strict=True):
            log_format.adopt(before)
        self.streams.adopt(earlier.streams)

    def read(self, lines: Sequence[bytes]) -> None:
        """Take the next lines, without their line ends."""
        if self._document is not None:
            self._collect(self._document, lines)
            return
        if lines and self._read_block(lines):
            return
        number, offset, formats, stream = self.number, self.offset, self._formats, self._stream
        wrappings = self._layouts.known
        for line in lines:
            number += 1
            length = len(line)
            if wrappings:
                if self._read_known(line, number, offset):
                    offset += length + 1
                    continue
                self._leave()
            if not length or length > MAX_LINE_LENGTH or line[-1] == CARRIAGE_RETURN:
                self._read_line(line, number, offset)
            elif log_format := formats.get(line[0]):
                if stream.failure is None and self._torn is None:
                    self._take_new(log_format, line, number, offset)
                else:
                    self._take(log_format, line, number, offset)
            else:
                self._read_other(line, number, offset)
            offset += length + 1
        self.number, self.offset = number, offset
        self._leave()
        self.told.trim()

    def begin_document(self, document: Collector) -> None:
        """The log that begins is one *document*."""
        self._document = document

    @property
    def max_length(self) -> int:
        """How many bytes a line may have at most; of a longer one only the beginning is kept."""
        return MAX_JSON_LENGTH if self._document is None else MAX_LENGTH

    def _collect(self, document: Collector, lines: Sequence[bytes]) -> None:
        """Take the next *lines* of a log that is one document."""
        for line in lines:
            self.number += 1
            self._read_entries(document.take(line, self.number, self.offset))
            if line.strip():
                self._report.meet(line, self.number, self.offset)
            self.offset += len(line) + 1

    def _read_entries(self, entries: Iterable[Entry]) -> None:
        """Take *entries* of the document."""
        for entry in entries:
            self._has_entries = True
            self._read_line(msgspec.json.encode(entry.content), entry.line, entry.offset)

    def _end_document(self, document: Collector) -> None:
        """Take what is left of the document, now that it is complete."""
        self._read_entries(document.finish())
        for text, number, offset in document.broken:
            self._refuse_json(document.reason, text, number, offset)
        self._report.strange = 0 if self._has_entries else self.number

    def skip(self, line: bytes, length: int) -> None:
        """Refuse a line of *length* bytes, of which only the beginning was read."""
        self.number += 1
        self._report.set_aside(Reason.LONG, line, self.number, self.offset)
        self.offset += length + 1

    @property
    def skipped(self) -> Counter[Kind]:
        """How many lines other programs wrote, by kind."""
        return self._report.skipped

    @property
    def settled(self) -> int:
        """The bytes whose runs were all handed on. Behind them a failure may wait for its traceback."""
        waiting = [stream.failure.offset for stream in self.streams.values() if stream.failure is not None]
        if self._torn is not None:
            waiting.append(self._torn[-1])
        return min([self.offset, *waiting, *self.jobs.held_offsets()])

    @property
    def guessed(self) -> date | None:
        """The date of the first line whose date had to be guessed; None: there is none."""
        return self._context.guessed

    def interrupt(self) -> None:
        """Lines that something else reads come next: open failures have no more lines."""
        self._whole = False
        self._refuse_torn()
        self.streams.close()
        self._stream.inside = False

    def mark_damaged(self) -> None:
        """Report that the rest of the log can't be decompressed."""
        self._report.set_aside(Reason.DAMAGED, b"", self.number + 1, self.offset)

    def finish(self, *, last: bool = True) -> None:
        """End the log, or with *last* false a piece of it."""
        if self._document is not None:
            self._end_document(self._document)
        self._refuse_torn()
        self.streams.close()
        if last:
            self.jobs.finish()
        if self._whole and self._report.strange == self.number:
            self._report.report_strange()

    def _read_block(self, lines: Sequence[bytes]) -> bool:
        """Take *lines* at once, if they are of a format that can and all are good."""
        log_format = self._formats.get(lines[0][0]) if lines[0] else None
        if log_format is None or not log_format.recognizes(lines[0]):
            return False
        runs = log_format.read_block(lines)
        if runs is None:
            return False
        self.interrupt()
        self._stream.has_heads = True
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

    def _read_known(self, line: bytes, number: int, offset: int) -> bool:
        """Take a line that is wrapped like one before it, if what it carries begins like a known format."""
        known = self._layouts.unwrap(line)
        if known is None:
            return False
        envelope, text = known
        log_format = self._formats.get(text[0]) if text else None
        if log_format is None or text[-1] == CARRIAGE_RETURN or ESCAPE in text or 0 in text:
            return False
        if not log_format.reads_at_once(text):
            return False
        if self._context.envelope is not envelope:
            self._enter(envelope, self.streams[envelope.origin.stream])
        elif envelope.time is not None:
            self._context.minute = envelope.time[:MINUTE_LENGTH]
        if self._stream.failure is None and self._torn is None:
            self._take_new(log_format, text, number, offset)
        else:
            self._take(log_format, text, number, offset)
        return True


def _make_context(
    out: list[Item],
    days: Callable[[int], DateTracker],
    zone: tzinfo,
    custom: CustomFormat,
    earlier: Earlier | None,
) -> Context:
    """What the formats of one reader share."""
    before = earlier.reader if earlier is not None else None
    told = Told() if before is None else before.told
    return Context(
        emit=out.append,
        jobs=Jobs(
            out.append, lambda end: out.append(make_nameless(end)), partial=earlier is not None, told=told
        ),
        told=told,
        timestamps=TimestampCache(zone),
        dates=days,
        zone=zone,
        utc=TimestampCache(UTC),
        custom=custom,
        before=earlier.text if earlier is not None else None,
    )


def _make_formats(context: Context) -> list[Format]:
    """Make all formats; lines with a head of the user's own are tried before any other."""
    formats = [each(context) for each in FORMATS]
    return [HeadedFormat(context, formats), *formats] if context.custom.head else formats
