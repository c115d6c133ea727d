"""The files of a history: one for each month, with the logs that are in it."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from slowtask.errors import SourceError
from slowtask.store.duck import connect, escape_path, fetch, is_utf8_path, read_sql
from slowtask.store.rollup.marks import Mark

SUFFIX: Final = ".rollup.parquet"
KEY: Final = b"slowtask.rollup"  #: in the metadata
FOOTER_END: Final = 8  #: bytes: the length of the metadata, and PAR1
CHECKS: Final = ("rollup_lacking", "rollup_unsound")  #: statements that find a row in a file of a stranger's
MONTH: Final = re.compile(r"(?!0000)\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A file with the cells of one month."""

    path: Path
    name: str  #: 2026-11
    marks: tuple[Mark, ...]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself."""

    month: str
    logs: tuple[Mark, ...]


def is_month_file(path: Path) -> bool:
    """Whether the Parquet file at *path* is, or is named as, one of `slowtask rollup`."""
    if path.name.endswith(SUFFIX):
        return True
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - FOOTER_END))
            length = int.from_bytes(file.read(4), "little")
            file.seek(max(0, size - FOOTER_END - length))
            return KEY in file.read(length) and bool(_read_contents([path]))
    except OSError:
        return False


def read_months(paths: Sequence[Path], todo: str = "leave it out") -> list[Month]:
    """Read which logs are in the files at *paths*, in order of the months.

    Raises `SourceError` for a damaged one, with what is *todo*.
    """
    found = _read_contents(paths)
    lacking = next((path for path in paths if path not in found), None)
    if flawed := lacking or _find_flawed(paths):
        raise make_month_error(flawed, todo)
    months = [Month(path=path, name=found[path].month, marks=found[path].logs) for path in paths]
    return sorted(months, key=lambda each: each.name)


def make_month_error(path: Path, todo: str) -> SourceError:
    """The error for a file that this user can't read, or that is damaged; then *todo* is to be done."""
    if not os.access(path, os.R_OK):
        return SourceError(f"{path} can't be read: its permissions forbid it to this user.")
    return SourceError(f"{path} isn't a file of slowtask rollup, or is damaged: {todo}.")


def encode_contents(month: str, marks: Iterable[Mark]) -> str:
    """The text in the metadata of a file."""
    return msgspec.json.encode(Contents(month=month, logs=tuple(marks))).decode()


def _read_contents(paths: Sequence[Path]) -> Mapping[Path, Contents]:
    """What those of the files at *paths* say of themselves that do."""
    found: dict[Path, Contents] = {}
    with connect(Path()) as connection:
        for path in filter(is_utf8_path, paths):
            files = {"files": [escape_path(path)]}
            try:
                for row in fetch(connection, read_sql("rollup_marks"), files):
                    contents = msgspec.json.decode(row["marks"], type=Contents)
                    if all(map(MONTH.fullmatch, {month for mark in contents.logs for month in mark.months})):
                        found[path] = contents
            except (duckdb.Error, msgspec.MsgspecError, UnicodeDecodeError):
                continue
    return found


def _find_flawed(paths: Iterable[Path]) -> Path | None:
    """The first of the files at *paths* that has other columns, or figures that nobody counted."""
    with connect(Path()) as connection:
        for path in paths:
            files = {"files": [escape_path(path)]}
            try:
                if any(fetch(connection, read_sql(each), files) for each in CHECKS):
                    return path
            except duckdb.Error:
                return path
    return None
