"""What takes batches of events from a program, and keeps them: that of `lumber` or of `Consumer.java`."""

import json
import subprocess
import threading


class Taker:
    """Runs *command*, which writes each batch as JSON and waits for a line; a context manager.

    `events` has all that came so far.
    """

    def __init__(self, command):
        self._command, self.events = list(map(str, command)), []
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._take, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    @property
    def messages(self):
        """The lines that came, in their order."""
        return [event["message"] for event in self.events]

    def _take(self):
        for batch in self._process.stdout:
            self.events += json.loads(batch)
            try:
                self._process.stdin.write(b"taken\n")
                self._process.stdin.flush()
            except OSError:
                return
