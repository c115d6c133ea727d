"""WATCH: how much memory a Redis needs for its clients' buffers.

A client that sends something takes some 40 KB, and gives most of it back within seconds. Redis first refuses
jobs while several clients are active at once, and most polls come between two such moments.
"""

from collections import deque

from slowtask.watch.broker import Memory


class BufferNeeds:
    """The most that clients' buffers took in the last *polls*, and may take again at any time."""

    def __init__(self, polls: int) -> None:
        self._taken: deque[int] = deque(maxlen=polls)
        self._before: Memory | None = None

    def add(self, memory: Memory) -> int:
        """Add the *memory* of a poll. Returns the most bytes that buffers took."""
        self._taken.append(highest_use(memory, self._before) - memory.kept)
        self._before = memory
        return max(self._taken)


def highest_use(memory: Memory, before: Memory | None) -> int:
    """The most bytes in use since the poll *before*: a peak that has risen was reached since then."""
    if before is None or before.peak is None or memory.peak is None or memory.peak <= before.peak:
        return memory.used
    return max(memory.used, memory.peak)
