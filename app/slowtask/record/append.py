"""LINE: whole lines to the end of a file that many processes share and that is rotated by rename."""

import contextlib
import errno
import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISFIFO
from typing import Final

from slowtask.record.line import LIMIT

#: A FIFO without a reader must fail rather than hold up a task; a regular file doesn't care.
FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
PIPE_BUF: Final = 4096  #: bytes that Linux writes to a pipe in one piece
LOOK_EVERY: Final = 0.1  #: seconds between two looks whether the file was renamed
STAMP: Final = "%Y%m%dT%H%M%S.%fZ"  #: of a rotated file: its name never changes again


class TornLineError(OSError):
    """Only a part of a line was written: the disk is full."""


class Stream:
    """Whole lines to a descriptor that stays open: stdout, in a container."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.limit = PIPE_BUF if S_ISFIFO(os.fstat(descriptor).st_mode) else LIMIT

    def append(self, line: bytes) -> None:
        """Write *line* by one write. Raises `OSError`."""
        write(self._descriptor, line)

    def close(self) -> None:
        """Leave the descriptor to its owner."""


class File:
    """Whole lines to the file at *path*, by one `write` each; opened again when the file was renamed.

    That is looked for ten times a second: until then lines go to the end of the renamed file. Past
    *max_bytes* (0: never) the file is renamed to `path.20261123T184758.145554Z` by whichever process gets
    there first, and the newest *backups* of those are kept.
    """

    limit = LIMIT

    def __init__(self, path: str, max_bytes: int = 0, backups: int = 5, *, every: float = LOOK_EVERY) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 - a task may change its working folder
        self._max_bytes = max_bytes
        self._backups = backups
        self._every = every
        self._next_look = 0.0  #: `time.monotonic()`
        self._size = 0  #: bytes, at the last look and what was written since
        self._descriptor = -1
        self._identity = (-1, -1)
        self._torn = False

    def append(self, line: bytes) -> None:
        """Write *line* by one write. Raises `OSError`, of which a later call recovers."""
        self._size += len(line)
        if time.monotonic() >= self._next_look or 0 < self._max_bytes < self._size:
            self._follow(len(line))
        try:
            write(self._descriptor, b"\n" + line if self._torn else line)
        except TornLineError:
            self._torn = True  # the next line begins on a line of its own
            raise
        self._torn = False

    def close(self) -> None:
        """Close the file; the next `append` opens it again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor, self._next_look = self._descriptor, -1, 0.0
            os.close(descriptor)

    def _follow(self, more: int) -> None:
        """Have the file that *path* names now open, and below its limit with *more* bytes added."""
        self._next_look = time.monotonic() + self._every
        try:
            found = os.stat(self.path)  # noqa: PTH116 - twice as fast as Path.stat
        except FileNotFoundError:
            self._open()
            return
        self._size = found.st_size + more
        if self._max_bytes and found.st_size and found.st_size + more > self._max_bytes:
            self._rotate(more)
            self._open()
        elif self._descriptor < 0 or (found.st_dev, found.st_ino) != self._identity:
            self._open()

    def _open(self) -> None:
        """Open *path*, making it and its folder where they aren't there."""
        self.close()
        try:
            self._descriptor = os.open(self.path, FLAGS, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)  # noqa: PTH103, PTH120
            self._descriptor = os.open(self.path, FLAGS, 0o666)
        opened = os.fstat(self._descriptor)
        self._identity = (opened.st_dev, opened.st_ino)
        self._size = opened.st_size
        self._torn = False

    def _rotate(self, more: int) -> None:
        """Rename the file, unless another process is at it or just was."""
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            lock = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held, named = os.fstat(lock), os.stat(self.path)  # noqa: PTH116
                if (held.st_dev, held.st_ino) == (
                    named.st_dev,
                    named.st_ino,
                ) and held.st_size + more > self._max_bytes:
                    os.rename(self.path, f"{self.path}.{datetime.now(UTC).strftime(STAMP)}")  # noqa: PTH104
                    self._prune()
            finally:
                os.close(lock)

    def _prune(self) -> None:
        """Delete the oldest rotated files beyond those to keep."""
        path = Path(self.path)
        rotated = sorted(each for each in path.parent.iterdir() if is_rotated(each.name, path.name))
        for old in rotated[: max(0, len(rotated) - self._backups)]:
            old.unlink(missing_ok=True)


def is_rotated(name: str, log: str) -> bool:
    """Whether *name* is what our own rotation makes of *log*."""
    try:
        datetime.strptime(name.removeprefix(log + "."), STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return name.startswith(log + ".")


def write(descriptor: int, line: bytes) -> None:
    """Write *line* by one write. Raises `OSError`: `TornLineError` where the system took only a part."""
    if (done := os.write(descriptor, line)) < len(line):
        raise TornLineError(errno.ENOSPC, f"only {done} of {len(line)} bytes were written")
