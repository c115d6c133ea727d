"""A lock that survives a fork."""

import os
import threading
from types import TracebackType


class Lock:
    """Lets one thread at a time into its block. A forked child finds it open.

    Threads of the parent don't run in a child, so a plain lock that one of them held would stay locked there,
    and hold up the child's task for ever.
    """

    def __init__(self) -> None:
        self._open()
        os.register_at_fork(after_in_child=self._open)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def _open(self) -> None:
        self._lock = threading.RLock()
