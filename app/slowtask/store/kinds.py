"""Find out from the beginning of a file who reads it: DuckDB, by a macro of macros.sql, or the parser."""

import zlib
from gzip import GzipFile
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import msgspec

from slowtask.parse.sources import Source, is_plain
from slowtask.record.event import DATASET, OTHER_DATASETS
from slowtask.store.duck import is_utf8_path

SNIFFED_BYTES: Final = 1 << 16  #: a line of slowtask's has at most a quarter of it

#: `lines` are slowtask's events as it writes them, flat; `nested` and `hits` are such events as Elasticsearch
#: returns them. Only the parser reads what is `parsed`.
Kind = Literal["lines", "nested", "hits", "packed", "parsed"]
JSON_KINDS: Final[tuple[Kind, ...]] = ("lines", "nested", "hits")


def find_kind(source: Source) -> Kind:
    """Find the kind of *source*; which lines it really holds shows when it is read."""
    if source.path is None or not is_utf8_path(source.path):
        return "parsed"
    if source.kind == "parquet":
        return "packed"
    return find_kind_of_line(_read_first_line(source, source.path))


def find_kind_of_line(line: bytes) -> Kind:
    """Find the kind of a log whose first line is *line*: DuckDB shall not try JSON of other programs."""
    try:
        content = msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "parsed"
    if not isinstance(content, dict):
        return "parsed"
    if isinstance(hit := content.get("_source"), dict):
        return "hits" if _find_shape(hit) else "parsed"
    return _find_shape(content) or "parsed"


def _find_shape(content: dict[str, Any]) -> Literal["lines", "nested"] | None:
    """The shape of *content* if it is an event of slowtask."""
    event = content.get("event")
    datasets = content.get("event.dataset"), event.get("dataset") if isinstance(event, dict) else None
    flat, nested = (each in (DATASET, *OTHER_DATASETS) for each in datasets)
    if "@timestamp" not in content or not (flat or nested):
        return None
    return "lines" if flat else "nested"


def _read_first_line(source: Source, path: Path) -> bytes:
    """Read the first line of the file at *path*; nothing if DuckDB can't read such a file."""
    if not path.is_file():  # a pipe can be read only once
        return b""
    try:
        with source.open() as file:
            return file.read(SNIFFED_BYTES).lstrip().split(b"\n")[0] if _is_readable(file, path) else b""
    except (OSError, EOFError, zlib.error):  # damaged: the parser says so
        return b""


def _is_readable(file: BinaryIO, path: Path) -> bool:
    """Whether DuckDB reads *file* as it is, or as gzip, which it knows only by the name."""
    return isinstance(file, GzipFile) if path.suffix == ".gz" else is_plain(file)
