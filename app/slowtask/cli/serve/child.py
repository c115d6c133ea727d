"""What the child processes of `slowtask serve` have in common: pipes to the server, and an end with it."""

import os
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO

from slowtask.cli.serve.wire import receive


class Requests:
    """The messages of the server, one after the other. When the server ends or closes the pipe, so does this.

    The process ends at once, also while it reads logs: nobody waits for its answer any more.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()

    def get(self) -> Any:
        """Wait for the next message."""
        return self._messages.get()

    def _receive(self) -> None:
        """Put each message into the queue, and end the process with the pipe."""
        try:
            while True:
                self._messages.put(receive(self._pipe))
        except Exception:  # noqa: BLE001 - the pipe ended, or within a message
            os._exit(0)


def take_pipes() -> tuple[Requests, BinaryIO]:
    """The pipes from and to the server. What is printed from now on goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal ends the server, which ends this
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return Requests(sys.stdin.buffer), replies
