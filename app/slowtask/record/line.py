"""Format an event as one line of JSON: of bounded length, without characters that break or fake a line."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from pythonjsonlogger.msgspec import MsgspecFormatter, msgspec_default

from slowtask.record.event import Run, fields

MAX_LINE_BYTES: Final = 16 * 1024  #: of a line, its newline included
MIN_TEXT_LENGTH: Final = 32  #: characters that each field may keep, however long the line is

#: JSON escapes what is below U+0020. These characters also move cursors, end lines or reverse text.
UNSAFE: Final = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")

Record = dict[str, Any]


class LineFormatter(MsgspecFormatter):
    """Formats events as lines, with python-json-logger's msgspec formatter."""

    def __init__(self) -> None:
        super().__init__()
        #: Encodes a `Run` as the formatter would encode its dict, without making the dict.
        self._encode_lines = msgspec.json.Encoder(enc_hook=msgspec_default).encode_lines

    def format_run(self, run: Run, limit: int = MAX_LINE_BYTES) -> bytes:
        """Format *run* as a line of at most *limit* bytes with its newline; cut long texts until it fits."""
        # msgspec leaves out the microseconds of a whole second, `fields` doesn't.
        if run.timestamp.microsecond and (run.start is None or run.start.microsecond):
            try:
                line = self._encode_lines((run,))
            except UnicodeEncodeError:  # a lone surrogate, as in a file name that isn't UTF-8
                return self.format_bounded(fields(run), limit)
            if len(line) <= limit and line.isascii() and b"\x7f" not in line:
                return line
        return self.format_bounded(fields(run), limit)

    def format_bounded(self, record: Record, limit: int) -> bytes:
        """Format *record* with all unsafe characters escaped, and cut it until it fits *limit* bytes."""
        line = self._format_escaped(record)
        while len(line) > limit and shorten(record):
            line = self._format_escaped(record)
        return line

    def _format_escaped(self, record: Record) -> bytes:
        """Format *record* as a line of any length, with all unsafe characters escaped."""
        try:
            text = self.jsonify_log_record(record)
        except UnicodeEncodeError:
            text = self.jsonify_log_record(escape_surrogates(record))
        return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode() + b"\n"


def shorten(record: Record) -> bool:
    """Halve the longest text of *record*, else drop its labels; return False if nothing is left to cut."""
    texts = {
        key: value for key, value in record.items() if isinstance(value, str) and len(value) > MIN_TEXT_LENGTH
    }
    if texts:
        longest = max(texts, key=lambda key: len(texts[key]))
        cut = cut_head if longest == "error.stack_trace" else cut_tail
        record[longest] = cut(texts[longest], len(texts[longest]) // 2)
        return True
    return record.pop("labels", None) is not None


def cut_tail(text: str, length: int) -> str:
    """Cut *text* to at most *length* characters, with … in place of its end."""
    return text if len(text) <= length else text[: length - 1] + "…"


def cut_head(text: str, length: int) -> str:
    """Cut *text* to at most *length* characters, with … in place of its beginning."""
    return text if len(text) <= length else "…" + text[len(text) - length + 1 :]


def escape_surrogates(record: Record) -> Record:
    r"""Return *record* with each lone surrogate of its texts written as `\udc80`."""
    return _map_texts(record, lambda text: text.encode(errors="backslashreplace").decode())


def _map_texts(record: Record, change: Callable[[str], str]) -> Record:
    """Apply *change* to every text of *record*, also to those of its labels."""
    return {
        change(key): change(value)
        if isinstance(value, str)
        else _map_texts(value, change)
        if isinstance(value, dict)
        else value
        for key, value in record.items()
    }
