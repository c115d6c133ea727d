"""PARSE: take the lines whose first bytes tell their format, and join tracebacks to failures."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from slowtask.parse.envelope import Envelope
from slowtask.parse.format import MAX_LINE_LENGTH, Context, Format, Glued, Unreadable
from slowtask.parse.head import Head
from slowtask.parse.headed import Headed
from slowtask.parse.items import Reason
from slowtask.parse.ndjson import Foreign
from slowtask.parse.peel import peel
from slowtask.parse.report import Report
from slowtask.parse.streams import Stream, Streams

MINUTE_LENGTH: Final = len("2026-11-23T18:47")


class LineReader(ABC):
    """Takes lines of known formats; what else there is, a class above it knows."""

    def __init__(self, context: Context, formats: Sequence[Format]) -> None:
        self.formats: Final = formats
        self.streams: Final = Streams()
        self._context: Final = context
        self._report: Final = Report(context)
        self._stream = self.streams[None]
        self._torn: tuple[Format, bytes, int, int] | None = None  #: a line that the next may complete
        self._formats: Final[dict[int, Format]] = {}  #: by first byte
        self._rivals: Final[defaultdict[int, list[Format]]] = defaultdict(
            list
        )  #: others with that first byte
        for log_format in formats:
            for first in log_format.first_bytes:
                if self._formats.setdefault(first, log_format) is not log_format:
                    self._rivals[first].append(log_format)

    @abstractmethod
    def _read_other(self, line: bytes, number: int, offset: int) -> None:
        """Take a line that doesn't begin like one of any format."""

    @abstractmethod
    def _read_headed(self, head: Head, line: bytes, number: int, offset: int) -> None:
        """Take a line with a head of the user's own."""

    @abstractmethod
    def _read_json(self, content: Mapping[str, Any], line: bytes, number: int, offset: int) -> None:
        """Take a JSON object of another program."""

    @abstractmethod
    def _refuse_json(self, reason: Reason, line: bytes, number: int, offset: int) -> None:
        """Take JSON that is broken, or carries nothing that is known."""

    def _read_line(self, line: bytes, number: int, offset: int) -> None:
        """Take one line, whatever it looks like."""
        line = line.removesuffix(b"\r")
        log_format = self._formats.get(line[0]) if line else None
        if len(line) > (log_format.max_length if log_format else MAX_LINE_LENGTH):
            self._report.set_aside(Reason.LONG, line, number, offset)
        elif log_format:
            self._take(log_format, line, number, offset)
        else:
            self._read_other(line, number, offset)

    def _take(self, log_format: Format, line: bytes, number: int, offset: int) -> None:
        """Take a line that begins with the first byte of *log_format*."""
        stream = self._stream
        if stream.failure is not None or self._torn is not None:
            if not log_format.recognizes(line):
                self._pass_on(line, number, offset)
                return
            self._refuse_torn()
            if stream.failure is not None and self._amends(log_format, line):
                return
        self._take_new(log_format, line, number, offset)

    def _take_new(self, log_format: Format, line: bytes, number: int, offset: int) -> None:
        """Take the same, where no failure is open."""
        stream = self._stream
        try:
            failure = log_format.read(line, number, offset)
        except Unreadable as error:
            self._take_unreadable(error, log_format, line, number, offset)
            return
        stream.inside, stream.has_heads = log_format.multiline, True
        if failure is not None:
            stream.open(failure, log_format)

    def _take_unreadable(
        self, error: Unreadable, log_format: Format, line: bytes, number: int, offset: int
    ) -> None:
        """Take a line that *log_format* couldn't read: a broken one of its own, or not one of its own."""
        if isinstance(error, Glued):
            self._read_line(line[: error.place], number, offset)
            self._read_line(line[error.place :], number, offset + error.place)
        elif isinstance(error, Foreign):
            self._read_json(error.content, line, number, offset)
        elif isinstance(error, Headed):
            self._read_headed(error.head, line, number, offset)
        elif error.reason is Reason.TORN:
            self._refuse_json(error.reason, line, number, offset)
        elif error.reason is Reason.UNKNOWN or not log_format.recognizes(line):
            self._pass_on(line, number, offset)
        elif error.reason is Reason.MALFORMED and self._torn is None:
            self._torn = (log_format, line, number, offset)
        else:
            self._stream.inside = False
            self._report.refuse(error.reason, line, number, offset, error.detail)

    def _pass_on(self, line: bytes, number: int, offset: int) -> None:
        """Take a line that the first format with its first byte doesn't know."""
        for log_format in self._rivals.get(line[0], ()):
            if log_format.recognizes(line):
                self._take(log_format, line, number, offset)
                return
        self._read_other(line, number, offset)

    def _find_format(self, text: bytes) -> Format | None:
        """The format that recognizes *text*."""
        first = self._formats.get(text[0])
        if first is None or first.recognizes(text):
            return first
        return next((each for each in self._rivals.get(text[0], ()) if each.recognizes(text)), None)

    def _refuse_torn(self) -> None:
        """Report the line that no other has completed."""
        torn, self._torn = self._torn, None
        if torn is not None:
            self._stream.inside = False
            self._report.refuse(Reason.MALFORMED, *torn[1:])

    def _completes_torn(self, line: bytes) -> bool:
        """Whether *line* completes the line before it, which a terminal has cut in two."""
        if self._torn is None:
            return False
        log_format, torn, number, offset = self._torn
        peeled = peel(line)
        if peeled.has_head or peeled.envelope is not None:
            self._refuse_torn()
            return False
        try:
            failure = log_format.read(torn + line, number, offset)
        except Unreadable:
            self._refuse_torn()
            return False
        self._torn = None
        if failure is not None:
            self._stream.open(failure, log_format)
        return True

    def _amends(self, log_format: Format, line: bytes) -> bool:
        """Whether *line* only says more about the open failure. If not, no line after it will."""
        stream = self._stream
        if stream.failure is None:
            return False
        if log_format.amends(line, stream.failure):
            stream.inside = log_format.multiline
            return True
        if log_format.withdraws(line, stream.failure):
            stream.failure = None
        stream.close()
        return False

    def _enter(self, envelope: Envelope | None, stream: Stream) -> None:
        """Read what *envelope* carries next, which is of *stream*."""
        context, time = self._context, envelope.time if envelope is not None else None
        context.envelope, context.stream, self._stream = envelope, stream.name, stream
        context.minute = time[:MINUTE_LENGTH] if time is not None else None

    def _leave(self) -> None:
        """Read lines without wrappers next."""
        if self._context.envelope is not None:
            self._enter(None, self.streams[None])

    @contextmanager
    def _within(self, envelope: Envelope) -> Iterator[Stream]:
        """Read what *envelope* carries, in the stream that it names."""
        before = (self._context.envelope, self._stream)
        self._enter(envelope, self.streams[envelope.origin.stream])
        try:
            yield self._stream
        finally:
            self._enter(*before)
