"""Add up the counts of bins quickly, and pack them into a short string.

Counts are one large number, in which each bin has 64 bits, from that of 0 ns on: to merge two of them is one
addition. A document has the first bin that holds anything, how wide the counts are, and the counts from there
to the last bin, compressed by zlib, in base64.
"""

import sys
import zlib
from array import array
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Final

from slowtask.store.comparison import ZERO

Counts = int  #: how many values are in each bin of `slowtask.store.comparison`
Packed = tuple[int, int, str]  #: the first bin, bytes of a count, the counts

LANE: Final = 8  #: bytes for the count of a bin
LAST: Final = 32_767  #: no run time in ns has a later bin
WIDTHS: Final = (1, 2, 4, 8)  #: bytes of a count
MAX_SIZE: Final = (LAST - ZERO + 1) * LANE


def count_bins(bins: Mapping[int, int]) -> Counts:
    """The *bins* as one number."""
    lanes = array("Q", bytes(LANE * (max(bins, default=ZERO) - ZERO + 1)))
    for place, count in bins.items():
        lanes[place - ZERO] = count
    if sys.byteorder == "big":
        lanes.byteswap()
    return int.from_bytes(lanes.tobytes(), "little")


def list_bins(counts: Counts) -> dict[int, int]:
    """The bins of *counts* that hold anything, in order."""
    lanes = array("Q", _to_bytes(counts))
    if sys.byteorder == "big":
        lanes.byteswap()
    return {place: count for place, count in enumerate(lanes, ZERO) if count}


def pack(counts: Counts) -> Packed | None:
    """Pack *counts*; None if there are none."""
    if not counts:
        return None
    start = _first_lane(counts)
    lanes = _to_bytes(counts >> 8 * LANE * start)
    width = next(each for each in WIDTHS if not any(map(any, _columns(lanes, each))))
    narrow = bytearray(len(lanes) // LANE * width)
    for place in range(width):
        narrow[place::width] = lanes[place::LANE]
    return start + ZERO, width, b64encode(zlib.compress(narrow, 9)).decode()


def unpack(packed: Sequence[object] | None) -> Counts:
    """Undo `pack`. Raises `ValueError` for what it can't have written."""
    match packed:
        case None:
            return 0
        case [int(first), int(width), str(text)] if ZERO <= first <= LAST and width in WIDTHS:
            narrow = _decompress(b64decode(text))
        case _:
            raise ValueError(f"not counts by bin: {packed!r:.80}")
    lanes = bytearray(len(narrow) // width * LANE)
    for place in range(width):
        lanes[place::LANE] = narrow[place::width]
    return int.from_bytes(lanes, "little") << 8 * LANE * (first - ZERO)


def _columns(lanes: bytes, width: int) -> list[bytes]:
    """The bytes of *lanes* that counts of *width* don't have."""
    return [lanes[place::LANE] for place in range(width, LANE)]


def _first_lane(counts: Counts) -> int:
    """How many bins before the first that holds anything."""
    return ((counts & -counts).bit_length() - 1) // (8 * LANE)


def _to_bytes(counts: Counts) -> bytes:
    """The bytes of *counts*, little-endian, of whole bins."""
    return counts.to_bytes(-(-counts.bit_length() // (8 * LANE)) * LANE, "little")


def _decompress(data: bytes) -> bytes:
    """Decompress *data*. Raises `ValueError` if it is broken, or larger than counts can be."""
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(data, MAX_SIZE)
    except zlib.error as error:
        raise ValueError(f"not counts by bin: {error}") from None
    if not reader.eof:
        raise ValueError("not counts by bin: too long")
    return found
