"""Fuzz the parser by coverage, with atheris: `make fuzz`.

Whoever can write to a log chooses the bytes that the parser reads. Whatever they are: it raises nothing,
reads each line in bounded time and memory, and each run that it yields can be written as a line of
slowtask's own and read again as the same run.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["slowtask"]):
    from slowtask.parse.events import events
    from slowtask.parse.items import Tally, Unparsable
    from slowtask.parse.sources import Source
    from slowtask.record.event import fields
    from slowtask.record.line import MAX_LINE_BYTES, LineFormatter

FOLDER = Path(tempfile.mkdtemp(prefix="slowtask-fuzz-"))
LOG, AGAIN = FOLDER / "fuzzed.log", FOLDER / "again.ndjson"
FORMATTER = LineFormatter()


def read(path):
    """All that the parser finds in the log at *path*, and how it counted."""
    tally = Tally()
    return list(events(Source(path=path, kind="lines"), tally=tally)), tally


def check(data):
    """Read *data* as a log."""
    LOG.write_bytes(data)
    items, tally = read(LOG)
    runs = [item for item in items if not isinstance(item, Unparsable)]
    assert (tally.events, tally.unparsable.total()) == (len(runs), len(items) - len(runs))
    AGAIN.write_bytes(b"".join(FORMATTER.format_bounded(fields(run), MAX_LINE_BYTES) for run in runs))
    again, _ = read(AGAIN)
    assert sorted(item.id for item in again) == sorted(run.id for run in runs), (
        data
    )  # in order of time, or not


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
