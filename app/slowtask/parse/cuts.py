"""PARSE: find where a big log can be cut, so that several processes read it."""

import re
from typing import BinaryIO, Final

from slowtask.parse.format import MAX_LINE_LENGTH
from slowtask.parse.grok import expand_pattern
from slowtask.parse.order import SNIFFED_BYTES, find_document, is_newest_first
from slowtask.parse.reader import FORMATS
from slowtask.parse.rq import CLOCK_HEAD
from slowtask.parse.sources import is_plain
from slowtask.parse.wrappers import match_any_wrapper

MAX_PART_LENGTH: Final = 16 * 1024  #: bytes of a line; a carrier may have cut a longer one in parts
#: A piece may begin with a line that has the head of a format …
STOCK_HEADS: Final = b"|".join(each.head for each in FORMATS)
#: … or a time with a date; a level may stand before it …
DATED_HEAD: Final = rb"\[?(?:[A-Z]{4,8} )?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"
HEAD: Final = re.compile(rb"\n(?=%s|%s)" % (STOCK_HEADS, DATED_HEAD))
#: … or with what another program has put before such a head …
LINE_START: Final = re.compile(rb"\n(?=[^\s{])")
CARRIED_HEAD: Final = re.compile(STOCK_HEADS + b"|" + DATED_HEAD).match
DATED_WRAPPER: Final = re.compile(expand_pattern("TIME_ISO")[0].encode()).search
CLOCK: Final = re.compile(CLOCK_HEAD).match
#: … or with an object, if the log is JSON.
JSON_HEAD: Final = re.compile(rb'\n(?=\{")')
#: It can't be cut before a line that can't be read without the one before it.
AMENDMENT: Final = re.compile(b"|".join(each.amendment for each in FORMATS if each.amendment))


def find_cuts(stream: BinaryIO, size: int, piece_size: int) -> list[int]:
    """Find the offsets at which the pieces of a file of *size* bytes begin, from 0, *piece_size* apart."""
    found = [0]
    start = stream.read(SNIFFED_BYTES)
    if not is_plain(stream) or is_newest_first(start) or find_document(start):
        return found
    heads = JSON_HEAD if start.lstrip().startswith(b'{"') else HEAD
    for target in range(piece_size, size, piece_size):
        if target > found[-1] and (at := _find_place(stream, target, heads)):
            found.append(at)
    return found


def _find_place(stream: BinaryIO, target: int, heads: re.Pattern[bytes]) -> int | None:
    """Find the first offset after *target* at which a piece may begin; None if there is none near."""
    stream.seek(target)
    window = stream.read(MAX_LINE_LENGTH)
    for place in _list_places(window, heads):
        before, end = window.rfind(b"\n", 0, place - 1), window.find(b"\n", place)
        whole = place - before <= MAX_PART_LENGTH
        if end >= 0 and whole and not AMENDMENT.search(window, place, end):
            return target + place
    return None


def _list_places(window: bytes, heads: re.Pattern[bytes]) -> list[int]:
    """Where lines with one of *heads* begin in *window*, or else where lines in wrappers do."""
    places = [found.end() for found in heads.finditer(window)]
    starts = (found.end() for found in LINE_START.finditer(window))
    return places or [place for place in starts if _is_carried(window, place)]


def _is_carried(window: bytes, place: int) -> bool:
    """Whether the line at *place* is in a wrapper and has a head; one of the two has a date."""
    wrapper = match_any_wrapper(window, place)
    if wrapper is None:
        return False
    if CARRIED_HEAD(window, wrapper.end()) is None:
        return False
    return CLOCK(window, wrapper.end()) is None or DATED_WRAPPER(wrapper[0]) is not None
