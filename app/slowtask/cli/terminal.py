"""Replace what a terminal can't show, instead of failing: bars by `#`, `µs` by `us`, names by escapes.

All commands share it, since it works where Python encodes text. JSON and CSV are UTF-8 on every terminal.
"""

import codecs
import sys
from io import TextIOWrapper
from typing import Any, Final, TextIO

from slowtask.units import printable

#: The names under which our encoding and our error handler are registered.
ASCII: Final = "slowtask_ascii"
REPLACE: Final = "slowtask_replace"
#: Replacements, of the same width where they may stand in a table.
REPLACEMENTS: Final = {
    **dict.fromkeys("█▉▊▋▌", "#"),
    **dict.fromkeys("▍▎▏", "|"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("µμ", "u"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys(map(chr, range(0x2800, 0x2900)), "*"),  # the spinner's dots
    **dict.fromkeys("─━╸╺╴╶", "-"),
    "·": ".",
    "×": "x",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "√": "sqrt ",
    "\N{NO-BREAK SPACE}": " ",
}


def replace_unprintable() -> None:
    """Make stdout and stderr replace the characters that their encoding lacks."""
    codecs.register_error(REPLACE, replace_character)
    codecs.register(find_codec)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # click believes that a stream called ASCII is misconfigured, and writes UTF-8 to it.
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if ascii_only else None, errors=REPLACE)


def utf8_stdout() -> TextIO:
    """Return stdout, switched to UTF-8 for data that other programs read."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    return sys.stdout


def print_json(value: Any) -> None:
    """Print *value* as indented JSON, for other programs; msgspec must know how to encode it."""
    import msgspec

    utf8_stdout().write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_message(sentence: str) -> None:
    """Print *sentence* on stderr. A name in it, such as a file's, can't move the cursor or hide text."""
    import click

    click.echo(f"slowtask: {printable(sentence)}", err=True)


def find_codec(name: str) -> codecs.CodecInfo | None:
    """Return ASCII's codec under our own name, as `codecs.register` asks."""
    if name != ASCII:
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(
        plain.encode, plain.decode, plain.streamreader, plain.streamwriter,
        plain.incrementalencoder, plain.incrementaldecoder, name=ASCII,
    )  # fmt: skip


def replace_character(error: UnicodeError) -> tuple[str, int]:
    """Return the replacement of the first character that *error* is about, and where to continue."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, place = error.object, error.start
    following = text[place + 1 : place + 4]
    match text[place]:
        case "±":  # as wide as before
            return "+-", place + (2 if following.startswith(" ") else 1)
        case "…":  # three dots at an end, one in a name that was cut in a table
            return "..." if not following or following[0] in "\n,;)" else ".", place + 1
        case other:
            return REPLACEMENTS.get(other, ascii(other)[1:-1]), place + 1
