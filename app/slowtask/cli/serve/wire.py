"""Messages between the server and its own child processes, over pipes that nobody else can write to."""

import pickle
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final

HEAD: Final = struct.Struct(">I")  #: the length of a message
MAX_LENGTH: Final = 64_000_000  #: bytes of a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much of a job is done."""

    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The figures of a page."""

    figures: bytes  #: pickled
    read_at: datetime  #: when reading began
    took: float  #: seconds
    complete: bool = True  #: False: the charts are still being drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Why there are no figures."""

    status: int  #: of HTTP
    message: str  #: what is wrong, and what to do


def pack(message: object) -> bytes:
    """*message* as bytes, with its length before it."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEAD.pack(len(body)) + body


def unpack(body: bytes) -> Any:
    """The message in *body*, which one of our own processes wrote."""
    return pickle.loads(body)  # noqa: S301 - from our own child or parent, over a pipe


def send(file: BinaryIO, message: object) -> None:
    """Write *message* to a pipe."""
    file.write(pack(message))
    file.flush()


def receive(file: BinaryIO) -> Any:
    """Read one message from a pipe. Raises `EOFError` at its end."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        raise EOFError
    return unpack(file.read(HEAD.unpack(head)[0]))
