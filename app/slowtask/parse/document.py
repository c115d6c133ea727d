"""PARSE: a log that is one JSON document over many lines, as the command lines of clouds print it.

`aws logs get-log-events` and `gcloud logging read --format=json` indent their output; others answer with one
line. Each object in the document's list is an entry; the latest may come first.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

import msgspec

from slowtask.parse.entries import BOM, Collector, Entry, sort_entries
from slowtask.parse.items import Reason

MAX_LENGTH: Final = 8 * 1024 * 1024  #: bytes of an object, or of a document that is one line
#: A line of an indented document, but not one with the head of a log line.
looks_like_json = re.compile(rb'["{}\]]|\[(?!\d{4}-|[A-Za-z])|(?:-?[\d.eE+-]+|true|false|null),?$').match
OPENINGS: Final = (b"[", b"{", b"[{")
CLOSINGS: Final = (b"}", b"},", b"}]")
#: How a document of one line begins: a list, or the answer of a service with one in it.
begins_answer = re.compile(
    rb'\[\{|\{\s*"(?:(?:events|results|data)"\s*:\s*\[|hits"\s*:\s*\{'
    rb'|took"\s*:\s*\d+,\s*"timed_out"|status"\s*:\s*"success",\s*"data"\s*:\s*\{)'
).match


def begins_document(start: bytes) -> bool:
    """Whether *start*, the first block of a log, is of one document: an opening, and only JSON behind it."""
    lines = [bare for line in start.removeprefix(BOM).split(b"\n") if (bare := line.strip())]
    if not lines or lines[0] not in OPENINGS:
        return bool(lines) and begins_answer(lines[0]) is not None
    whole = lines if start.endswith(b"\n") else lines[:-1]
    return len(lines) > 1 and all(map(looks_like_json, whole))


class Document(Collector):
    """Collects the entries of one document."""

    reason: ClassVar[Reason] = Reason.TORN

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[bytes] = []  #: of the object that is open
        self._size = 0
        self._indent = b""
        self._begin = (0, 0)

    def take(self, line: bytes, number: int, offset: int) -> list[Entry]:
        """Take the next line; returns the entries that can be read now: none before the document ends.

        A line that isn't JSON breaks the object that is open.
        """
        bare = line.strip()
        indent = line[: len(line) - len(line.lstrip())]
        if bare and looks_like_json(bare) is None:
            self._refuse(line, number, offset)
            self._lines = []
        elif bare in (b"{", b"[{"):  # what was open only holds entries
            self._lines, self._size, self._indent, self._begin = [b"{"], 0, indent, (number, offset)
        elif self._lines and bare in CLOSINGS and indent == self._indent:
            self._decode(b"\n".join([*self._lines, b"}"]), *self._begin)
            self._lines = []
        elif self._lines:
            self._add(line)
        elif bare.startswith((b"[{", b"{")):
            self._decode(bare.rstrip(b","), number, offset)
        return []

    def _add(self, line: bytes) -> None:
        """Add *line* to the open object; too long a one is no entry."""
        self._size += len(line)
        if self._size <= MAX_LENGTH:
            self._lines.append(line)
        else:
            self._refuse(line, *self._begin)
            self._lines = []

    def _decode(self, text: bytes, number: int, offset: int) -> None:
        """Keep the entries in *text*: an object, or a list of them."""
        try:
            content = msgspec.json.decode(text.decode("utf-8", "replace"))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._refuse(text, number, offset)
            return
        for place, entry in enumerate(list_entries(content)):
            self._keep(Entry(entry, number, offset + place), text)

    def finish(self) -> Iterator[Entry]:
        """Yield the entries, the earliest first. What is still open then is broken."""
        if self._lines:
            self._refuse(b"\n".join(self._lines), *self._begin)
        yield from sort_entries(list(join_rows(self._entries)))


def list_entries(content: Any) -> Iterator[dict[str, Any]]:
    """The entries that *content* holds: a list, an answer of a service with one in it, or else itself."""
    found = open_answer(content) if isinstance(content, dict) else content
    for each in found if isinstance(found, list) else [content]:
        for entry in each if isinstance(each, list) else [each]:
            if isinstance(entry, dict):
                yield entry


def open_answer(answer: dict[str, Any]) -> list[Any] | None:
    """The list of entries in an *answer*; None if it holds none."""
    match answer:
        case {"events": [*found]} | {"results": [*found]} | {"data": [*found]}:  # CloudWatch, Splunk, Datadog
            return found
        case {"hits": {"hits": [*found]}}:  # Elasticsearch
            return [each["_source"] for each in found if isinstance(each, dict) and "_source" in each]
        case {"_index": _, "_source": source}:
            return [source]
        case {"data": {"result": [*streams]}}:  # Loki
            return [
                each for stream in streams if isinstance(stream, dict) for each in open_answer(stream) or ()
            ]
        case {"stream": _, "values": [*values]}:
            pairs = (each for each in values if isinstance(each, list) and len(each) > 1)
            return [{"timestamp": time, "line": line} for time, line, *_ in pairs]
    return None


def join_rows(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Join the columns of each row of CloudWatch Insights, objects of a `field` and its `value`."""
    row: Entry | None = None
    for each in entries:
        column = each.content.get("field") if each.content.keys() == {"field", "value"} else None
        if row and (not isinstance(column, str) or column in row.content):
            yield row
            row = None
        if isinstance(column, str):
            row = row or Entry({}, each.line, each.offset)
            row.content[column] = each.content["value"]
        else:
            yield each
    if row:
        yield row
