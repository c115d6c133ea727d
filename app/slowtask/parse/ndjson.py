"""PARSE: slowtask's own JSON lines, flat as workers write them or nested as Elasticsearch returns them."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final

import msgspec

from slowtask.parse.format import Format, Unreadable
from slowtask.parse.items import OwnRun, Reason
from slowtask.record.event import DATASET, OTHER_DATASETS, Run

MAX_JSON_LENGTH: Final = 1024 * 1024  #: bytes
OWN_LINE_START: Final = b'{"@timestamp":'  #: how a line of ours begins, also behind a torn one
DATASET_WORD: Final = b"slowtask."  #: in each event of slowtask's
MAX_DEPTH: Final = 4  #: of nested objects; the longest name of a field has three parts
FIELDS: Final = frozenset(each.encode_name for each in msgspec.structs.fields(Run))

_decode = msgspec.json.Decoder(Run).decode


class Foreign(Unreadable):
    """A JSON object that slowtask didn't write: *content*."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(Reason.FOREIGN)
        self.content = content


class JsonFormat(Format):
    """JSON lines: runs, and lines that a monitor wrote, which are skipped."""

    first_bytes = OWN_LINE_START[:1]
    head = rb'\{"@timestamp":'
    max_length = MAX_JSON_LENGTH

    def read(self, line: bytes, number: int, offset: int) -> None:
        """Emit the run of *line*; a sample or an alert is skipped. Raises `Unreadable`."""
        if DATASET_WORD not in line:
            raise Foreign(decode_object(line))
        run = decode_exact(line)
        if run is None and (run := decode_lenient(line)) is None:
            return
        self.emit(OwnRun(run, number, offset))

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* isn't a dict as Python shows it, which belongs to Celery's line before it."""
        return not line.startswith(b"{'")


def decode_exact(line: bytes) -> Run | None:
    """The run of a line just as slowtask writes it; None for any other, to be tried by `decode_lenient`."""
    try:
        run = _decode(line)
        return run if run.timestamp.tzinfo is UTC and run.start is None else in_utc(run)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None


def decode_lenient(line: bytes) -> Run | None:
    """The run of a JSON line that may be nested or hold bytes that aren't UTF-8; None for another event.

    Raises `Unreadable`.
    """
    content = decode_object(line)
    if isinstance(content.get("_source"), dict) and isinstance(content.get("_id"), str):
        content["_source"].setdefault("event.id", content["_id"])  # what is stored doesn't repeat it
    try:
        return _convert(flatten(content))
    except Unreadable as error:
        if error.reason is Reason.FOREIGN:
            raise Foreign(content) from None
        raise


def decode_object(line: bytes) -> dict[str, Any]:
    """The JSON object that *line* is. Raises `Unreadable`."""
    try:
        content = msgspec.json.decode(line.decode("utf-8", "replace"))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unreadable(Reason.TORN) from None
    if not isinstance(content, dict):
        raise Unreadable(Reason.FOREIGN)
    return content


def split_at_own_lines(line: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut *line* where lines of ours begin that were written behind a torn one; yields (place, part)."""
    start = 0
    while start < len(line):
        end = line.find(OWN_LINE_START, start + 1)
        end = len(line) if end < 0 else end
        yield start, line[start:end]
        start = end


def _convert(record: Mapping[str, Any]) -> Run | None:
    """The run of a flat record; None for another event of slowtask. Raises `Unreadable`."""
    dataset = record.get("event.dataset")
    if isinstance(dataset, str) and dataset in OTHER_DATASETS:
        return None
    if dataset != DATASET:
        raise Unreadable(Reason.FOREIGN)
    try:
        return in_utc(msgspec.convert(record, Run))
    except msgspec.ValidationError as error:
        raise Unreadable(Reason.FIELD, str(error)) from None
    except (ValueError, OverflowError):
        raise Unreadable(Reason.FIELD, "@timestamp") from None


def in_utc(run: Run) -> Run:
    """*run* with its times in UTC. Raises `OverflowError` at the ends of the calendar."""
    start = None if run.start is None else run.start.astimezone(UTC)
    return msgspec.structs.replace(run, timestamp=run.timestamp.astimezone(UTC), start=start)


def flatten(content: dict[str, Any]) -> dict[str, Any]:
    """*content* with dotted names. A search hit's `_source` is unwrapped; `labels` stays an object."""
    source = content.get("_source")
    record: dict[str, Any] = {}
    _flatten(source if isinstance(source, dict) else content, "", record, MAX_DEPTH)
    labels = {name[7:]: record.pop(name) for name in list(record) if name.startswith("labels.")}
    return record | {"labels": labels} if labels else record


def _flatten(content: Mapping[str, Any], prefix: str, record: dict[str, Any], depth: int) -> None:
    """Put each leaf of *content* into *record* under its dotted name."""
    for name, value in content.items():
        if isinstance(value, dict) and depth and prefix + name not in FIELDS:
            _flatten(value, f"{prefix}{name}.", record, depth - 1)
        else:
            record[prefix + name] = value
