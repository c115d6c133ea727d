"""Processes of an incident: workers, publishers, schedulers, each a session of its own."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PAUSE = 0.05
PATIENCE = 60.0


def wait_for(holds, what, seconds=PATIENCE):
    """Return what *holds* returns once it is true. Raises `TimeoutError`."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(PAUSE)
    return value


class Program:
    """One process in a session of its own, with its children: `kill -9` takes either only it or all."""

    def __init__(self, name, command, folder, environment):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def signal(self, number):
        """Send a signal to the main process only."""
        self.process.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def kill(self):
        """Kill it and its children, as a machine that is gone does."""
        self.process.kill()
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def members(self):
        """The processes of its session: RQ's work-horses have a process group of their own."""
        pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
        return [pid for pid in pids if self._has(pid)]

    def children(self):
        return [pid for pid in self.members() if pid != self.process.pid]

    def _has(self, pid):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[3]) == self.process.pid
        return False

    def terminate(self):
        """End it as a deployment does, and wait for it."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def tail(self):
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-2000:]
