"""Know a log again, whatever its name is now, and whether it was packed or compressed meanwhile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

import duckdb
import msgspec

from slowtask.parse.sources import Source, is_plain
from slowtask.record.event import DATASET
from slowtask.store.duck import escape_path, fetch, read_sql
from slowtask.store.kinds import JSON_KINDS, find_kind
from slowtask.store.origin import file_identity, read_origins
from slowtask.store.reading import make_damage_error

HASHED_BYTES: Final = 1 << 16  #: of the beginning of a log
TAIL_BYTES: Final = 1 << 20  #: a line of slowtask's is far shorter


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One log whose runs are in a file of `slowtask rollup`."""

    name: str  #: what it was called
    months: tuple[str, ...]  #: in which it has runs or samples, as `2026-11`
    begin: int  #: µs since the epoch: when its first run ended
    end: int  #: when its last one did
    runs: int
    bad: int = 0  #: lines that may tell of runs and weren't read
    first: str | None = None  #: the id of its first run
    last: str | None = None  #: the id of its last run
    digest: str | None = None  #: of its first bytes
    hashed: int = 0  #: how many bytes these are
    size: int = 0  #: bytes, as text; 0 where it was packed
    origin: str | None = None  #: the file, or the one it was packed from: `store.origin.file_identity`


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How a log begins and ends."""

    first: str | None = None  #: the id of its first run, if that is found without parsing
    last: str | None = None
    head: bytes = b""  #: its first bytes
    size: int = 0  #: bytes, as text
    origin: str | None = None  #: the file, or the one that it was packed from

    def digest(self, count: int) -> str:
        """The hash of the first *count* bytes."""
        return sha256(self.head[:count], usedforsecurity=False).hexdigest()[:32]


def find_mark(ends: Ends, marks: Iterable[Mark]) -> tuple[Mark | None, bool]:
    """Find the mark of the log that has such *ends*, and tell whether the log is still the same."""
    for mark in marks:
        if mark.first is not None and ends.first is not None:
            if mark.first == ends.first:
                return mark, mark.last == ends.last
        elif mark.digest is not None and ends.size:
            if mark.digest == ends.digest(mark.hashed):
                return mark, mark.size == ends.size
        elif mark.origin is not None and mark.origin == ends.origin:
            return mark, True
    return None, False


def make_growth_message(source: Source, mark: Mark) -> str:
    """What is wrong with a log that isn't what it was when it was rolled up, as *mark* has it."""
    return (
        f"{source.name} isn't what it was when it was rolled up as {mark.name}: it begins alike and ends"
        " otherwise. Roll up a log after its rotation, and keep it as it is."
    )


def read_ends(source: Source, connection: duckdb.DuckDBPyConnection) -> Ends:
    """Read how *source* begins and ends; a packed one by *connection*. Raises `SourceError`."""
    if source.path is None:
        return Ends()
    kind = find_kind(source)
    if kind == "packed":
        return _read_packed_ends(source, source.path, connection)
    with source.open() as stream:
        head = stream.read(HASHED_BYTES)
        if is_plain(stream):
            size, tail = _read_plain_tail(stream)
        else:
            size, tail = _read_tail(stream, head)
    ends = Ends(head=head, size=size, origin=file_identity(source.path))
    if kind not in JSON_KINDS:
        return ends
    return replace(ends, first=_find_first_id(source), last=_id_of_any(reversed(tail.split(b"\n"))))


def _read_plain_tail(stream: BinaryIO) -> tuple[int, bytes]:
    """The size of a file, and its last bytes."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - TAIL_BYTES))
    return size, stream.read()


def _read_tail(stream: BinaryIO, head: bytes) -> tuple[int, bytes]:
    """The size of a text that can only be read through, and its last bytes."""
    size, tail = len(head), head
    while chunk := stream.read(TAIL_BYTES):
        size += len(chunk)
        tail = (tail + chunk)[-2 * TAIL_BYTES :]
    return size, tail


def _read_packed_ends(source: Source, path: Path, connection: duckdb.DuckDBPyConnection) -> Ends:
    """The ids of the first and the last run of a packed file, and what it was packed from."""
    values: dict[str, Any] = {"files": [escape_path(path)]}
    try:
        [count] = fetch(connection, read_sql("rollup_packed"), values)
        ids = [
            row["id"].replace("-", "")
            for number in (0, count["runs"] - 1)  # a number in the statement, for which DuckDB skips the rest
            for row in fetch(connection, f"{read_sql('rollup_end')} = {number}", values)
        ]
    except duckdb.Error as error:
        raise make_damage_error(source) from error
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    return Ends(first=first, last=last, origin=next(iter(read_origins(connection, path)), None))


def _find_first_id(source: Source) -> str | None:
    """The id of the first run of a log of JSON lines; None if it has none."""
    with source.open() as stream:
        return _id_of_any(stream)


def _id_of_any(lines: Iterable[bytes]) -> str | None:
    """The id of the first of *lines* that is a run."""
    return next((found for line in lines if (found := _id_of(line)) is not None), None)


def _id_of(line: bytes) -> str | None:
    """The id of the run in *line*, flat, nested or a search hit; None if it is none."""
    try:
        content = msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    content = content.get("_source", content) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        return None
    event, task = content.get("event"), content.get("task")
    known = _values(content, event, ("dataset", "id")), _values(content, task, ("name",), "task")
    (dataset, name), (task_name,) = known
    whole = dataset == DATASET and isinstance(name, str) and isinstance(task_name, str)
    return name.replace("-", "") if whole and "@timestamp" in content else None


def _values(
    content: dict[str, Any], inner: object, names: Sequence[str], prefix: str = "event"
) -> tuple[Any, ...]:
    """The values of fields that are flat in *content*, or nested in *inner*."""
    nested = inner if isinstance(inner, dict) else {}
    return tuple(content.get(f"{prefix}.{name}", nested.get(name)) for name in names)
