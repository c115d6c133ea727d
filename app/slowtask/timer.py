"""RUN: measures one run of a task: wall time by a monotonic clock, CPU, peak memory."""

import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from slowtask.event import SECOND

MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024  #: bytes; getrusage(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took."""

    start: datetime  #: aware, UTC
    duration: int  #: ns
    cpu: int | None  #: ns, user + system, of the process and of the children it waited for
    memory: int | None  #: bytes, the process's peak so far

    @property
    def end(self) -> datetime:
        """When it ended, aware, UTC: never before the start, even if the wall clock was stepped back."""
        return self.start + timedelta(microseconds=self.duration // 1000)


class Timer:
    """Runs from its making."""

    __slots__ = ("_children", "_cpu", "clock", "start")

    def __init__(self) -> None:
        self.start = datetime.now(UTC)
        self._children = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._cpu = time.process_time_ns()
        self.clock = time.monotonic_ns()

    def stop(self) -> Taken:
        """What was taken since the start; may be called again."""
        duration = time.monotonic_ns() - self.clock
        cpu = time.process_time_ns() - self._cpu
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
        if children != self._children:
            cpu += cpu_of(children) - cpu_of(self._children)
        return Taken(start=self.start, duration=duration, cpu=cpu, memory=memory)


def cpu_of(usage: resource.struct_rusage) -> int:
    """ns of CPU, user + system."""
    return round((usage.ru_utime + usage.ru_stime) * SECOND)


def memory_of(usage: resource.struct_rusage) -> int:
    """Bytes of peak resident memory."""
    return usage.ru_maxrss * MAXRSS_UNIT
