"""SEE: what a terminal can't show is replaced, never an error: bars by `#`, `µs` by `us`, names by escapes.

That is done here for all commands, where bytes are made of text. JSON and CSV are UTF-8 on every terminal.
"""

import codecs
import sys
from io import TextIOWrapper
from typing import Final, TextIO

#: An encoding and a handler of errors, by the names that Python knows them by.
ASCII: Final = "slowtask_ascii"
REPLACE: Final = "slowtask_replace"
#: What stands for what, of the same width where it is part of a table.
PLAIN: Final = {
    **dict.fromkeys("█▉▊▋▌", "#"),
    **dict.fromkeys("▍▎▏", "|"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("µμ", "u"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys(map(chr, range(0x2800, 0x2900)), "*"),  # what turns while one waits
    **dict.fromkeys("─━╸╺╴╶", "-"),
    "·": ".",
    "×": "x",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "√": "sqrt ",
    "\N{NO-BREAK SPACE}": " ",
}


def prepare() -> None:
    """Let stdout and stderr replace what they can't show."""
    codecs.register_error(REPLACE, replaced)
    codecs.register(found)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # click takes a stream that is called ASCII for a mistake, and writes UTF-8 to it.
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if ascii_only else None, errors=REPLACE)


def data() -> TextIO:
    """Stdout for other programs: UTF-8, on every terminal."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    return sys.stdout


def found(name: str) -> codecs.CodecInfo | None:
    """ASCII by the name that is ours."""
    if name != ASCII:
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(
        plain.encode, plain.decode, plain.streamreader, plain.streamwriter,
        plain.incrementalencoder, plain.incrementaldecoder, name=ASCII,
    )  # fmt: skip


def replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for the first character of *error*, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, place = error.object, error.start
    behind = text[place + 1 : place + 4]
    match text[place]:
        case "±":  # as wide as it was
            return "+-", place + (2 if behind.startswith(" ") else 1)
        case "…":  # at the end of something, or a name that was cut, in a table
            return "..." if not behind or behind[0] in "\n,;)" else ".", place + 1
        case other:
            return PLAIN.get(other, ascii(other)[1:-1]), place + 1
