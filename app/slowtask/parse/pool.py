"""PARSE: follow the processes of a Celery pool, to name the task of one that was killed.

Celery logs that a process ended, not what it ran. The last task of which that process spoke, and whose end it
didn't log, is the one; so is the task that the parent says it gave to a process of that number.
"""

from typing import Final, NamedTuple

MAX_REMEMBERED: Final = 10_000  #: processes
MAX_DELAY: Final = 30_000_000  #: µs from a time limit to the line that its process has ended


class Task(NamedTuple):
    """A task by its name and id."""

    name: bytes
    id: bytes


class Pool:
    """What is known of the processes of one log."""

    def __init__(self) -> None:
        self.ended: Final[dict[bytes, bytes]] = {}  #: the id of the latest task that ended, by process
        self._said: dict[bytes, Task] = {}  #: the latest task that a process spoke of
        self._expected: list[int] = []  #: when tasks were stopped whose processes end in consequence
        self._reported = 0  #: lost processes whose task has been named

    def remember(self, process: bytes, task: Task) -> None:
        """Note that *process*, by its name or number, runs *task*."""
        self._said[process] = task
        if len(self._said) > MAX_REMEMBERED:
            del self._said[next(iter(self._said))]

    def expect_exit(self, timestamp: int) -> None:
        """Note that a process is killed for a reason that has been told."""
        self._expected.append(timestamp)

    def is_expected(self, timestamp: int) -> bool:
        """Whether the end of a process tells nothing new; true once for each that is expected."""
        self._expected = [each for each in self._expected if timestamp - each <= MAX_DELAY]
        return bool(self._expected) and self._expected.pop(0) is not None

    def name_task(self, process: bytes, number: bytes) -> Task | None:
        """What the *process* of this *number* ran when it ended, if the log tells."""
        task = self._said.pop(process, None) or self._said.pop(number, None)
        if task is None or task.id in self.ended.values():
            return None
        self._reported += 1
        return task

    def is_reported(self) -> bool:
        """Whether the task of the next lost process has been named; true once for each."""
        if not self._reported:
            return False
        self._reported -= 1
        return True
