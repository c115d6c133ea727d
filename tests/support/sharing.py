"""One server for all processes of a test run: the first that asks starts it, a note tells the others."""

import fcntl
import json
from contextlib import contextmanager


def shared(folder, name, start):
    """What *start* told of the server called *name*; it is called once by all who know *folder*."""
    note = folder / f"{name}.json"
    with locked(note.with_suffix(".lock")):
        if not note.exists():
            note.write_text(json.dumps(start()))
        return json.loads(note.read_text())


def taken(folder, name):
    """What was told of the server called *name*, for the last time; None where none was started."""
    note = folder / f"{name}.json"
    if not note.exists():
        return None
    told = json.loads(note.read_text())
    note.unlink()
    return told


@contextmanager
def locked(path):
    """Alone among the processes that know *path*."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
