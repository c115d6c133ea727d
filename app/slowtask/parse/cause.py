"""The last line of a traceback: what was raised."""

import re
from typing import Final

TRACEBACK: Final = b"Traceback (most recent call last):"
#: `rq.timeouts.JobTimeoutException: Task exceeded …`, or a class alone.
RAISED: Final = re.compile(rb"([A-Za-z_][\w.]*)(?:: (.*)|:?\s*)$", re.DOTALL)
LONGEST_MESSAGE: Final = 1000  #: characters


class Cause:
    """Follows the lines of a traceback; keeps what the last one of a chain names, and no more."""

    def __init__(self) -> None:
        self.error: str | None = None
        self.message: str | None = None
        self._indented = False

    def read(self, line: bytes) -> None:
        """Take the next line. An exception's line is the first that isn't indented after some that are."""
        indented = line[:1] in (b" ", b"\t")
        if self._indented and not indented and (found := RAISED.match(line)):
            self.error, self.message = found[1].decode(), text(found[2])
        self._indented = indented


def text(message: bytes | None) -> str | None:
    """*message* cut to a length; nothing if it is empty."""
    if not message or not message.strip():
        return None
    return message[: 4 * LONGEST_MESSAGE].decode(errors="replace")[:LONGEST_MESSAGE].strip()
