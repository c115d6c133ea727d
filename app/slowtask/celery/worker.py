"""Know which worker this process is, or was forked from."""

import os
from typing import Any, Final

import msgspec
from celery.concurrency import get_implementation

from slowtask.celery.memory import note_peaks
from slowtask.record import log
from slowtask.record.board import Board
from slowtask.record.timer import GREENLET, PROCESS, THREAD

BOARD_SLOTS: Final = 4096  #: one for each pool process, by its process id


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """What the attempts that a worker runs need to know of it."""

    pid: int  #: of its main process
    cpu_scope: int | None  #: what a run's CPU time is measured of: `PROCESS`, `THREAD` or `GREENLET`
    board: Board | None  #: shared with the processes of a prefork pool; None for the other pools

    @property
    def is_parent(self) -> bool:
        """Whether this is the main process of a pool of processes."""
        return self.board is not None and os.getpid() == self.pid

    @property
    def is_child(self) -> bool:
        """Whether this is a pool process whose main process lives, and so can record its end."""
        return self.board is not None and os.getppid() == self.pid


#: No worker: a task runs where it is called.
NO_WORKER: Final = Worker(pid=0, cpu_scope=THREAD, board=None)

_worker = NO_WORKER


def current_worker() -> Worker:
    """Return the worker of this process."""
    return _worker


def begin(controller: Any) -> None:
    """Become the worker that *controller* runs; nothing is forked yet."""
    global _worker  # noqa: PLW0603 - one process, one worker
    pool = get_implementation(controller.pool_cls)
    board = Board(slots=BOARD_SLOTS) if forks(pool) else None
    if board:
        note_peaks()
    _worker = Worker(pid=os.getpid(), cpu_scope=cpu_scope(pool), board=board)
    log.prepare_logger()  # before a task may change the working folder: the path may be relative


def forks(pool: Any) -> bool:
    """Tell whether *pool* runs tasks in processes of their own: it is, or extends, Celery's prefork pool."""
    return any(kind.__module__ == "celery.concurrency.prefork" for kind in pool.__mro__)


def cpu_scope(pool: Any) -> int | None:
    """Return what the CPU time of a run in *pool* can be measured of: greenlets share a thread."""
    if getattr(pool, "is_green", False):
        return GREENLET
    return THREAD if "thread" in pool.__module__ else PROCESS
