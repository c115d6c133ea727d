"""PARSE: recode logs in UTF-16, as PowerShell's `>` writes them, to UTF-8.

The log is recoded while it is read, in constant memory. Offsets are those of the UTF-8 text.
"""

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SNIFFED_BYTES: Final = 200  #: of a log's beginning
MIN_SNIFFED_BYTES: Final = 16  #: fewer bytes show no encoding, unless they begin with a byte order mark
BLOCK_SIZE: Final = 1 << 16  #: bytes read at once


def find_utf16(start: bytes) -> str | None:
    """The codec for a log that begins with the bytes *start*; None if it isn't UTF-16.

    Any log has ASCII in its first lines, which UTF-16 shows by NUL bytes. So a byte order mark without any is
    none, and without a mark most of every second byte are NUL, and hardly any of the others.
    """
    start = start[:SNIFFED_BYTES]
    if start.startswith(BOMS):
        return "utf-16" if b"\0" in start or start in BOMS else None
    if len(start) < MIN_SNIFFED_BYTES:
        return None
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) <= len(start) // 4 or max(even, odd) < 8 * min(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def recode(stream: BinaryIO, codec: str) -> BinaryIO:
    """*stream*, whose text is in UTF-16, as a stream of UTF-8 with the same `fileno()`."""
    return cast("BinaryIO", io.BufferedReader(Recoder(stream, codec), BLOCK_SIZE))


class Recoder(io.RawIOBase):
    """Reads text in UTF-16 from a stream as UTF-8, without a byte order mark."""

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        super().__init__()
        self._stream = stream
        self._read = getattr(
            stream, "read1", stream.read
        )  # what a pipe has written, without waiting for more
        self._decode = codecs.getincrementaldecoder(codec)("replace").decode
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The descriptor of the file."""
        return self._stream.fileno()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill *buffer* with the next bytes; return how many, 0 at the end."""
        while not self._rest and not self._ended:
            block = self._read(BLOCK_SIZE)
            self._ended = not block
            self._rest = self._decode(block, self._ended).encode()
        target = memoryview(buffer).cast("B")
        part = self._rest[: len(target)]
        target[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)

    def close(self) -> None:
        """Close the file too."""
        self._stream.close()
        super().close()
