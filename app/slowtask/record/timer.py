"""RUN: measures one run of a task: wall time by a monotonic clock, CPU, peak memory."""

import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage, struct_rusage
from typing import Final

import msgspec

from slowtask.record.event import SECOND

#: Whose CPU a run took. A thread's is known on Linux only, a greenlet's nowhere.
PROCESS: Final = RUSAGE_SELF
THREAD: Final[int | None] = getattr(resource, "RUSAGE_THREAD", None)
GREENLET: Final = None

MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024  #: bytes; getrusage(2)


class Taken(msgspec.Struct, frozen=True):
    """What one run took."""

    start: datetime  #: aware, UTC
    end: datetime  #: aware, UTC; never before the start, even if the wall clock was stepped back
    duration: int  #: ns
    cpu: int | None  #: ns, user + system, of the process and of the children it waited for, or of the thread
    memory: int  #: bytes, the process's peak so far


class Timer:
    """Runs from its making; the CPU is that of *whose*: `PROCESS`, `THREAD` or `GREENLET`."""

    __slots__ = ("_children", "_self", "_whose", "clock", "start")

    def __init__(self, whose: int | None = PROCESS) -> None:
        self._whose = whose
        self._children = getrusage(RUSAGE_CHILDREN)
        self._self = getrusage(PROCESS if whose is None else whose)
        self.start = datetime.now(UTC)
        self.clock = time.monotonic_ns()

    def stop(self) -> Taken:
        """What was taken since the start; may be called again."""
        duration = time.monotonic_ns() - self.clock
        usage = getrusage(PROCESS if self._whose is None else self._whose)
        cpu = None if self._whose is None else cpu_of(usage, self._self)
        if cpu is not None and self._whose == PROCESS:
            children = getrusage(RUSAGE_CHILDREN)
            if children.ru_utime or children.ru_stime:
                cpu += cpu_of(children, self._children)
        end = self.start + timedelta(microseconds=duration // 1000)
        return Taken(self.start, end, duration, cpu, memory_of(usage))


def cpu_of(usage: struct_rusage, since: struct_rusage | None = None) -> int:
    """ns of CPU, user + system, from *since* or the beginning to *usage*."""
    if since is None:
        return round((usage.ru_utime + usage.ru_stime) * SECOND)
    return round((usage.ru_utime - since.ru_utime + usage.ru_stime - since.ru_stime) * SECOND)


def memory_of(usage: struct_rusage) -> int:
    """Bytes of peak resident memory."""
    return usage.ru_maxrss * MAXRSS_UNIT
