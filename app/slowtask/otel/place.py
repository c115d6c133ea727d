"""OTEL: remember how far each log was sent, in a file that outlives this process.

A log is known by its first bytes as well as by its inode: so it is found again after it was renamed, after it
was copied and truncated, and an inode that is used anew isn't mistaken for it.
"""

import fcntl
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from slowtask.errors import SlowtaskError, UsageError

HEAD_LENGTH: Final = 1024  #: bytes by which a log is known
MIN_HEAD_LENGTH: Final = 128  #: bytes; fewer may begin another log, too
MAX_PLACES: Final = 1000  #: that are kept, those of the latest logs


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far one log was sent."""

    path: str  #: where the log was; only for people who read the file
    device: int
    inode: int
    offset: int  #: bytes of it that were sent
    length: int  #: bytes of its head that are known
    head: str  #: their SHA-256

    def has_head(self, start: bytes) -> bool:
        """Whether a log that begins with *start* may be this one."""
        return len(start) >= self.length and digest(start[: self.length]) == self.head

    def is_copied_by(self, start: bytes) -> bool:
        """Whether a log that begins with *start* has so much in common with this one that it is its copy."""
        return self.length >= MIN_HEAD_LENGTH and self.has_head(start)


class State(msgspec.Struct, kw_only=True):
    """What the file holds."""

    version: int = 1
    logs: list[Place] = []


class PlaceFile:
    """The file of places, which one process uses at a time."""

    def __init__(self, path: Path) -> None:
        """Take the file at *path*. Raises `UsageError` if it can't be written, or is in use."""
        self._path = path
        self.is_new = not path.exists()
        self._saved: State | None = None
        self._lock = self._take_lock()

    def load(self) -> list[Place]:
        """Read the places. Raises `SlowtaskError` if the file is damaged."""
        if self.is_new:
            return []
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=State).logs
        except (OSError, msgspec.MsgspecError) as error:
            raise SlowtaskError(
                f"{self._path} can't be read ({error}): correct it, or delete it to send all logs again."
            ) from None

    def save(self, places: Sequence[Place]) -> None:
        """Replace the places, all at once: a crash leaves the old ones. Raises `SlowtaskError`."""
        state = State(logs=list(places[-MAX_PLACES:]))
        if state == self._saved:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            self._saved = state
        except OSError as error:
            raise SlowtaskError(f"{self._path} can't be written ({error.strerror}).") from None

    def close(self) -> None:
        """Let another process use the file."""
        with suppress(OSError):
            os.close(self._lock)

    def _take_lock(self) -> int:
        """Lock a file beside it: the file itself is replaced. Raises `UsageError`."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{self._path} is in use by another slowtask otel: name another --position."
            ) from None
        except OSError as error:
            raise UsageError(f"{lock} can't be written ({error.strerror}): set --position.") from None
        return descriptor


def digest(start: bytes) -> str:
    """The SHA-256 of the first bytes of a log."""
    return sha256(start, usedforsecurity=False).hexdigest()


def find_place(places: Iterable[Place], inode: tuple[int, int], start: bytes) -> Place | None:
    """The place of the log that begins with *start* and has this device and *inode*; else of its original."""
    known = list(places)
    for place in known:
        if (place.device, place.inode) == inode and place.has_head(start):
            return place
    return next((place for place in reversed(known) if place.is_copied_by(start)), None)
