"""Read the documents that a search returns: runs, and lines that no run could be made of."""

from contextlib import suppress
from typing import Any

import msgspec

from slowtask.record.event import Run
from slowtask.units import printable


def decode_hit(hit: dict[str, Any]) -> Run | None:
    """Decode a run that Elasticsearch returns; None if it isn't one."""
    from slowtask.parse.format import Unreadable  # noqa: PLC0415 - the parser, which rankings don't need
    from slowtask.parse.ndjson import decode_lenient  # noqa: PLC0415

    with suppress(Unreadable):
        return decode_lenient(msgspec.json.encode(hit))
    return None


def describe_line(hit: dict[str, Any]) -> str:
    """Describe an unparsed line as `file@offset: reason`."""
    from slowtask.parse.items import SENTENCES  # noqa: PLC0415 - the parser, which nothing else here needs

    source = hit["_source"]
    log, event = source.get("log", {}), source.get("event", {})
    reason = str(event.get("reason", "refused"))  # Filebeat keeps what Elasticsearch refuses, and names none
    sentence = next((text for known, text in SENTENCES.items() if known == reason), reason)
    place = f"{log.get('file', {}).get('path', '?')}@{log.get('offset', '?')}"
    detail = source.get("error", {}).get("message") or source.get("error.message")
    return printable(f"{place}: {sentence}" + (f" ({detail})" if detail else ""))
