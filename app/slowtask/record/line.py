"""LINE: an event as one line of JSON: bounded, and with nothing in it that could break or fake a line."""

import re
from collections.abc import Callable
from typing import Any, Final

from pythonjsonlogger.msgspec import MsgspecFormatter

from slowtask.record.event import Run, fields, whole_seconds

LIMIT: Final = 16 * 1024  #: bytes of a line, its newline included
SHORTEST: Final = 32  #: characters that every field may keep

#: JSON escapes what is below U+0020. These move cursors, end lines or turn text around as well.
UNSAFE: Final = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")

Record = dict[str, Any]


class LineFormatter(MsgspecFormatter):
    """python-json-logger's msgspec formatter, for events."""

    def line(self, run: Run, limit: int = LIMIT) -> bytes:
        """*run* as a line of at most *limit* bytes, newline included; long texts are cut until it fits."""
        if whole_seconds(run):
            return self.bounded(fields(run), limit)
        try:
            line = self.jsonify_log_record(run)  # type: ignore[arg-type] # msgspec's takes both, a struct faster
        except UnicodeEncodeError:  # a lone surrogate, as in a file name that isn't UTF-8
            return self.bounded(fields(run), limit)
        if len(line) >= limit or not line.isascii() or "\x7f" in line:
            return self.bounded(fields(run), limit)
        return line.encode() + b"\n"

    def bounded(self, record: Record, limit: int) -> bytes:
        """`line` for all that isn't plain: *record* is cut until it fits, and escaped."""
        line = self._escaped(record)
        while len(line) > limit and shorten(record):
            line = self._escaped(record)
        return line

    def _escaped(self, record: Record) -> bytes:
        """*record* as a line of any length, with nothing unsafe in it."""
        try:
            text = self.jsonify_log_record(record)
        except UnicodeEncodeError:
            text = self.jsonify_log_record(without_surrogates(record))
        return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode() + b"\n"


def shorten(record: Record) -> bool:
    """Halve the longest text of *record*, else drop its labels; False when nothing is left to cut."""
    texts = {key: value for key, value in record.items() if isinstance(value, str) and len(value) > SHORTEST}
    if texts:
        longest = max(texts, key=lambda key: len(texts[key]))
        keep = cut_head if longest == "error.stack_trace" else cut_tail
        record[longest] = keep(texts[longest], len(texts[longest]) // 2)
        return True
    return record.pop("labels", None) is not None


def cut_tail(text: str, length: int) -> str:
    """*text* in at most *length* characters, its end replaced by … where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def cut_head(text: str, length: int) -> str:
    """*text* in at most *length* characters, its beginning replaced by … where it is longer."""
    return text if len(text) <= length else "…" + text[len(text) - length + 1 :]


def without_surrogates(record: Record) -> Record:
    r"""*record* with each lone surrogate of its texts written as `\udc80`."""
    return _mapped(record, lambda text: text.encode(errors="backslashreplace").decode())


def _mapped(record: Record, change: Callable[[str], str]) -> Record:
    """*record* with *change* made to every text, also to those of its labels."""
    return {
        change(key): change(value)
        if isinstance(value, str)
        else _mapped(value, change)
        if isinstance(value, dict)
        else value
        for key, value in record.items()
    }
