"""Know the peak memory of pool processes that died, which the system tells only the one that reaps them.

This runs in the worker's main process, so a task pays nothing for it.
"""

import os
import re
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final

from billiard.popen_fork import Popen

from slowtask.record import guarded
from slowtask.record.timer import peak_memory

MAX_PEAKS: Final = 256  #: the last processes that died

_peaks: dict[int, int] = {}  #: bytes, by process id


def note_peaks() -> None:
    """Have billiard note the peak of each process that it reaps; a second call changes nothing."""
    poll = Popen.poll
    if hasattr(poll, "__wrapped__"):
        return

    @wraps(poll)
    def poll_and_note(self: Any, flag: int = os.WNOHANG) -> int | None:
        known = False
        with guarded:
            known = reap(self, flag)
        # Not both: of a process that died between the two calls the peak would be lost.
        code: int | None = self.returncode if known else poll(self, flag)
        return code

    Popen.poll = poll_and_note


def reap(process: Any, flag: int) -> bool:
    """Reap *process* if it has died, as `Popen.poll` would, and note its peak.

    Returns whether it is known to live or to have died; else `poll` knows what to do.
    """
    if process.returncode is not None:
        return True
    try:
        pid, status, usage = os.wait4(process.pid, flag)
    except ChildProcessError:
        return False
    if pid == process.pid:
        process.returncode = os.waitstatus_to_exitcode(status)
        _peaks[pid] = peak_memory(usage)
        while len(_peaks) > MAX_PEAKS:
            del _peaks[next(iter(_peaks))]
    return True


def peak_of(pid: int) -> int | None:
    """Return the peak in bytes of the pool process *pid*, over all tasks that it ran; None if unknown.

    It has died, or will be killed in a moment.
    """
    return _peaks.pop(pid, None) or read_peak(pid)


def read_peak(pid: int) -> int | None:
    """Return the peak in bytes of a process that lives; None where the system has no `/proc`."""
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    return None
