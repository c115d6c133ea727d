"""PARSE: a log that is one JSON document over many lines, as the command lines of clouds print it.

`aws logs get-log-events` and `gcloud logging read --format=json` indent their output. Each object in the
document's list is an entry; the latest may come first.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from slowtask.parse.ndjson import MAX_JSON_LENGTH

MAX_ENTRIES: Final = 200_000  #: that are kept to be put in order
MAX_BROKEN: Final = 10_000
#: A line of an indented document, but not one with the head of a log line.
looks_like_json = re.compile(rb'["{}\]]|\[(?!\d{4}-|[A-Za-z])|(?:-?[\d.eE+-]+|true|false|null),?$').match
BOM: Final = b"\xef\xbb\xbf"
OPENINGS: Final = (b"[", b"{", b"[{")
CLOSINGS: Final = (b"}", b"},", b"}]")
TIMES: Final = ("timestamp", "@timestamp", "time", "receiveTimestamp")


class Entry(NamedTuple):
    """An object of the document, and where it begins."""

    content: dict[str, Any]
    line: int
    offset: int


def begins_document(start: bytes) -> bool:
    """Whether *start*, the first block of a log, is of one document: an opening, and only JSON behind it."""
    lines = [bare for line in start.removeprefix(BOM).split(b"\n") if (bare := line.strip())]
    if not lines or lines[0] not in OPENINGS:
        return bool(lines) and lines[0].startswith((b"[{", b'{"events":[{'))
    whole = lines if start.endswith(b"\n") else lines[:-1]
    return len(lines) > 1 and all(map(looks_like_json, whole))


class Document:
    """Collects the entries of one document, in bounded memory."""

    def __init__(self) -> None:
        self.broken: list[tuple[bytes, int, int]] = []  #: objects that can't be read, with line and offset
        self._entries: list[Entry] = []
        self._lines: list[bytes] = []  #: of the object that is open
        self._size = 0
        self._indent = b""
        self._begin = (0, 0)

    def take(self, line: bytes, number: int, offset: int) -> None:
        """Take the next line. One that isn't JSON breaks the object that is open."""
        bare = line.strip()
        indent = line[: len(line) - len(line.lstrip())]
        if bare and looks_like_json(bare) is None:
            self._break(line, number, offset)
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

    def _add(self, line: bytes) -> None:
        """Add *line* to the open object; too long a one is no entry."""
        self._size += len(line)
        if self._size <= MAX_JSON_LENGTH:
            self._lines.append(line)
        else:
            self._break(line, *self._begin)
            self._lines = []

    def _break(self, text: bytes, number: int, offset: int) -> None:
        """Note that an object can't be read."""
        if len(self.broken) < MAX_BROKEN:
            self.broken.append((text, number, offset))

    def _decode(self, text: bytes, number: int, offset: int) -> None:
        """Keep the entries in *text*: an object, or a list of them."""
        try:
            content = msgspec.json.decode(text.decode("utf-8", "replace"))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._break(text, number, offset)
            return
        if isinstance(content, dict) and isinstance(content.get("events"), list):
            content = content["events"]
        entries = content if isinstance(content, list) else [content]
        for place, entry in enumerate(each for each in entries if isinstance(each, dict)):
            if len(self._entries) < MAX_ENTRIES:
                self._entries.append(Entry(entry, number, offset + place))
            else:
                self._break(text, number, offset)

    def finish(self) -> Iterator[Entry]:
        """Yield the entries, the earliest first. What is still open then is broken."""
        if self._lines:
            self._break(b"\n".join(self._lines), *self._begin)
        times = [time for entry in self._entries if (time := _find_time(entry.content)) is not None]
        newest_first = len(times) > 1 and type(times[0]) is type(times[-1]) and times[0] > times[-1]
        yield from reversed(self._entries) if newest_first else self._entries


def _find_time(content: dict[str, Any]) -> Any:
    """When an entry was logged, comparable to the others of its document."""
    found = next((content[name] for name in TIMES if name in content), None)
    return found if isinstance(found, str | int | float) else None
