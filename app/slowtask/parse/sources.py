"""PARSE: find the logs that the SOURCE arguments of a command name, and open them.

A source is a log file, a folder of logs, a quoted glob, or `-` for stdin. A file that is named twice, also
through a link, is read once.
"""

import glob
import gzip
import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from slowtask.errors import SourceError, UsageError
from slowtask.parse.custom import NO_CUSTOM, CustomFormat
from slowtask.parse.utf16 import SNIFFED_BYTES, find_utf16, recode
from slowtask.record.settings import OFF, current_settings

if TYPE_CHECKING:
    from io import BufferedReader

STDIN: Final = "-"
STDIN_NAME: Final = "stdin"
BUFFER_SIZE: Final = 1 << 16  #: bytes; the first block of a file shows the order of its lines
GZIP_MAGIC: Final = b"\x1f\x8b"
#: What rotation adds to a name: `.1`, `-20261123`, `.2026-11-23_10-00.gz`.
ROTATION_SUFFIX: Final = r"(?:[.-]\d[\dTZ_:.-]*?)?(?:\.gz)?"
LOG_NAME: Final = re.compile(rf"[^.].*\.(?:ndjson|jsonl|json|log|txt|parquet){ROTATION_SUFFIX}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to read, or stdin."""

    path: Path | None  #: None: stdin
    kind: Literal["lines", "parquet"]
    custom: CustomFormat = NO_CUSTOM  #: how its lines differ from those that are known

    @property
    def name(self) -> str:
        """The path as the user gave it, or `stdin`."""
        return STDIN_NAME if self.path is None else str(self.path)

    def open(self) -> BinaryIO:
        """Open the log; gzip is decompressed and UTF-16 recoded to UTF-8, whatever the file's name.

        `fileno()` is that of the file. Raises `SourceError` if the file can't be opened.
        """
        try:
            raw = sys.stdin.buffer if self.path is None else self.path.open("rb", BUFFER_SIZE)
        except OSError as error:
            raise SourceError(f"{self.name} can't be read ({error.strerror}): check its path.") from error
        file = cast("BufferedReader", raw)
        start = file.peek(SNIFFED_BYTES)
        zipped = start.startswith(GZIP_MAGIC)
        stream = cast("BinaryIO", gzip.GzipFile(fileobj=file) if zipped else file)
        codec = find_utf16(_unzip_start(start) if zipped else start)
        return recode(stream, codec) if codec else stream


def is_plain(stream: BinaryIO) -> bool:
    """Whether an opened log gives the bytes of its file as they are, neither decompressed nor recoded."""
    return isinstance(getattr(stream, "raw", None), FileIO)


def _unzip_start(zipped: bytes) -> bytes:
    """Decompress the first bytes of a gzip file that begins with *zipped*."""
    try:  # GzipFile.peek would raise the error of a damaged file only once, and too early
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(zipped, SNIFFED_BYTES)
    except zlib.error:
        return b""


def resolve(arguments: Sequence[str], custom: CustomFormat = NO_CUSTOM) -> list[Source]:
    """Find the sources that *arguments* name, in order, each once; without any, slowtask's own logs.

    *custom* says how their lines differ from those that slowtask knows. Raises `UsageError` or `SourceError`
    for an argument that names nothing to read.
    """
    paths = (
        [path for argument in arguments for path in _find_files(argument)] if arguments else _find_own_logs()
    )
    once: dict[object, Path | None] = {}
    for path in paths:
        once.setdefault(_identify(path), path)
    return [_make_source(path, custom) for path in once.values()]


def _make_source(path: Path | None, custom: CustomFormat) -> Source:
    """The source at *path*."""
    packed = path is not None and path.suffix == ".parquet"
    return Source(path=path, kind="parquet" if packed else "lines", custom=custom)


def _identify(path: Path | None) -> object:
    """What two names of one file have in common. Raises `SourceError` if the file can't be read."""
    if path is None:
        return STDIN
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"{path} can't be read ({error.strerror}): check the path.") from error
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} can't be read: its permissions forbid it to this user.")
    return status.st_dev, status.st_ino


def _find_files(argument: str) -> Iterator[Path | None]:
    """Find the files that one argument names; None is stdin."""
    path = Path(argument)
    if argument == STDIN:
        yield None
    elif is_address(argument):
        raise UsageError(f"{argument.rpartition('@')[2]} holds events already: slowtask top ranks them.")
    elif path.is_dir():
        yield from _list_folder(path)
    elif glob.has_magic(argument) and not path.exists():
        yield from _expand_glob(argument)
    else:
        yield path


def _list_folder(folder: Path) -> list[Path]:
    """List the logs in *folder*, not those in its folders: files with a log's name that aren't hidden."""
    try:
        found = sorted(each for each in folder.iterdir() if LOG_NAME.fullmatch(each.name) and each.is_file())
    except OSError as error:
        raise SourceError(f"{folder} can't be read ({error.strerror}): check its permissions.") from error
    if not found:
        raise SourceError(f"{folder} holds no logs (*.ndjson, *.log, …, also rotated): name the files.")
    return found


def _expand_glob(pattern: str) -> list[Path]:
    """List the files that *pattern* matches, sorted; `**` goes into folders."""
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - pathlib's wants a folder to start from
    found = sorted(each for each in map(Path, matches) if each.is_file())
    if not found:
        raise SourceError(f"No file matches {pattern}: check the pattern, and the folder it starts from.")
    return found


def _find_own_logs() -> list[Path]:
    """Find the log that a worker with these settings writes, and its rotated files."""
    log = current_settings().log
    if log in (STDIN, OFF):
        raise UsageError(f"SLOWTASK_LOG={log} leaves no file to read: name log files, or - for stdin.")
    found = find_rotated(Path(log))
    if not found:
        raise SourceError(f"There is no {log} here: name log files or folders, or - for stdin.")
    return found


def find_rotated(path: Path) -> list[Path]:
    """Find the log at *path*, if there is one, and the files that were rotated or packed from it."""
    name = re.compile(re.escape(path.name) + ROTATION_SUFFIX + r"(?:\.parquet)?")
    return sorted(each for each in path.parent.glob("*") if name.fullmatch(each.name) and each.is_file())


def is_address(source: str) -> bool:
    """Whether *source* names a server rather than a file."""
    return source.startswith(("http://", "https://"))
