"""PARSE: show the layers of one line: its wrappers, its head, its sentence, and the fields of each.

They are those of `peel`, named like their patterns in `logstash/patterns`.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from slowtask.parse.custom import HEAD_FIELDS, CustomFormat
from slowtask.parse.envelope import JSON
from slowtask.parse.fields import Record
from slowtask.parse.format import COLOUR, Unreadable
from slowtask.parse.grok import Grok, read_shipped_patterns
from slowtask.parse.head import Head
from slowtask.parse.headed import CustomHead
from slowtask.parse.items import Reason
from slowtask.parse.ndjson import OWN_LINE_START, decode_lenient, decode_object
from slowtask.parse.peel import peel
from slowtask.parse.sentences import find_sentence
from slowtask.parse.structured import ENDS, STARTED, find_event
from slowtask.parse.wrappers import describe_wrapper, find_wrappers

OWN_HEAD: Final = "--head"
CELERY_HEAD: Final = "CELERY_HEAD"
match_celery_head = Grok(CELERY_HEAD, read_shipped_patterns()).match

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a line."""

    kind: Literal["wrapper", "head", "sentence", "event", "rest"]
    pattern: str = ""  #: the name of the pattern that matched it; empty: none did
    about: str = ""  #: what such a layer comes from; of the rest, its text
    fields: Fields = ()  #: what it gives


def find_layers(line: bytes, custom: CustomFormat) -> Iterator[Layer]:
    """Yield the layers of *line*, the outermost first."""
    text = COLOUR.sub(b"", line.strip(b"\r\n\0"))
    own = CustomHead(custom.head) if custom.head else None
    head = own.find(text) if own else None
    if head is None:
        for name, fields, inner in find_wrappers(text):
            text = inner
            yield Layer(kind="wrapper", pattern=name, about=describe_wrapper(name), fields=_show(fields))
        head = own.find(text) if own else None
    content = _decode(text)
    if head is not None:
        yield from _find_inner_layers(text, OWN_HEAD, head)
    elif content is not None:
        yield from _find_json_layers(text, content, custom)
    elif stock := match_celery_head(text):
        head = Head(stock.end() + 1, time=stock[1], process=stock[2])
        yield from _find_inner_layers(text, CELERY_HEAD, head)
    else:
        yield from _find_inner_layers(text, "HEAD", peel(text).head)


def _find_inner_layers(text: bytes, name: str, head: Head | None) -> Iterator[Layer]:
    """Yield the head of *text*, which the pattern *name* has found, and the sentence."""
    sentence = find_sentence(text, head) if text else None
    known = (sentence.head if sentence is not None else head) or Head(0)
    if known.end:
        pairs = zip(HEAD_FIELDS, known[1:], strict=True)
        fields = _show((field, value) for field, value in pairs if value)
        yield Layer(kind="head", pattern=name if known == head else "HEAD_LOOSE", fields=fields)
    event = find_event(text, known.end)
    rest = text[known.end : len(text) if sentence is None else sentence.at].strip()
    if event:
        yield Layer(kind="sentence", pattern=event, about="an event of django-structlog")
    elif rest.startswith(OWN_LINE_START) and _is_own(rest):
        yield Layer(kind="event", about="an event of slowtask")
    elif rest:
        yield Layer(kind="rest", about=rest.decode("utf-8", "replace"))
    if sentence is not None:
        yield Layer(kind="sentence", pattern=sentence.name, fields=_show(sentence.fields))


def _find_json_layers(text: bytes, content: dict[str, Any], custom: CustomFormat) -> Iterator[Layer]:
    """Yield the layers of a JSON object: slowtask's own event, or the fields of another program."""
    if _is_own(text):
        yield Layer(kind="event", about="an event of slowtask")
        return
    record = Record(content, custom.field_names)
    yield Layer(kind="wrapper", pattern=JSON, fields=_show_record(record))
    event = record.find("text")
    if isinstance(event, str) and event in (STARTED, *ENDS):
        yield Layer(kind="sentence", pattern=event, about="an event of django-structlog")
    elif not event and record.find("task") is not None:
        yield Layer(kind="event", about="a task in fields")
    elif isinstance(event, str):
        yield from find_layers(event.split("\n")[0].encode("utf-8", "replace"), custom)


def _decode(text: bytes) -> dict[str, Any] | None:
    """The JSON object that *text* is; None if it is none."""
    with suppress(Unreadable):
        return decode_object(text)
    return None


def _is_own(text: bytes) -> bool:
    """Whether the JSON object *text* is an event of slowtask, even if a field of it is wrong."""
    try:
        decode_lenient(text)
    except Unreadable as error:
        return error.reason is Reason.FIELD
    return True


def _show(fields: Iterable[tuple[str, bytes]]) -> Fields:
    """*fields* with the names of events: `[host][name]` is `host.name`."""
    return tuple(
        (name.removeprefix("[@metadata]").strip("[]").replace("][", "."), value.decode("utf-8", "replace"))
        for name, value in fields
    )


def _show_record(record: Record) -> Fields:
    """The fields of a JSON object that are used, by kind, each with its own name."""
    found = ((kind, record.find_name(kind), record.find(kind)) for kind in record.kinds)
    return tuple(
        (kind, f"the field {name}" if kind == "text" else f"{value} ({name})")
        for kind, name, value in found
        if name
    )
