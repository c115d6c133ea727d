"""PARSE: the last line of a traceback, which names the exception that ended an attempt."""

import re
from typing import Final

from slowtask.parse.items import End

TRACEBACK_START: Final = b"Traceback (most recent call last):"
#: `rq.timeouts.JobTimeoutException: Task exceeded …`, or a class alone.
EXCEPTION_LINE: Final = re.compile(rb"([A-Za-z_][\w.]*)(?:: (.*)|:?\s*)$", re.DOTALL)
MAX_MESSAGE_LENGTH: Final = 1000  #: characters
#: Exceptions by which RQ and Celery stop a job at its time limit.
TIMEOUT_ERRORS: Final = ("JobTimeoutException", "SoftTimeLimitExceeded", "TimeLimitExceeded")


class Cause:
    """Follows the lines of a traceback, and keeps the exception that it ends with."""

    def __init__(self) -> None:
        self._error: str | None = None
        self._message: str | None = None
        self._indented = False

    def read(self, line: bytes) -> None:
        """Take the next line. The exception's line is the first after indented ones that isn't indented."""
        indented = line[:1] in (b" ", b"\t")
        if self._indented and not indented and (match := EXCEPTION_LINE.match(line)):
            self._error, self._message = match[1].decode(), shorten(match[2])
        self._indented = indented

    def apply(self, end: End) -> None:
        """Complete *end* with the exception of the traceback, if there was one."""
        if self._error is not None:
            end.error, end.message = self._error, self._message
        if (end.error or "").endswith(TIMEOUT_ERRORS) and end.action == "failed":
            end.action = "timed-out"


def shorten(message: bytes | None) -> str | None:
    """*message* as text of limited length; None if it is empty."""
    if not message or not message.strip():
        return None
    return message[: 4 * MAX_MESSAGE_LENGTH].decode(errors="replace")[:MAX_MESSAGE_LENGTH].strip()
