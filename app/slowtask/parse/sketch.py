"""PARSE: sketch a grok line that matches the head of a line, as a start for `--head`.

Times, levels and names that slowtask knows become patterns, words become any text, and what stands between
them stays as it is.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from slowtask.parse.grok import Grok, read_shipped_patterns
from slowtask.parse.peel import search_sentence

MAX_SKETCHED: Final = 120  #: bytes of a line in which its head is looked for
LETTER: Final = rb"[A-Za-z0-9\x80-\xff]"
WORD: Final = re.compile(LETTER)
JOINT: Final = re.compile(rb"[-._/@:]+")
#: A blank, a word, whose parts may be joined by dots and the like, or one other character.
PIECE: Final = re.compile(rb"(\s+)|(%s+(?:[-._/@:]+%s+)*)|." % (LETTER, LETTER), re.DOTALL)
CLOSING: Final = re.compile(rb"[\])}>|:;,~\s-]*")  #: what ends a head
SPECIAL: Final = rb"\.^$*+?{}[]|()"  #: characters that mean something in a regular expression
FIELDS: Final = {"HEAD_LEVEL": "level", "HEAD_PROCESS": "process", "HEAD_LOGGER": "logger"}


class Piece(NamedTuple):
    """A part of a line."""

    text: bytes
    grok: str  #: matches it; empty: it is a word
    known: bool = False  #: it is the first time, level or name that slowtask knows


def _make_table() -> list[tuple[Grok, str, str]]:
    """The patterns that are looked for, each with its name and the field that it gives."""
    patterns = read_shipped_patterns()
    times = re.findall(r"%\{(\w+)\}", patterns["TIME_ANY"])
    fields = dict.fromkeys(times, "time") | FIELDS
    return [(Grok(name, patterns), name, field) for name, field in fields.items()]


_table: Final = _make_table()


def sketch_head(line: bytes) -> str | None:
    """A grok line that matches how *line* begins; None if nothing there is known."""
    end = _find_end(line)
    return "".join(_write(list(_split(line[:end])))) if end else None


def _find_end(line: bytes) -> int:
    """Where the head of *line* ends: before a sentence of RQ's or Celery's, else behind what is known."""
    found = search_sentence(line, 0, MAX_SKETCHED)
    if found is not None and re.match(rb"[A-Z\[]", found[0]) and not line[: found.start()][-1:].isalnum():
        return found.start()
    at = end = 0
    for piece in _split(line[:MAX_SKETCHED]):
        at += len(piece.text)
        end = at if piece.known else end
    closing = CLOSING.match(line, end)
    return closing.end() if end and closing else 0


def _split(line: bytes) -> Iterator[Piece]:
    """Split *line* into pieces. Of two times or levels the first is the line's own."""
    at, given = 0, set[str]()
    while at < len(line):
        name, field, text = _find_known(line, at)
        if text:
            new = field not in given
            given.add(field)
            yield Piece(text, f"%{{{name}:{field}}}" if new else f"%{{{name}}}", known=new)
        else:
            text = _find_text(line, at)
            yield Piece(text, _quote(text))
        at += len(text)


def _find_known(line: bytes, at: int) -> tuple[str, str, bytes]:
    """The pattern, the field and the text of what is known at *at*; empty if nothing is."""
    if not line[:at][-1:].isalnum():
        for grok, name, field in _table:
            found = grok.match(line, at)
            if found and not line[found.end() : found.end() + 1].isalnum():
                return name, field, found[0]
    return "", "", b""


def _find_text(line: bytes, at: int) -> bytes:
    """The blank, word or character at *at*; a word ends before what is known."""
    found = PIECE.match(line, at)
    if found is None or not found[2]:
        return line[at : at + 1] if found is None else found[0]
    for joint in JOINT.finditer(line, at, found.end()):
        if _find_known(line, joint.end())[2]:
            return line[at : joint.start()]
    return found[0]


def _quote(text: bytes) -> str:
    """A blank or character as grok; empty for a word."""
    if text.isspace():
        return " " if text == b" " else r"\s+"
    if WORD.match(text):
        return ""
    if not text.isascii() or text < b" ":
        return "."
    return rf"\{text.decode()}" if text in SPECIAL else text.decode()


def _write(pieces: Sequence[Piece]) -> Iterator[str]:
    """The grok of each of *pieces*. A word goes up to the character behind it, which keeps it quick."""
    for piece, after in zip(pieces, [*pieces[1:], Piece(b" ", " ")], strict=True):
        if piece.grok:
            yield piece.grok
        elif (
            after.text.isspace()
            or after.grok in ("", ".")
            or after.grok.startswith("%{")
            or after.text in piece.text
        ):
            yield r"\S+"
        else:
            yield rf"[^{after.grok}\s]+"
