"""Runs as rows of CSV, with the columns that a ranking or a replay needs."""

import re
from collections.abc import Iterable
from typing import Final, TextIO

from slowtask.parse.format import BlockRun
from slowtask.parse.items import End, Own
from slowtask.record.event import microseconds

COLUMNS: Final = ("timestamp", "duration", "margin", "wait", "outcome", "task", "queue", "worker", "error")
SPECIAL: Final = re.compile(r"[\",\r\n]")


class Texts(dict[str, str]):
    """Names as CSV writes them, each worked out once."""

    def __missing__(self, text: str) -> str:
        if len(self) > 100_000:  # noqa: PLR2004 - a bound, not a measure
            self.clear()
        self[text] = '"' + text.replace('"', '""') + '"' if SPECIAL.search(text) else text
        return self[text]


class Rows:
    """Writes the rows of one CSV file."""

    def __init__(self, file: TextIO) -> None:
        self._write = file.write
        self._texts = Texts()
        file.write(",".join(COLUMNS) + "\n")

    def write(self, items: Iterable[End | Own]) -> None:
        """One row for each of *items*."""
        texts = self._texts
        rows = [_own(each, texts) if isinstance(each, Own) else _end(each, texts) for each in items]
        self._write("".join(rows))

    def texts(self, found: list[BlockRun]) -> None:
        """One row for each of *found*."""
        texts = self._texts
        self._write("".join([f"{at},{took},,,unknown,{texts[task]},,,\n" for at, took, task in found]))


def _end(end: End, texts: Texts) -> str:
    """The row of *end*."""
    duration = "" if end.duration is None else end.duration
    margin = "" if end.margin is None else end.margin
    queue = "" if end.queue is None else texts[end.queue]
    worker = "" if end.worker is None else texts[end.worker]
    error = "" if end.error is None else texts[end.error]
    names = f"{texts[end.task or '']},{queue},{worker},{error}"
    return f"{end.timestamp},{duration},{margin},,{end.outcome},{names}\n"


def _own(own: Own, texts: Texts) -> str:
    """The row of an event of ours."""
    run = own.run
    numbers = ("" if each is None else str(each) for each in (run.duration, run.margin, run.wait))
    queue = "" if run.queue is None else texts[run.queue]
    worker = "" if run.worker is None else texts[run.worker]
    error = "" if run.error is None else texts[run.error]
    names = f"{texts[run.task]},{queue},{worker},{error}"
    return f"{microseconds(run.timestamp)},{','.join(numbers)},{run.outcome},{names}\n"
