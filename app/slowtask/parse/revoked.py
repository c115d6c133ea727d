"""Celery's tasks that are taken back: what they were called, and whether their end is told already.

The line that terminates a task gives its id alone; its name stands where it was received. A task that was
terminated before it began is discarded later, by a line of its own.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from slowtask.parse.grok import ours_with

LIMIT: Final = 10_000  #: lines of tasks received that are kept, and ids of tasks that were revoked
SEPARATOR: Final = b", "
RECEIVED = ours_with(
    "CELERY_RECEIVED", "[@metadata][time]", "[worker][name]", "[task][name]", "[task][id]"
).match
UNABLE: Final = b"pidbox command error: NotImplementedError("


class Revoked:
    """Follows one log, or a piece of it; *before* gives what stands before the piece."""

    def __init__(self, before: Callable[[], bytes] | None = None) -> None:
        self._lines: deque[bytes] = deque(maxlen=LIMIT)
        self.received: Final = self._lines.append  #: takes a line that says so: half of all lines do
        self._told: dict[bytes, bool] = {}  #: by id; false: flagged as revoked, and may still run
        self._latest: bytes | None = None  #: whom the last line terminated
        self._before = before

    def flag(self, ids: bytes) -> None:
        """These won't run, unless they do already."""
        for job in ids.split(SEPARATOR):
            self._note(job.strip(), told=False)

    def terminate(self, job: bytes) -> bytes | None:
        """*job* is stopped, which is told now; returns what it was called."""
        self._note(job, told=True)
        self._latest = job
        return self._name(job)

    def undo(self, job: str | None) -> bool:
        """The pool can't stop a task; whether the one terminated last is *job*, which goes on then."""
        undone = self._latest is not None and self._latest.decode("utf-8", "replace") == job
        if undone and self._latest is not None:
            del self._told[self._latest]
            self._latest = None
        return undone

    def discard(self, job: bytes) -> bool | None:
        """Whether the end of *job*, which won't run, is told already; `None` where nobody has revoked it."""
        told = self._told.get(job)
        if told is None and self._before is not None and self._line(job) is None:
            return True if self._terminated_before(job) else None
        return told

    def _note(self, job: bytes, *, told: bool) -> None:
        """Remember *job*, and forget the oldest."""
        self._told[job] = self._told.get(job, False) or told
        if len(self._told) > LIMIT:
            del self._told[next(iter(self._told))]

    def _name(self, job: bytes) -> bytes | None:
        """The name of the task *job*, where it was received not long ago."""
        line = self._line(job) or self._line_before(job)
        found = RECEIVED(line) if line else None
        return found[3] if found else None

    def _line(self, job: bytes) -> bytes | None:
        """The line by which *job* was received, in this piece."""
        end = b"[" + job + b"] received"
        return next((line for line in reversed(self._lines) if line.endswith(end)), None)

    def _line_before(self, job: bytes) -> bytes | None:
        """The same, before this piece; as far back as one reader of the whole log would know it."""
        if self._before is None:
            return None
        text, end = self._before(), b"[" + job + b"] received"
        at = text.rfind(end)
        if at < 0 or len(self._lines) + text.count(b"] received", at) > LIMIT:
            return None
        return text[text.rfind(b"\n", 0, at) + 1 : at + len(end)]

    def _terminated_before(self, job: bytes) -> bool:
        """Whether *job* was terminated before this piece."""
        text = self._before() if self._before else b""
        at = text.rfind(b"] Terminating " + job + b" (")
        following = text[at:].split(b"\n", 2) if at >= 0 else []
        return bool(following) and UNABLE not in b"".join(islice(following, 1, 2))
