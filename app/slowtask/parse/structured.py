"""PARSE: runs that a program logs as fields rather than in a sentence of Celery's.

`task_succeeded task_id=8cdb… task=app.tasks.heartbeat`, as django-structlog does, on a console or in JSON;
`{"celeryTaskName": "app.tasks.resize", "celeryTaskRuntime": 0.129}`.
"""

import re
from collections import OrderedDict
from typing import Final, Literal

from slowtask.parse.cause import shorten
from slowtask.parse.fields import Record
from slowtask.parse.format import Context, Line, read_duration
from slowtask.parse.items import End
from slowtask.record.event import LONG_MAX, Action

MAX_STARTED: Final = 10_000
STARTED: Final = "task_started"
#: What django-structlog calls the ends of a task.
ENDS: Final[dict[str, Action]] = {
    "task_succeeded": "finished",
    "task_failed": "failed",
    "task_retrying": "retried",
    "task_revoked": "stopped",
    "task_rejected": "failed",
    "task_not_found": "failed",
    "task_unknown": "failed",
}
EVENT: Final = re.compile(rb"(task_[a-z_]+)\b")
#: `task_id=8cdb…`, `task='app.tasks.heartbeat'`
FIELD: Final = re.compile(rb"(?:^|\s)([A-Za-z_][\w.]{0,63})=(\"[^\"]*\"|'[^']*'|[^\s\"']\S*)")
ERROR_LEVELS: Final = ("ERROR", "CRITICAL", "FATAL")


def find_event(text: bytes, at: int) -> str:
    """The name of the event that is shown at *at*; empty if there is none of a task."""
    found = EVENT.match(text, at)
    event = found[1].decode() if found else ""
    return event if event in (STARTED, *ENDS) else ""


class StructuredEvents:
    """Reads the events of one log that tell of runs by their fields."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._started: OrderedDict[str, tuple[str | None, int]] = OrderedDict()  #: name and time, by id

    def read_console(self, line: Line) -> End | Literal[True] | None:
        """Read an event and its fields as structlog's console shows them; None if *line* has none."""
        event = find_event(line.text, line.at)
        if not event:
            return None
        pairs = {
            name.decode(): value.strip(b"\"'").decode("utf-8", "replace")
            for name, value in FIELD.findall(line.text, line.at)
        }
        return self.read(
            event, Record(pairs, self._context.custom.field_names), line.time, line.number, line.offset
        )

    def read(
        self, event: str, record: Record, time: bytes | None, number: int, offset: int
    ) -> End | Literal[True] | None:
        """Read the event of this name; return its run, True for a start, None for anything else."""
        action = ENDS.get(event) or _infer_action(event, record)
        if action is None and event != STARTED:
            return None
        timestamp, precision = self._context.resolve(time)
        job = record.find_text("id")
        if action is None:
            self._remember(job, record.find_text("task"), timestamp)
            return True
        name, begun = self._started.pop(job or "", (None, None))
        end = End(
            line=number,
            offset=offset,
            timestamp=timestamp,
            task=record.find_text("task") or name,
            start=begun,
            id=job,
            outcome="success" if action == "finished" else "failure",
            action=action,
            system="celery",
        )
        _measure(end, record, precision)
        _blame(end, record)
        return self._context.address(end)

    def _remember(self, job: str | None, task: str | None, timestamp: int) -> None:
        """Note that a task has started."""
        if job is not None:
            self._started[job] = (task, timestamp)
            if len(self._started) > MAX_STARTED:
                self._started.popitem(last=False)


def _infer_action(event: str, record: Record) -> Action | None:
    """How a run ended of which only fields tell: a task with its run time, or an exception without words."""
    if event or record.find("task") is None or record.find("id") is None:
        return None
    if record.find_number("seconds") is not None:
        return "finished"
    failed = (record.find_text("level") or "").upper() in ERROR_LEVELS
    return "failed" if failed and record.find("error") is not None else None


def _measure(end: End, record: Record, precision: int) -> None:
    """Give *end* its run time: the one that is logged, else the one between its two events."""
    seconds, thousandths = record.find_number("seconds"), record.find_number("milliseconds")
    if seconds is None and thousandths is not None:
        seconds = thousandths / 1000
    if seconds is not None:
        end.duration = read_duration(repr(seconds).encode())
    elif end.start is not None and 0 <= end.timestamp - end.start <= LONG_MAX // 1000:
        end.duration, end.margin = (end.timestamp - end.start) * 1000, precision


def _blame(end: End, record: Record) -> None:
    """Give a failed *end* the exception that its event names."""
    text = record.find_text("error") if end.outcome == "failure" else None
    if text is not None:
        end.message = shorten(text.rstrip().rpartition("\n")[2].encode())
