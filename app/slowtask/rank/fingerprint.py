"""RANK: what the messages of one mistake have in common, whatever ids, numbers and names are in them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from slowtask.store.profile import Message

MAX_READ: Final = 400  #: characters of a message
MAX_LENGTH: Final = 160  #: characters of a fingerprint

#: What is replaced, in this order where several begin at one place. Each repeats at most a bounded number of
#: times, as a message may be anybody's text.
VARIABLE: Final = re.compile(
    r"""
    (?P<url>\b[a-z][a-z0-9+.-]{1,15}://[^\s'"<>)\]]{1,400})
    | (?P<email>\b[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,5})
    | (?P<uuid>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)
    | (?P<time>\b\d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|\ ?[+-]\d\d:?\d\d)?)?\b
        | \b\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?\b)
    | (?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b
        | (?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:]))
    | (?P<address>\b0x[0-9a-fA-F]{1,32}\b)
    | (?P<path>(?<![\w.<])(?:~|\.{1,2})?(?:/[\w.@%+=~-]{1,255}){2,32}/? | \b[A-Za-z]:\\[^\s'"<>|]{1,400})
    | (?P<value>(?<==)\([^()]{0,400}\))
    | (?P<quoted>(?<!\w)[bru]?(?:'[^']{0,400}'|"[^"]{0,400}")(?!\w))
    | (?P<hex>\b(?=[0-9a-f]{0,400}[0-9])[0-9a-f]{8,400}\b | \b(?=[0-9A-F]{0,400}[0-9])[0-9A-F]{8,400}\b)
    | (?P<token>\b(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[a-z])(?=[\w-]{0,60}[A-Z])[\w-]{16,400}\b)
    | (?P<number>
        (?:(?<![\w)\]])[+-])?(?<![A-Za-z\d])\d{1,40}(?:[.,]\d{1,40}){0,5}(?:e[+-]?\d{1,3}\b)? | \d{4,40})
    """,
    re.VERBOSE,
)
PLACEHOLDERS: Final = {
    "url": "<url>",
    "email": "<email>",
    "uuid": "<id>",
    "time": "<time>",
    "ip": "<ip>",
    "address": "<address>",
    "path": "<path>",
    "value": "(<value>)",
    "hex": "<id>",
    "token": "<id>",
    "number": "<n>",
}
#: A quoted text that says what is wrong rather than with what: `'NoneType'`, `'Connection aborted.'`.
WORDS: Final = re.compile(r"[A-Za-z_. ]{1,60}")
#: Before a quoted text: it is a value, whatever it says.
BEFORE_VALUE: Final = ("=", ":")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """The runs that ended with the same mistake."""

    error: str | None
    fingerprint: str | None  #: None: no message is known
    example: str | None  #: the message of one of them
    count: int
    first: int | None  #: when the first of them ended, in µs since the epoch; None: not known
    last: int | None


def fingerprint(message: str) -> str:
    """What *message* has in common with others of the same mistake.

    Example:
        >>> fingerprint("HTTPSConnectionPool(host='a.example', port=443): Read timed out. (read timeout=30)")
        "HTTPSConnectionPool(host='<text>', port=<n>): Read timed out. (read timeout=<n>)"
    """
    text = VARIABLE.sub(_replace, " ".join(message[:MAX_READ].split()))
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _replace(found: re.Match[str]) -> str:
    """The placeholder of what was found, or the text itself if it says what is wrong."""
    kind = found.lastgroup or ""
    if kind != "quoted":
        return PLACEHOLDERS[kind]
    text = found[0]
    mark = text[-1]
    before = found.string[: found.start()].rstrip()
    if WORDS.fullmatch(text.strip("bru" + mark)) and not before.endswith(BEFORE_VALUE):
        return text
    return f"{mark}<text>{mark}"


def group_messages(messages: Iterable[Message]) -> list[Exceptions]:
    """Join those of *messages* that have the same exception and fingerprint, the most frequent first."""
    groups: dict[tuple[str | None, str | None], Exceptions] = {}
    for each in messages:
        mark = None if each.message is None else fingerprint(each.message)
        key = each.error, mark
        known = groups.get(key)
        groups[key] = _join(known, each) if known else _begin(each, mark)
    return sorted(groups.values(), key=lambda each: (-each.count, each.error or "", each.fingerprint or ""))


def _begin(message: Message, mark: str | None) -> Exceptions:
    """The group of *message* alone."""
    return Exceptions(
        error=message.error,
        fingerprint=mark,
        example=message.message,
        count=message.count,
        first=message.first,
        last=message.last,
    )


def _join(group: Exceptions, message: Message) -> Exceptions:
    """*group* with *message*."""
    return replace(
        group,
        count=group.count + message.count,
        first=min(_known(group.first, message.first), default=None),
        last=max(_known(group.last, message.last), default=None),
    )


def _known(*moments: int | None) -> list[int]:
    """Those of *moments* that are known."""
    return [each for each in moments if each is not None]
