"""JSON lines: our own events, flat as we write them or nested as Elasticsearch gives them back."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

import msgspec

from slowtask.parse.items import Reason
from slowtask.record.event import DATASET, OTHER_DATASETS, Run

DEPTH: Final = 4  #: our longest name has three parts
FIELDS: Final = frozenset(each.encode_name for each in msgspec.structs.fields(Run))

_run = msgspec.json.Decoder(Run).decode


class NotOurs(Exception):  # noqa: N818 - not an error: what a line turned out to be
    """The line is no run; `reason` is `None` where it is another kind of line of ours."""

    def __init__(self, reason: Reason | None, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def quick(line: bytes) -> Run | None:
    """The event of a line exactly as we write it; `None` for any other, which `patient` looks into."""
    try:
        run = _run(line)
        return run if run.timestamp.tzinfo is UTC and run.start is None else utc(run)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None


def patient(line: bytes) -> Run:
    """The event of a JSON line, nested or with bytes that aren't UTF-8. Raises `NotOurs` with the reason."""
    try:
        content = msgspec.json.decode(line.decode("utf-8", "replace"))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise NotOurs(Reason.TORN) from None
    if not isinstance(content, dict):
        raise NotOurs(Reason.FOREIGN)
    return _converted(flat(content))


def _converted(record: Mapping[str, Any]) -> Run:
    """The event of a flat record. Raises `NotOurs`."""
    dataset = record.get("event.dataset")
    if dataset in OTHER_DATASETS if isinstance(dataset, str) else False:
        raise NotOurs(None)
    if dataset != DATASET:
        raise NotOurs(Reason.FOREIGN)
    try:
        return utc(msgspec.convert(record, Run))
    except msgspec.ValidationError as error:
        raise NotOurs(Reason.FIELD, str(error)) from None
    except (ValueError, OverflowError):
        raise NotOurs(Reason.FIELD, "@timestamp") from None


def utc(run: Run) -> Run:
    """*run* with its times in UTC. Raises `OverflowError` where the calendar ends."""
    start = None if run.start is None else run.start.astimezone(UTC)
    return msgspec.structs.replace(run, timestamp=run.timestamp.astimezone(UTC), start=start)


def flat(content: dict[str, Any]) -> dict[str, Any]:
    """*content* with dotted names; that of a search hit (`_source`) is unwrapped; labels stay an object."""
    source = content.get("_source")
    record: dict[str, Any] = {}
    _flatten(source if isinstance(source, dict) else content, "", record, DEPTH)
    labels = {name[7:]: record.pop(name) for name in list(record) if name.startswith("labels.")}
    return record | {"labels": labels} if labels else record


def _flatten(content: Mapping[str, Any], prefix: str, record: dict[str, Any], depth: int) -> None:
    """Put each leaf of *content* into *record* under its dotted name."""
    for name, value in content.items():
        if isinstance(value, dict) and depth and prefix + name not in FIELDS:
            _flatten(value, f"{prefix}{name}.", record, depth - 1)
        else:
            record[prefix + name] = value
