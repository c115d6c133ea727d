"""Log files for tests, written as the library writes them."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from slowtask.parse.events import events
from slowtask.parse.items import Unparsable
from slowtask.parse.sources import Source
from slowtask.record import event

BEGIN = datetime(2026, 11, 6, 9, tzinfo=UTC)


def made(task="jobs.thumb", took=1.0, number=0, **others):
    """A run of *task* that took so many seconds and ended *number* seconds after BEGIN."""
    defaults = {
        "outcome": "success",
        "id": hashlib.sha256(repr((task, number)).encode()).hexdigest()[:32],
        "timestamp": BEGIN + timedelta(seconds=number),
    }
    return event.Run(
        dataset=event.DATASET,
        task=task,
        duration=None if took is None else round(took * 1e9),
        **(defaults | others),
    )


def line(run):
    """The line of a run, without its end."""
    return msgspec.json.encode(event.fields(run))


def written(path, runs, *others):
    """A log at *path* of the lines of *runs*, then *others* (bytes) as they are."""
    path.write_bytes(b"".join(each + b"\n" for each in [*map(line, runs), *others]))
    return path


def read_lines(folder, *lines):
    """The runs that a log of *lines* (text) in *folder* tells of, and the reasons of what can't be read."""
    path = folder / "worker.log"
    path.write_text("".join(f"{each}\n" for each in lines))
    found = list(events(Source(path=path, kind="lines")))
    bad = [str(each.reason) for each in found if isinstance(each, Unparsable)]
    return [each for each in found if not isinstance(each, Unparsable)], bad
