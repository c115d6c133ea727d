"""Writes beside each log what the parser makes of it, line by line: read the difference before keeping it."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from slowtask.parse.events import events
from slowtask.parse.sources import resolve
from slowtask.record.event import Run, fields, identity

HERE = Path(__file__).parent
DAY = date(2026, 11, 23)  #: on which the workers ran


def found(log: Path) -> list[dict[str, Any]]:
    """For each line of *log* the event that ends there, why it can't be read, or that it is skipped."""
    content = log.read_bytes()
    lines = content.split(b"\n")[: -1 if content.endswith(b"\n") else None]
    ids, offset, status = {}, 0, log.stat()
    for number, line in enumerate(lines, 1):
        ids[identity(f"{status.st_dev}:{status.st_ino}:{offset}")] = number
        offset += len(line) + 1
    told: dict[int, dict[str, Any]] = {}
    for item in events(resolve([str(log)])[0], date=DAY):
        if isinstance(item, Run):
            told[ids[item.id]] = {
                "event": {name: value for name, value in fields(item).items() if name != "event.id"}
            }
        else:
            told[item.line] = {"unparsable": item.reason}
    return [{"line": number} | told.get(number, {"skipped": True}) for number in range(1, len(lines) + 1)]


if __name__ == "__main__":
    for log in sorted(HERE.glob("*.log")):
        expected = b"".join(msgspec.json.encode(each) + b"\n" for each in found(log))
        log.with_suffix(".expected.ndjson").write_bytes(expected)
