"""PARSE: unwrap a line: take off what the programs that carried it have put before it.

The table is `logstash/patterns/wrappers`, which the Logstash filter reads too. A line may be wrapped several
times: by Kubernetes within a journal, by honcho within Compose.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from slowtask.parse.envelope import JSON, Envelope, find_origin
from slowtask.parse.grok import expand_pattern, read_comments, read_patterns

FILE: Final = "wrappers"
ROW: Final = "WRAP_"
MAX_WRAPPERS: Final = 5  #: around one line
MAX_PREFIX: Final = 512  #: bytes of a line in which a wrapper ends
TIME, PROGRAM, PROCESS = "[@metadata][time]", "[@metadata][program]", "[@metadata][process]"
PART, OUTPUT = "[@metadata][part]", "[@metadata][output]"
PID: Final = re.compile(r"\[\d+\]$")  #: a job's process isn't its worker's


class _Row(NamedTuple):
    """A wrapper of the table."""

    name: str
    group: int  #: the first of its groups in the joint expression, which is the whole wrapper
    fields: tuple[str, ...]


def _compile() -> tuple[re.Pattern[bytes], dict[int, _Row]]:
    """All wrappers as one expression, and each row by the number of its outer group."""
    rows, expressions, group = {}, [], 1
    for name in _list_rows():
        expression, fields = expand_pattern(name)
        rows[group] = _Row(name, group, tuple(fields))
        expressions.append(f"({expression})")
        group += 1 + len(fields)
    return re.compile("|".join(expressions).encode()), rows


def _list_rows() -> list[str]:
    """The names of the table's rows, in order: the patterns with a sample that no other pattern uses."""
    patterns = read_patterns(FILE)
    used = set(re.findall(r"%\{(\w+)", " ".join(patterns.values())))
    return [name for name in patterns if name.startswith(ROW) and name not in used]


_expression, _rows = _compile()
_match = _expression.match


def match_any_wrapper(text: bytes, place: int) -> re.Match[bytes] | None:
    """Match one wrapper at *place* of *text*, of whatever kind."""
    found = _match(text, place)
    return found if found is not None and found.end() > place else None


class Unwrapped(NamedTuple):
    """A line without its wrappers."""

    envelope: Envelope  #: what they know
    text: bytes  #: what they carried
    length: int  #: how many bytes they take
    times: tuple[tuple[int, int], ...]  #: where their times begin and end


def unwrap(line: bytes) -> Unwrapped | None:
    """Take the wrappers off *line*; None if it has none."""
    matches = list(_match_wrappers(line))
    if not matches:
        return None
    envelope, length, times = Envelope(), 0, []
    for place, found in matches:
        times += [(place + begin, place + end) for begin, end in _open(envelope, found)]
        length = place + found.end()
    envelope.origin = find_origin(envelope.fields)
    return Unwrapped(envelope, line[length:], length, tuple(times))


def find_wrappers(line: bytes) -> Iterator[tuple[str, list[tuple[str, bytes]], bytes]]:
    """Yield each wrapper of *line*, the outermost first: its name, its fields, and the line within."""
    for place, found in _match_wrappers(line):
        row = _rows[found.lastindex or 0]
        groups = enumerate(row.fields, row.group + 1)
        fields = [(name, found[group]) for group, name in groups if found[group] is not None]
        yield row.name, fields, line[place + found.end() :]


def _match_wrappers(line: bytes) -> Iterator[tuple[int, re.Match[bytes]]]:
    """Yield where each wrapper of *line* begins, and its match, the outermost first."""
    place = 0
    for _ in range(MAX_WRAPPERS):
        found = match_any_wrapper(line[place : place + MAX_PREFIX], 0)
        if found is None:
            return
        yield place, found
        place += found.end()


def describe_wrapper(name: str) -> str:
    """What the wrapper *name* comes from, by the comment above its pattern: `Kubernetes' files, CRI`."""
    if name == JSON:
        return "JSON logs"
    kinds = (part.partition(": ")[0].partition(", with")[0] for part in read_comments(FILE)[name].split("; "))
    return " or ".join(kind for kind in kinds if not kind.startswith(("with ", "not ", ">")))


def _open(envelope: Envelope, found: re.Match[bytes]) -> list[tuple[int, int]]:
    """Note in *envelope* what one more wrapper says; returns where its time begins and ends."""
    row = _rows[found.lastindex or 0]
    envelope.wrappers += (row.name,)
    times = []
    for group, name in enumerate(row.fields, row.group + 1):
        value = found[group]
        if value is None:
            continue
        if name == TIME:
            envelope.time = envelope.time or value
            times.append(found.span(group))
        elif name == OUTPUT:
            envelope.output = value.decode()
        elif name == PART:
            envelope.part = value == b"P"
        else:
            envelope.fields[name] = _clean(name, value.decode("utf-8", "replace"))
    return times


def _clean(name: str, value: str) -> str:
    """*value* without the number of a process, which changes from job to job."""
    return PID.sub("", value) if name in (PROGRAM, PROCESS) else value
