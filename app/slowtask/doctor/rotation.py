"""Check how logrotate rotates the log, as far as its configuration can be read."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from slowtask.doctor.finding import Finding
from slowtask.units import printable

LOGROTATE: Final = (Path("/etc/logrotate.conf"), Path("/etc/logrotate.d"))
BLOCK: Final = re.compile(r"([^{}]*)\{([^}]*)\}")
COMMENT: Final = re.compile(r"^\s*#.*$", re.MULTILINE)


def check_rotation(path: Path, max_bytes: int, places: tuple[Path, ...] = LOGROTATE) -> Iterator[Finding]:
    """Yield whether logrotate loses lines of the log at *path*, or rotates what its workers rotate too."""
    for file, directives in find_directives(path, places):
        where = f"logrotate rotates the log, by {printable(str(file))}"
        if "copytruncate" in directives:
            text = (
                f"{where}, with copytruncate, which loses lines. Remove that word: workers open a new file."
            )
            yield Finding("log", "wrong", text)
        elif max_bytes:
            text = f"{where}, and workers do by SLOWTASK_LOG_MAX_BYTES={max_bytes}. Use only one of them."
            yield Finding("log", "wrong", text)
        else:
            yield Finding("log", "ok", f"{where}, by renaming it.")


def find_directives(path: Path, places: tuple[Path, ...]) -> Iterator[tuple[Path, list[str]]]:
    """Yield each file of *places* that names *path*, and the words that it has for it."""
    for file in [
        file for place in places for file in ([place] if place.is_file() else sorted(place.glob("*")))
    ]:
        try:
            text = COMMENT.sub("", file.read_text(errors="replace"))
        except OSError:
            continue
        for heads, body in BLOCK.findall(text):
            if any(fnmatch(str(path), pattern.strip('"')) for pattern in heads.split()):
                yield file, body.split()
