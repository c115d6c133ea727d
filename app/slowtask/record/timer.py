"""Measure one run of a task: run time by a monotonic clock, CPU time, peak memory."""

import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage, struct_rusage
from typing import Final

import msgspec

from slowtask.record.event import SECOND

#: What a run's CPU time is measured of. That of a thread is known on Linux only, that of a greenlet nowhere.
PROCESS: Final = RUSAGE_SELF
THREAD: Final[int | None] = getattr(resource, "RUSAGE_THREAD", None)
GREENLET: Final = None

MAXRSS_BYTES: Final = 1 if sys.platform == "darwin" else 1024  #: the unit of `ru_maxrss`, see getrusage(2)


class Taken(msgspec.Struct, frozen=True):
    """The time and the resources that one run took, as `Timer.stop` returns them."""

    start: datetime  #: aware, UTC
    end: datetime  #: aware, UTC; never before the start, even if the wall clock was set back
    duration: int  #: ns
    #: ns, user + system: of the process and the children it waited for, or of the thread; None: unknown
    cpu: int | None
    memory: int  #: bytes, the peak of the process so far


class Timer:
    """Measures from the moment it is made.

    Args:
        cpu_scope: What to measure the CPU time of. `PROCESS`, the default, where a process runs one job at
            a time; `THREAD` where a thread does; `GREENLET` where the CPU time can't be told apart, which
            leaves it unknown.

    Example:
        ```python
        timer = Timer()
        task()
        taken = timer.stop()
        print(taken.duration / 1e9, "s")
        ```
    """

    __slots__ = ("_children", "_cpu_scope", "_self", "clock", "start")

    def __init__(self, cpu_scope: int | None = PROCESS) -> None:
        self._cpu_scope = cpu_scope
        if cpu_scope == PROCESS:
            self._children = getrusage(RUSAGE_CHILDREN)
        if cpu_scope is not None:
            self._self = getrusage(cpu_scope)
        self.start = datetime.now(UTC)
        self.clock = time.monotonic_ns()

    def stop(self) -> Taken:
        """Return what the run took so far. It may be called again.

        Returns:
            Start and end (aware, UTC), duration and CPU time in nanoseconds, peak memory in bytes.
        """
        duration = time.monotonic_ns() - self.clock
        end = self.start + timedelta(0, 0, duration // 1000)
        usage = getrusage(self._cpu_scope or PROCESS)
        cpu = None
        if self._cpu_scope is not None:
            cpu = cpu_time(usage, self._self)
            if self._cpu_scope == PROCESS:
                children = getrusage(RUSAGE_CHILDREN)
                if children.ru_utime or children.ru_stime:
                    cpu += cpu_time(children, self._children)
        return Taken(self.start, end, duration, cpu, usage.ru_maxrss * MAXRSS_BYTES)


def cpu_time(usage: struct_rusage, since: struct_rusage | None = None) -> int:
    """Return the CPU time, user + system, in ns: all of *usage*, or what was added after *since*."""
    if since is None:
        return round((usage.ru_utime + usage.ru_stime) * SECOND)
    return round((usage.ru_utime - since.ru_utime + usage.ru_stime - since.ru_stime) * SECOND)


def peak_memory(usage: struct_rusage) -> int:
    """Return the peak resident memory in bytes."""
    return usage.ru_maxrss * MAXRSS_BYTES
