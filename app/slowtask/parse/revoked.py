"""PARSE: follow the tasks that Celery revokes: find their names, and count each end once.

The line by which a task is terminated gives only its id; the name is in the line by which it was received.
A task that was terminated before it began is discarded later, by a second line.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from slowtask.parse.grok import compile_pattern

#: How many received tasks, and how many revoked ones, are remembered.
MAX_REMEMBERED_TASKS: Final = 10_000
SEPARATOR: Final = b", "
RECEIVED = compile_pattern("CELERY_RECEIVED", "[task][name]", "[task][id]").match
SENTENCE: Final = b"] Task "  #: behind Celery's own head
CANNOT_TERMINATE: Final = b"pidbox command error: NotImplementedError("


class RevokedTasks:
    """The revoked tasks of one log, or of a piece of it; *before* gives what stands before the piece."""

    def __init__(self, before: Callable[[], bytes] | None = None) -> None:
        self._lines: deque[bytes] = deque(maxlen=MAX_REMEMBERED_TASKS)
        #: Takes a "received" line. Half of all lines are such, so no method of ours is called for them.
        self.received: Final = self._lines.append
        self._reported: dict[bytes, bool] = {}  #: by id; False: flagged as revoked, but it may run already
        self._latest: bytes | None = None  #: id of the task that the last line terminated
        self._before = before

    def flag(self, ids: bytes) -> None:
        """Note tasks that won't run, unless they run already."""
        for job in ids.split(SEPARATOR):
            self._remember(job.strip(), reported=False)

    def terminate(self, job: bytes) -> bytes | None:
        """Note that *job* was stopped and is reported; return the name of its task, if it is known."""
        self._remember(job, reported=True)
        self._latest = job
        return self._find_name(job)

    def undo(self, job: str | None) -> bool:
        """Whether *job* was terminated last. If so, forget that: its pool can't terminate tasks."""
        undone = self._latest is not None and self._latest.decode("utf-8", "replace") == job
        if undone and self._latest is not None:
            del self._reported[self._latest]
            self._latest = None
        return undone

    def discard(self, job: bytes) -> bool | None:
        """Whether the end of the discarded *job* is reported already; None if it wasn't revoked."""
        reported = self._reported.get(job)
        if reported is None and self._before is not None and self._find_line(job) is None:
            return True if self._was_terminated_before(job) else None
        return reported

    def _remember(self, job: bytes, *, reported: bool) -> None:
        """Remember *job*, and forget the oldest if there are too many."""
        self._reported[job] = self._reported.get(job, False) or reported
        if len(self._reported) > MAX_REMEMBERED_TASKS:
            del self._reported[next(iter(self._reported))]

    def _find_name(self, job: bytes) -> bytes | None:
        """The name of the task *job*, if it was received not long ago."""
        line = self._find_line(job) or self._find_line_before(job)
        found = RECEIVED(line, line.find(SENTENCE) + 2 if SENTENCE in line else 0) if line else None
        return found[1] if found else None

    def _find_line(self, job: bytes) -> bytes | None:
        """The line by which *job* was received, in this piece."""
        end = b"[" + job + b"] received"
        return next((line for line in reversed(self._lines) if line.endswith(end)), None)

    def _find_line_before(self, job: bytes) -> bytes | None:
        """The same before this piece, as far back as a reader of the whole log would remember."""
        if self._before is None:
            return None
        text, end = self._before(), b"[" + job + b"] received"
        at = text.rfind(end)
        if at < 0 or len(self._lines) + text.count(b"] received", at) > MAX_REMEMBERED_TASKS:
            return None
        return text[text.rfind(b"\n", 0, at) + 1 : at + len(end)]

    def _was_terminated_before(self, job: bytes) -> bool:
        """Whether *job* was terminated before this piece."""
        text = self._before() if self._before else b""
        at = text.rfind(b"] Terminating " + job + b" (")
        following = text[at:].split(b"\n", 2) if at >= 0 else []
        return bool(following) and CANNOT_TERMINATE not in b"".join(islice(following, 1, 2))
