"""PARSE: what is known of a line besides its text: where it came from, and when it was carried on."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from slowtask.parse.fields import Record

JSON: Final = "JSON"  #: a wrapper that no pattern matches
HOST, PROGRAM = "[host][name]", "[@metadata][program]"
CONTAINER, POD, POD_CONTAINER = (
    "[container][name]",
    "[kubernetes][pod][name]",
    "[kubernetes][container][name]",
)
#: What becomes a label of the run, by field.
LABELS: Final = {CONTAINER: "container", POD: "pod", POD_CONTAINER: "container", PROGRAM: "program"}
#: What tells the streams of one log apart.
STREAM: Final = (HOST, CONTAINER, POD, POD_CONTAINER, PROGRAM)


class Origin(NamedTuple):
    """Where a line came from."""

    host: str | None
    labels: dict[str, str] | None  #: of the runs that such lines tell of
    stream: str | None  #: what tells it from the other streams of the log; None: it has but one


NOWHERE: Final = Origin(None, None, None)


class Envelope(msgspec.Struct, kw_only=True):
    """What the wrappers of a line know."""

    wrappers: tuple[str, ...] = ()  #: the names of their patterns, outermost first
    time: bytes | None = None  #: when it was carried on, as the outermost wrapper with a date shows it
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    part: bool = False  #: the line goes on in the next of its stream and output
    output: str = ""  #: stdout or stderr

    origin: Origin = NOWHERE  #: what `find_origin` makes of the fields


def find_origin(fields: Mapping[str, str]) -> Origin:
    """Where a line with these *fields* came from."""
    return Origin(
        host=fields.get(HOST),
        labels={label: fields[name] for name, label in LABELS.items() if name in fields} or None,
        stream=" ".join(fields[name] for name in STREAM if name in fields) or None,
    )


#: What JSON logs know, by the kind of their field.
FIELDS: Final = {"host": HOST, "container": CONTAINER, "pod": POD, "program": PROGRAM}
EPOCH: Final = re.compile(r"\d{10,19}")
SECONDS_LENGTH: Final = 10  #: digits of the seconds since 1970, until the year 2286
DOCKER_PART: Final = 16 * 1024  #: bytes at which Docker cuts a line


def read_envelope(record: Record) -> Envelope:
    """What a JSON line says of where its text came from."""
    found = {FIELDS[kind]: record.find_text(kind) for kind in FIELDS}
    fields = {name: value for name, value in found.items() if value}
    time = _read_time(record.find("time"))
    return Envelope(wrappers=(JSON,), time=time, fields=fields, origin=find_origin(fields))


def _read_time(value: Any) -> bytes | None:
    """A time of a JSON line as text that `parse_moment` reads."""
    if isinstance(value, int | float):
        value = str(int(value)) if value >= 10**SECONDS_LENGTH else f"{value:.6f}"
    if not isinstance(value, str):
        return None
    if EPOCH.fullmatch(value):
        value = f"{value[:SECONDS_LENGTH]}.{value[SECONDS_LENGTH:] or 0}"
    return bytes(value, "utf-8", "replace")


def is_part(record: Record, text: bytes) -> bool:
    """Whether *text* is a part of a line, which Docker cuts every 16 KiB, that goes on in the next record."""
    return record.find("part") == "true" or (len(text) == DOCKER_PART and not text.endswith(b"\n"))


def join_envelopes(outer: Envelope | None, inner: Envelope) -> Envelope:
    """What the wrappers of a wrapped line say; of two times the one with a full date."""
    if outer is None:
        return inner
    fields = outer.fields | inner.fields
    dated = inner.time is not None and inner.time[:4].isdigit()
    return Envelope(
        wrappers=outer.wrappers + inner.wrappers,
        time=inner.time if dated or outer.time is None else outer.time,
        fields=fields,
        origin=find_origin(fields),
        part=inner.part,
        output=inner.output or outer.output,
    )
