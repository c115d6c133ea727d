"""A program that tests start, stop and start again, with a log of its own."""

import signal
import subprocess
import time
from pathlib import Path

PATIENCE = 60.0  # seconds until it is ready, or has ended


class Program:
    """One process with its files in *folder*, and its output in the file *log_name* there."""

    error = RuntimeError  # what is raised where it doesn't start

    def __init__(self, folder, log_name):
        self.folder = folder
        self._log_path = folder / log_name
        self._process = None

    @property
    def log(self):
        """What it has logged so far."""
        return self._log_path.read_text(errors="replace")

    def run(self, command, is_ready, **options):
        """Start *command*; return when *is_ready* says so, and raise the class's error if it never does."""
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **options)
        end = time.monotonic() + PATIENCE
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise self.error(f"{command[0]} didn't start: {self.log[-2000:]}")
            time.sleep(0.05)

    def stop(self, by=signal.SIGTERM):
        """End it by a signal, and wait for its end."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(by)
            self._process.wait(PATIENCE)
        self._process = None


def list_children(pid, module=""):
    """The numbers of the processes that *pid* started and that run *module*."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            command = (place / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if parent == pid and module in command:
            found.append(int(place.name))
    return found
