"""Append whole lines to a file that many processes write and that is rotated by renaming it."""

import contextlib
import errno
import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISFIFO
from typing import Final

from slowtask.record.line import MAX_LINE_BYTES

#: A FIFO without a reader must fail rather than hold up a task. A regular file ignores O_NONBLOCK.
OPEN_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
PIPE_BUF: Final = 4096  #: bytes that Linux writes to a pipe in one piece
CHECK_INTERVAL: Final = 0.1  #: seconds between two checks whether the file was renamed
BACKUP_SUFFIX: Final = "%Y%m%dT%H%M%S.%fZ"  #: of a rotated file: its name never changes again


class TornLineError(OSError):
    """Only a part of a line was written: the disk is full."""


class Stream:
    """Appends lines to a descriptor that stays open, such as stdout in a container."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.limit = PIPE_BUF if S_ISFIFO(os.fstat(descriptor).st_mode) else MAX_LINE_BYTES

    def append(self, line: bytes) -> None:
        """Append *line* with one write. Raises `OSError`."""
        write_line(self._descriptor, line)

    def close(self) -> None:
        """Do nothing: the descriptor belongs to someone else."""


class File:
    """Appends lines to the file at *path*, and opens it again after it was renamed.

    Every *check_interval* seconds it checks whether the file was renamed. Until then, lines go to the
    end of the renamed file. A file that would grow beyond *max_bytes* (0: never) is renamed to
    `path.20261123T184758.145554Z` by whichever process notices first, and the newest *backups* of these
    are kept.
    """

    limit = MAX_LINE_BYTES

    def __init__(
        self, path: str, max_bytes: int = 0, backups: int = 5, *, check_interval: float = CHECK_INTERVAL
    ) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 - a task may change its working folder
        self._max_bytes = max_bytes
        self._backups = backups
        self._check_interval = check_interval
        self._next_check = 0.0  #: `time.monotonic()`
        self._size = 0  #: bytes: the size at the last check, plus what this process has written since
        self._descriptor = -1
        self._identity = (-1, -1)  #: device and inode of the open file
        self._torn = False  #: whether the file ends with a part of a line

    def append(self, line: bytes) -> None:
        """Append *line* with one write. Raises `OSError`; a later call tries again."""
        self._size += len(line)
        if time.monotonic() >= self._next_check or 0 < self._max_bytes < self._size:
            self._check(len(line))
        try:
            write_line(self._descriptor, b"\n" + line if self._torn else line)
        except TornLineError:
            self._torn = True  # the next line begins on a line of its own
            raise
        self._torn = False

    def close(self) -> None:
        """Close the file. The next `append` opens it again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor, self._next_check = self._descriptor, -1, 0.0
            os.close(descriptor)

    def _check(self, added: int) -> None:
        """Open or rotate the file where it was renamed, or would grow too big by *added* bytes."""
        self._next_check = time.monotonic() + self._check_interval
        try:
            status = os.stat(self.path)  # noqa: PTH116 - twice as fast as Path.stat
        except FileNotFoundError:
            self._open()
            return
        self._size = status.st_size + added
        if self._max_bytes and status.st_size and self._size > self._max_bytes:
            self._rotate(added)
            self._open()
        elif self._descriptor < 0 or identity(status) != self._identity:
            self._open()

    def _open(self) -> None:
        """Open the file; create it and its folder where they are missing."""
        self.close()
        try:
            self._descriptor = os.open(self.path, OPEN_FLAGS, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)  # noqa: PTH103, PTH120
            self._descriptor = os.open(self.path, OPEN_FLAGS, 0o666)
        status = os.fstat(self._descriptor)
        self._identity = identity(status)
        self._size = status.st_size
        self._torn = False

    def _rotate(self, added: int) -> None:
        """Rename the file, unless another process is doing so or has just done so."""
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked, named = os.fstat(descriptor), os.stat(self.path)  # noqa: PTH116
                if identity(locked) == identity(named) and locked.st_size + added > self._max_bytes:
                    os.rename(self.path, f"{self.path}.{datetime.now(UTC).strftime(BACKUP_SUFFIX)}")  # noqa: PTH104
                    self._delete_old_backups()
            finally:
                os.close(descriptor)

    def _delete_old_backups(self) -> None:
        """Delete all rotated files but the newest."""
        path = Path(self.path)
        rotated = sorted(file for file in path.parent.iterdir() if is_backup(file.name, path.name))
        for old in rotated[: max(0, len(rotated) - self._backups)]:
            old.unlink(missing_ok=True)


def identity(status: os.stat_result) -> tuple[int, int]:
    """Return the device and inode, which tell one file from another."""
    return status.st_dev, status.st_ino


def is_backup(name: str, log: str) -> bool:
    """Tell whether *name* is a file that our own rotation made of *log*."""
    try:
        datetime.strptime(name.removeprefix(log + "."), BACKUP_SUFFIX).replace(tzinfo=UTC)
    except ValueError:
        return False
    return name.startswith(log + ".")


def write_line(descriptor: int, line: bytes) -> None:
    """Write *line* with one write.

    Raises `OSError`, and of that `TornLineError` if the system wrote only a part of the line.
    """
    if (written := os.write(descriptor, line)) < len(line):
        raise TornLineError(errno.ENOSPC, f"only {written} of {len(line)} bytes were written")
