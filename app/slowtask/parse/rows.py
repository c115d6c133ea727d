"""PARSE: write runs as rows of CSV, with the columns that a ranking or a replay needs."""

import re
from collections.abc import Iterable
from typing import Final, TextIO

from slowtask.parse.format import BlockRun
from slowtask.parse.items import End, OwnRun
from slowtask.record.event import microseconds

COLUMNS: Final = ("timestamp", "duration", "margin", "wait", "outcome", "task", "queue", "worker", "error")
SPECIAL: Final = re.compile(r"[\",\r\n]")


class CsvNames(dict[str, str]):
    """Names quoted for CSV, each worked out once."""

    def __missing__(self, text: str) -> str:
        if len(self) > 100_000:  # noqa: PLR2004 - a bound, not a measure
            self.clear()
        self[text] = '"' + text.replace('"', '""') + '"' if SPECIAL.search(text) else text
        return self[text]


class Rows:
    """Writes one CSV file, header first."""

    def __init__(self, file: TextIO) -> None:
        self._write = file.write
        self._names = CsvNames()
        file.write(",".join(COLUMNS) + "\n")

    def write(self, items: Iterable[End | OwnRun]) -> None:
        """Write one row for each of *items*."""
        names = self._names
        rows = [_own(each, names) if isinstance(each, OwnRun) else _end(each, names) for each in items]
        self._write("".join(rows))

    def write_block(self, runs: list[BlockRun]) -> None:
        """Write one row for each of *runs*, which were read as a block."""
        names = self._names
        self._write("".join([f"{at},{took},,,unknown,{names[task]},,,\n" for at, took, task in runs]))


def _end(end: End, names: CsvNames) -> str:
    """The row of *end*."""
    if end.margin is None and end.queue is None and end.error is None:  # most of Celery's
        worker = "" if end.worker is None else names[end.worker]
        duration = "" if end.duration is None else end.duration
        return f"{end.timestamp},{duration},,,{end.outcome},{names[end.task or '']},,{worker},\n"
    duration = "" if end.duration is None else end.duration
    margin = "" if end.margin is None else end.margin
    queue = "" if end.queue is None else names[end.queue]
    worker = "" if end.worker is None else names[end.worker]
    error = "" if end.error is None else names[end.error]
    columns = f"{names[end.task or '']},{queue},{worker},{error}"
    return f"{end.timestamp},{duration},{margin},,{end.outcome},{columns}\n"


def _own(own: OwnRun, names: CsvNames) -> str:
    """The row of a run that slowtask wrote."""
    run = own.run
    numbers = ("" if each is None else str(each) for each in (run.duration, run.margin, run.wait))
    queue = "" if run.queue is None else names[run.queue]
    worker = "" if run.worker is None else names[run.worker]
    error = "" if run.error is None else names[run.error]
    columns = f"{names[run.task]},{queue},{worker},{error}"
    return f"{microseconds(run.timestamp)},{','.join(numbers)},{run.outcome},{columns}\n"
