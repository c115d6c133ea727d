"""The worker that this process is, or was forked from."""

import os
from dataclasses import dataclass
from typing import Any, Final

from celery.concurrency import get_implementation

from slowtask.record import log
from slowtask.record.board import Board
from slowtask.record.timer import GREENLET, PROCESS, THREAD

SLOTS: Final = 4096  #: of the board, one for each pool process, by its process id


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What matters of a worker to the attempts that it runs."""

    pid: int  #: of its main process
    whose: int | None  #: of whom a run's CPU is measured
    board: Board | None  #: shared with the processes of a prefork pool; None for the other pools

    @property
    def is_parent(self) -> bool:
        """Whether tasks run in processes other than this one."""
        return self.board is not None and os.getpid() == self.pid

    @property
    def is_child(self) -> bool:
        """Whether this is such a process, and its parent lives to tell of its end."""
        return self.board is not None and os.getppid() == self.pid


#: No worker at all: a task that runs at once where it is called.
NONE: Final = Worker(pid=0, whose=THREAD, board=None)

_worker = NONE


def here() -> Worker:
    """The worker of this process."""
    return _worker


def begin(controller: Any) -> None:
    """Become the worker that *controller* runs; nothing is forked yet."""
    global _worker  # noqa: PLW0603 - one process, one worker
    pool = get_implementation(controller.pool_cls)
    _worker = Worker(pid=os.getpid(), whose=measured(pool), board=Board(slots=SLOTS) if forks(pool) else None)
    log.ready()  # while the working folder is still ours


def forks(pool: Any) -> bool:
    """Whether *pool* runs tasks in processes of their own: whatever is made on Celery's prefork pool."""
    return any(each.__module__ == "celery.concurrency.prefork" for each in pool.__mro__)


def measured(pool: Any) -> int | None:
    """Of whom the CPU of a run in *pool* is known: greenlets share a thread."""
    if getattr(pool, "is_green", False):
        return GREENLET
    return THREAD if "thread" in pool.__module__ else PROCESS
