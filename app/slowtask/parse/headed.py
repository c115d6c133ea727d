"""PARSE: lines with a head of the user's own, which is tried before all others."""

from collections.abc import Sequence
from typing import Final

from slowtask.parse.custom import HEAD_FIELDS, compile_head
from slowtask.parse.format import Context, Format, Unreadable
from slowtask.parse.head import MAX_HEAD, Head
from slowtask.parse.items import End, Reason
from slowtask.parse.ndjson import JsonFormat

NONE: Final = (None,) * len(HEAD_FIELDS)


class Headed(Unreadable):
    """A line that begins with such a head: only the sentence behind it tells which format reads it."""

    def __init__(self, head: Head) -> None:
        super().__init__(Reason.UNKNOWN)
        self.head = head


class CustomHead:
    """The head that one grok line matches."""

    def __init__(self, line: str) -> None:
        expression, self._fields = compile_head(line)
        self._match = expression.match

    def find(self, line: bytes) -> Head | None:
        """The head of *line*, if it begins with one."""
        found = self._match(line, 0, MAX_HEAD)
        if found is None or not found[0].strip():
            return None
        values: dict[str, bytes | None] = dict.fromkeys(HEAD_FIELDS)
        for field, value in zip(self._fields, found.groups(), strict=True):
            if field in values:
                values[field] = values[field] or value
        return Head(found.end(), **values)


class HeadedFormat(Format):
    """Hands each line with the user's head back to the reader. A line that begins with { is JSON, though."""

    first_bytes = bytes(each for each in range(256) if each not in JsonFormat.first_bytes)
    head = rb"(?!)"  # a log isn't cut before it

    def __init__(self, context: Context, others: Sequence[Format]) -> None:
        super().__init__(context)
        self._head = CustomHead(context.custom.head)
        self._others = others

    def read(self, line: bytes, _number: int, _offset: int) -> None:
        """Raise `Headed`, or `Unreadable` for a line without that head."""
        head = self._head.find(line)
        raise Unreadable(Reason.UNKNOWN) if head is None else Headed(head)

    def recognizes(self, line: bytes) -> bool:
        """Whether *line* has that head."""
        return self._head.find(line) is not None

    def amends(self, line: bytes, failure: End) -> bool:
        """Whether any format says so."""
        return any(each.amends(line, failure) for each in self._others)

    def withdraws(self, line: bytes, failure: End) -> bool:
        """Whether any format says so."""
        return any(each.withdraws(line, failure) for each in self._others)
