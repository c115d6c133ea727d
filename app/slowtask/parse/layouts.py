"""PARSE: unwrap lines fast that are wrapped like others before them.

Most lines of a log are wrapped alike: only the time differs, and among a few containers the name. What stands
around the time is looked up instead of being matched against all wrappers again.
"""

from typing import Final, NamedTuple

from slowtask.parse.envelope import Envelope
from slowtask.parse.wrappers import Unwrapped

MAX_LAYOUTS: Final = 4  #: of one log; a line like none of the latest is matched as usual
MAX_ENVELOPES: Final = 1000  #: of one layout
DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")


class _Layout(NamedTuple):
    """Where the time stands in the wrapping of a line, and where the wrapping ends."""

    begin: int
    end: int
    length: int
    shape: bytes  #: the time with all digits as 0
    envelopes: dict[bytes, Envelope]  #: by what stands around the time


class Layouts:
    """The wrappings of one log's latest lines."""

    def __init__(self) -> None:
        self.known: Final[list[_Layout]] = []  #: the latest first; empty in most logs

    def unwrap(self, line: bytes) -> tuple[Envelope, bytes] | None:
        """What is known of *line*, and the line within; None if no other was wrapped so.

        The envelope is used again for the next line.
        """
        for begin, end, length, shape, envelopes in self.known:
            if begin == end:
                envelope = envelopes.get(line[:length])
            elif line[begin:end].translate(DIGITS) == shape:
                envelope = envelopes.get(line[:begin] + line[end:length])
            else:
                continue
            if envelope is not None:
                if begin != end:
                    envelope.time = line[begin:end]
                return envelope, line[length:]
        return None

    def learn(self, line: bytes, unwrapped: Unwrapped) -> None:
        """Remember how *line* was wrapped, unless it came in parts or in several clocks."""
        envelope, _, length, times = unwrapped
        if envelope.part or len(times) > 1:
            return
        begin, end = times[0] if times else (0, 0)
        shape = line[begin:end].translate(DIGITS)
        layout = self._find(begin, end, length, shape)
        if len(layout.envelopes) < MAX_ENVELOPES:
            layout.envelopes[line[:begin] + line[end:length]] = envelope

    def _find(self, begin: int, end: int, length: int, shape: bytes) -> _Layout:
        """The layout of these places, the oldest of which is forgotten if there are too many."""
        for layout in self.known:
            if layout[:4] == (begin, end, length, shape):
                return layout
        layout = _Layout(begin, end, length, shape, {})
        self.known.insert(0, layout)
        del self.known[MAX_LAYOUTS:]
        return layout
