"""Find and open logs that are still being written, for all that follow them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, Final

from slowtask.errors import SlowtaskError
from slowtask.parse.custom import CustomFormat
from slowtask.parse.dates import find_clocks, follow_clocks
from slowtask.parse.sources import Source, is_plain, resolve
from slowtask.parse.times import DateTracker

FIND_INTERVAL: Final = 1.0  #: seconds between two searches for logs
MAX_MISSED: Final = 10  #: searches after which a log that was deleted or moved away is closed
BLOCK_SIZE: Final = 1 << 16  #: bytes read at once: about 150 runs, 0.4 ms


def find_logs(sources: Sequence[str], custom: CustomFormat) -> Iterator[tuple[os.stat_result, Source]]:
    """Yield the logs of lines that *sources* name now, with their status; without any, slowtask's own log."""
    for each in [[source] for source in sources] or [[]]:
        with suppress(SlowtaskError):
            for source in resolve(each, custom):
                if source.path is not None and source.kind == "lines":
                    with suppress(OSError):
                        yield source.path.stat(), source


def open_plain(source: Source) -> BinaryIO | None:
    """Open the log of *source*; None if it is compressed or can't be read."""
    try:
        file = source.open()
    except SlowtaskError:
        return None
    if is_plain(file):
        return file
    file.close()
    return None


def find_first_day(source: Source, file: BinaryIO, place: int) -> DateTracker:
    """Find the date of the first line behind *place* that gives only a time of day.

    *file* is the open log of *source*, whose last change tells the date of its last line.
    """
    written = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    with source.open() as again:
        again.seek(place)
        return follow_clocks(find_clocks(again)).first_day(written)
