"""PARSE: the streams of a log: the lines of each container or machine whose lines it mixes.

A traceback belongs to the failure before it in its own stream.
"""

from typing import Final

from slowtask.parse.cause import Cause
from slowtask.parse.format import Format
from slowtask.parse.items import End

MAX_STREAMS: Final = 1000
MAX_PART: Final = 1024 * 1024  #: bytes of a line that comes in parts


class Stream:
    """Where one stream of a log stands."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.failure: End | None = None  #: one whose traceback may follow
        self.owner: Format | None = None  #: the format of that failure
        self.cause = Cause()
        self.inside = False  #: lines of no format belong to the line before
        self.has_heads = False  #: its lines have heads, so a sentence without one is a task's output
        self._parts: dict[str, bytes] = {}  #: the beginning of a line whose end is still to come, by output

    def open(self, failure: End, owner: Format) -> None:
        """Wait for the traceback of *failure*."""
        self.failure, self.owner, self.cause, self.inside = failure, owner, Cause(), True

    def close(self) -> None:
        """Hand on the open failure: it has no more lines."""
        failure, self.failure = self.failure, None
        if failure is not None and self.owner is not None:
            self.cause.apply(failure)
            self.owner.complete(failure)

    def join_part(self, text: bytes, output: str, *, goes_on: bool) -> bytes | None:
        """Join the parts of a line, which come in one *output*; None until the last part has come."""
        if not goes_on and not self._parts:
            return text
        begun = self._parts.pop(output, b"")
        text = begun + text if len(begun) < MAX_PART else begun
        if goes_on:
            self._parts[output] = text
            return None
        return text


class Streams(dict[str | None, Stream]):
    """The streams of one log by name; that which was silent longest is closed and forgotten."""

    def __missing__(self, name: str | None) -> Stream:
        if len(self) > MAX_STREAMS:
            self.pop(next(each for each in self if each is not None)).close()
        self[name] = Stream(name)
        return self[name]

    def adopt(self, earlier: "Streams") -> None:
        """Go on with what is known of the streams at the end of the lines before."""
        for name, stream in earlier.items():
            self[name].inside, self[name].has_heads = stream.inside, stream.has_heads

    def close(self) -> None:
        """Close all."""
        for stream in self.values():
            stream.close()
