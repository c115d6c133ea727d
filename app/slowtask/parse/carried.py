"""PARSE: take the lines that something carried, or that have a head of another form: peel them.

A line of no format belongs to the line before it, or another program wrote it, or it is reported.
"""

import re
from typing import Final, Literal

from slowtask.parse.cause import TRACEBACK_START
from slowtask.parse.entries import BOM
from slowtask.parse.envelope import Envelope, join_envelopes
from slowtask.parse.format import COLOUR, Context, Format, Line, Unreadable
from slowtask.parse.head import Head
from slowtask.parse.items import End, Reason, make_nameless
from slowtask.parse.layouts import Layouts
from slowtask.parse.lines import LineReader
from slowtask.parse.ndjson import OWN_LINE_START
from slowtask.parse.peel import (
    MAX_SEARCHED,
    Peeled,
    find_dates,
    find_sentences,
    may_tell_of_a_run,
    peel,
    search_sentence,
)
from slowtask.parse.report import CONTROL
from slowtask.parse.structured import StructuredEvents

ESCAPE: Final = 0x1B
INDENT: Final = b" \t"
NUMBERED: Final = re.compile(rb"\s{0,6}\d+\t").match
#: A line of RQ's or Celery's behind what a task printed without a line end.
find_inner_line: Final = re.compile(
    rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d (?:Worker \S+: )?"
    rb"(?:Successfully completed |\S+: Job OK|\S+: [\w.]+\(|Moving job to |Traceback \(most|\[Job )"
    rb"|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: [A-Z]+/[^\]]+\] Task "
).search


class CarriedReader(LineReader):
    """Takes lines in wrappers, and lines with any head."""

    def __init__(self, context: Context, formats: list[Format]) -> None:
        super().__init__(context, formats)
        self._layouts: Final = Layouts()
        self._structured: Final = StructuredEvents(context)
        self._with_sentences: Final = [
            each for each in formats if type(each).read_sentence is not Format.read_sentence
        ]

    def _read_other(self, line: bytes, number: int, offset: int) -> None:
        """Take a line that doesn't begin like one of any format."""
        if not line or line.isspace():
            self._stream.cause.read(line)
            self._report.strange += 1
        elif number == 1 and line.startswith(BOM):
            self._read_line(line[len(BOM) :], number, offset + len(BOM))
        elif b"\0" in line:
            self._read_between_nuls(line, number, offset)
        elif ESCAPE in line and (plain := COLOUR.sub(b"", line)) != line:
            self._read_line(plain, number, offset)
        elif self._completes_torn(line):
            pass
        elif line[:1] in INDENT and not NUMBERED(line):
            self._read_indented(line, number, offset)
        else:
            peeled = peel(line)
            if peeled.unwrapped is not None and self._context.envelope is None:
                self._layouts.learn(line, peeled.unwrapped)
            if not self._read_peeled(peeled, number, offset):
                self._read_loose(line, number, offset)

    def _read_indented(self, line: bytes, number: int, offset: int) -> None:
        """Take an indented line: it goes on with the one before, unless it tells of a run itself."""
        if self._stream.inside and not may_tell_of_a_run(line):
            self._stream.cause.read(line)
        elif not self._read_peeled(peel(line.lstrip()), number, offset):
            self._read_loose(line, number, offset)

    def _read_loose(self, line: bytes, number: int, offset: int) -> None:
        """Take a line with neither wrappers nor a head."""
        stream = self._stream
        if any(match(line) for each in self.formats for match in each.losses):
            self._report.set_aside(Reason.LOST, line, number, offset)
        elif line.startswith(TRACEBACK_START):
            stream.inside = True
            stream.cause.read(line)
        elif OWN_LINE_START in line:
            self._report.refuse_unknown(line, number, offset)
        elif stream.has_heads and (inner := find_inner_line(line)):
            self._read_line(line[inner.start() :], number, offset + inner.start())
        elif stream.inside:
            stream.cause.read(line)
        elif may_tell_of_a_run(line):
            self._report.refuse_unknown(line, number, offset)
        elif not any(match(line) for each in self.formats for match in each.chatter):
            self._report.pass_over(line, number, offset)

    def _read_between_nuls(self, line: bytes, number: int, offset: int) -> None:
        """Take a line with NUL bytes: around the text, a crash left them; within it, it is no text."""
        rest = line.strip(b"\0")
        if CONTROL.search(rest):
            self._report.refuse(Reason.BINARY, line, number, offset)
            return
        self._report.set_aside(Reason.NUL, line, number, offset)
        if rest:
            self._read_line(rest, number, offset + line.index(rest))

    def _read_peeled(self, peeled: Peeled, number: int, offset: int) -> bool:
        """Take a line that has wrappers or a head, or a bare sentence; False if it has none of them."""
        if peeled.envelope is None:
            return self._read_sentence(peeled, number, offset)
        return self._read_enveloped(peeled, number, offset)

    def _read_enveloped(self, peeled: Peeled, number: int, offset: int) -> bool:
        """Take a line in wrappers, in the stream that they name."""
        envelope = join_envelopes(self._context.envelope, peeled.envelope or Envelope())
        with self._within(envelope) as stream:
            text = stream.join_part(peeled.text, envelope.output, goes_on=envelope.part)
            if text is not None:
                peeled = peeled if text is peeled.text else peel(text)
                self._read_carried(text, peeled, number, offset)
        return True

    def _read_carried(self, text: bytes, peeled: Peeled, number: int, offset: int) -> None:
        """Take what a wrapper carried: a line as it would be without, or a bare sentence."""
        log_format = self._find_format(text) if text else None
        if log_format is not None:
            self._take(log_format, text, number, offset)
        elif text[:1] in INDENT and self._stream.inside:
            self._stream.cause.read(text)
        elif not self._read_sentence(peeled._replace(text=text), number, offset):
            self._read_loose(text, number, offset)

    def _read_headed(self, head: Head, line: bytes, number: int, offset: int) -> None:
        """Take a line with a head of the user's own."""
        if not self._read_sentence(Peeled(None, line, head), number, offset):
            self._read_loose(line, number, offset)

    def _read_sentence(self, peeled: Peeled, number: int, offset: int) -> bool:
        """Take a line whose head isn't a format's own; False if it belongs to the line before, or to none."""
        if peeled.has_head:
            self._refuse_torn()
        elif not may_tell_of_a_run(peeled.text):
            return False
        for at, head in find_sentences(peeled.text, peeled.head):
            if self._stream.has_heads and not peeled.has_head and head.time is None:
                continue
            line = Line(
                text=peeled.text,
                at=at,
                number=number,
                offset=offset,
                time=head.time,
                process=head.process,
                logger=head.logger,
            )
            if self._try_sentence(line):
                return True
        if not peeled.has_head:
            return False
        self._stream.close()
        self._stream.inside = True
        if peeled.head is not None and peeled.head.time is not None:
            self._context.dated = peeled.head.time
        if second := self._find_second(peeled):
            return self._read_sentence(peel(second), number, offset)
        self._read_headed_rest(peeled.text, number, offset)
        return True

    def _read_headed_rest(self, text: bytes, number: int, offset: int) -> None:
        """Take a line with a head, but without a sentence: it may be one of ours, with a head before it."""
        own = text.find(OWN_LINE_START)
        if own >= 0:
            self._read_line(text[own:], number, offset + own)
        elif may_tell_of_a_run(text):
            self._report.refuse(Reason.UNKNOWN, text, number, offset)
        else:
            self._report.pass_over(text, number, offset)

    @staticmethod
    def _find_second(peeled: Peeled) -> bytes | None:
        """The line in *peeled* that tells of a run, if another stands before it without a line end."""
        told = search_sentence(peeled.text, 0, MAX_SEARCHED)
        if told is None or peeled.head is None:
            return None
        heads = [at for at in find_dates(peeled.text) if peeled.head.end < at < told.start()]
        return peeled.text[heads[-1] :] if heads else None

    def _try_sentence(self, line: Line) -> bool:
        """Whether a format reads the sentence of *line*, or knows why it can't be used."""
        owner = self._stream.owner
        if (
            self._stream.failure is not None
            and owner is not None
            and self._amends(owner, line.text[line.at :])
        ):
            return True
        for log_format in self._with_sentences:
            try:
                failure = log_format.read_sentence(line)
            except Unreadable as error:
                if error.reason is Reason.UNKNOWN:
                    continue
                self._report.refuse(error.reason, line.text, line.number, line.offset, error.detail)
                return True
            self._stream.inside = True
            self._stream.has_heads |= line.at > 0
            if failure is not None:
                self._stream.open(failure, log_format)
            return True
        return self._try_structured(line)

    def _try_structured(self, line: Line) -> bool:
        """Whether *line* is an event with its fields, or one that can't be used."""
        try:
            return self._emit_structured(self._structured.read_console(line))
        except Unreadable as error:
            self._report.refuse(error.reason, line.text, line.number, line.offset, error.detail)
            return True

    def _emit_structured(self, end: End | Literal[True] | None) -> bool:
        """Hand on the run of an event, and tell whether there was one."""
        if isinstance(end, End):
            self._context.emit(make_nameless(end) if end.task is None else end)
        return bool(end)
