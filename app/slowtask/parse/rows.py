"""PARSE: write runs as rows of CSV, with the columns that a ranking or a replay needs."""

import re
from collections.abc import Sequence
from typing import Final, TextIO

import msgspec

from slowtask.parse.format import BlockRun
from slowtask.parse.items import End, OwnRun
from slowtask.parse.sources import Source
from slowtask.record.event import Run, microseconds

COLUMNS: Final = (
    "timestamp", "duration", "margin", "wait", "outcome", "task", "queue", "worker", "error",
    "action", "system", "host", "labels", "cpu", "memory", "pid", "service", "version", "environment",
)  # fmt: skip
#: More columns, where they are wanted: what names a single run, and where it is.
EXTRA_COLUMNS: Final = (
    "started", "id", "task_id", "attempt", "reason", "message", "trace", "source", "place",
)  # fmt: skip
#: The empty columns at the end of a row: all that a stock line never has, and all after its worker.
NONE_OF_OWN: Final = "," * (len(COLUMNS) - COLUMNS.index("labels") - 1)
NONE_AFTER_ERROR: Final = "," * (len(COLUMNS) - COLUMNS.index("error") - 1)
SPECIAL: Final = re.compile(r"[\",\r\n]")


class CsvNames(dict[str, str]):
    """Names quoted for CSV, each worked out once."""

    def __missing__(self, text: str) -> str:
        if len(self) > 100_000:  # noqa: PLR2004 - a bound, not a measure
            self.clear()
        self[text] = '"' + text.replace('"', '""') + '"' if SPECIAL.search(text) else text
        return self[text]


class Rows:
    """Writes one CSV file, header first; with a *source* also the extra columns of its runs."""

    def __init__(self, file: TextIO, *, source: Source | None = None) -> None:
        self._write = file.write
        self._names = CsvNames()
        self._source = source
        file.write(",".join(COLUMNS if source is None else (*COLUMNS, *EXTRA_COLUMNS)) + "\n")

    def write(self, items: Sequence[End | OwnRun]) -> None:
        """Write one row for each of *items*."""
        names = self._names
        rows = [_own(each, names) if isinstance(each, OwnRun) else _end(each, names) for each in items]
        if self._source is not None:
            rows = [
                f"{row[:-1]},{_extra(each, self._source, names)}\n"
                for row, each in zip(rows, items, strict=True)
            ]
        self._write("".join(rows))

    def write_block(self, runs: list[BlockRun]) -> None:
        """Write one row for each of *runs*, which were read as a block."""
        names = self._names
        self._write(
            "".join(
                [f"{at},{took},,,unknown,{names[task]},,,{NONE_AFTER_ERROR}\n" for at, took, task in runs]
            )
        )


def _end(end: End, names: CsvNames) -> str:
    """The row of *end*."""
    duration = "" if end.duration is None else end.duration
    worker = "" if end.worker is None else names[end.worker]
    tail = f"{end.action or ''},{end.system or ''},{_text(end.host, names)},{_labels(end.labels, names)}"
    if end.margin is None and end.queue is None and end.error is None:  # most of Celery's
        columns = f"{names[end.task or '']},,{worker},"
        return f"{end.timestamp},{duration},,,{end.outcome},{columns},{tail}{NONE_OF_OWN}\n"
    margin = "" if end.margin is None else end.margin
    columns = f"{names[end.task or '']},{_text(end.queue, names)},{worker},{_text(end.error, names)}"
    return f"{end.timestamp},{duration},{margin},,{end.outcome},{columns},{tail}{NONE_OF_OWN}\n"


def _own(own: OwnRun, names: CsvNames) -> str:
    """The row of a run that slowtask wrote."""
    run = own.run
    texts = (run.task, run.queue, run.worker, run.error, run.action, run.system, run.host)
    numbers = map(_number, (run.cpu, run.memory, run.pid))
    settings = (_text(each, names) for each in (run.service, run.version, run.environment))
    columns = (
        str(microseconds(run.timestamp)), *map(_number, (run.duration, run.margin, run.wait)), run.outcome,
        *(_text(each, names) for each in texts), _labels(run.labels, names), *numbers, *settings,
    )  # fmt: skip
    return ",".join(columns) + "\n"


def _extra(item: End | OwnRun, source: Source, names: CsvNames) -> str:
    """The extra columns of *item*, which stands in *source*."""
    name = source.name.encode(errors="backslashreplace").decode()
    values = _of_own(item.run) if isinstance(item, OwnRun) else _of_end(item)
    return ",".join((*(_text(each, names) for each in (*values, name)), str(item.offset)))


def _of_own(run: Run) -> tuple[str | None, ...]:
    """What names *run*, and says how it ended."""
    start = "" if run.start is None else str(microseconds(run.start))
    return start, run.id, run.task_id, _number(run.attempt), run.reason, run.message, run.trace


def _of_end(end: End) -> tuple[str | None, ...]:
    """The same of a stock line, which has no id of its own, attempt or trace."""
    return _number(end.start), "", end.id, "", end.reason, end.message, ""


def _text(text: str | None, names: CsvNames) -> str:
    """*text* for CSV; empty if it is unknown."""
    return "" if text is None else names[text]


def _number(number: int | None) -> str:
    """*number* for CSV; empty if it is unknown."""
    return "" if number is None else str(number)


def _labels(labels: dict[str, str] | None, names: CsvNames) -> str:
    """*labels* as JSON in CSV; empty if there are none."""
    return names[msgspec.json.encode(labels).decode()] if labels else ""
