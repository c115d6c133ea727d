r"""PARSE: what a user tells about his logs: how their lines begin, and how their JSON fields are named.

A head is a grok line such as `%{TIME_ISO:time} \[%{NOTSPACE}\] `, built from the patterns of
`logstash/patterns`. Names of fields are put before the shipped ones in `fields.py`.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Final

from slowtask.parse.fields import FieldNames, read_field_names
from slowtask.parse.grok import REFERENCE, expand_line, read_shipped_patterns

#: What a head can give, and the name by which the shipped patterns call it.
HEAD_FIELDS: Final = {
    "time": "[@metadata][time]",
    "level": "[log][level]",
    "process": "[@metadata][process]",
    "logger": "[log][logger]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFormat:
    """How logs differ from those that slowtask knows.

    Raises `ValueError`, which says what is wrong, for a head or a field that can't be used.

    Attributes:
        head: A grok line that matches how a line begins. It is tried before all that slowtask knows; empty:
            there is none.
        fields: Names of JSON fields, each with the kind of value that it has, such as
            `("message", "text")`. They are tried before the names that slowtask knows.
    """

    head: str = ""
    fields: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.head:
            compile_head(self.head)
        if self.fields:
            merge_field_names(self.fields)

    @property
    def field_names(self) -> FieldNames:
        """The names under which each kind of value is looked for in JSON, in order."""
        return merge_field_names(self.fields) if self.fields else read_field_names()


NO_CUSTOM: Final = CustomFormat()


@cache
def compile_head(line: str) -> tuple[re.Pattern[bytes], tuple[str, ...]]:
    """Compile the grok line of a head; returns it, and the field of each of its groups.

    A field of a shipped pattern that isn't one of `HEAD_FIELDS` keeps its own name. Raises `ValueError`.
    """
    _check_references(line)
    shipped = {theirs: ours for ours, theirs in HEAD_FIELDS.items()}
    expression, fields = expand_line(line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compiled = re.compile(rb"(?:%s)\s*" % expression.encode("utf-8", "surrogateescape"), re.DOTALL)
        except re.error as error:
            raise ValueError(f"it isn't a regular expression: {error.msg}") from None
    if compiled.groups != len(fields):
        raise ValueError("write (?:…) for a group; only %{NAME:field} keeps what it matches")
    return compiled, tuple(shipped.get(each, each) for each in fields)


def _check_references(line: str) -> None:
    """Raise `ValueError` if a `%{…}` of *line* can't be used."""
    patterns = read_shipped_patterns()
    for name, field in REFERENCE.findall(line):
        if name not in patterns:
            raise ValueError(f"there is no pattern {name}; {_suggest(name, patterns)}")
        if field and field not in HEAD_FIELDS:
            raise ValueError(f"a head has no field {field}; write {', '.join(HEAD_FIELDS)} or none")
    if "%{" in REFERENCE.sub("", line):
        raise ValueError("%{ isn't followed by a pattern; write %{NAME} or %{NAME:field}")


def _suggest(name: str, patterns: Mapping[str, str]) -> str:
    """What to write instead of *name*."""
    near = get_close_matches(name.upper(), patterns, 1)
    return f"the nearest is {near[0]}" if near else "docs/logs.md names the patterns"


@cache
def merge_field_names(fields: tuple[tuple[str, str], ...]) -> FieldNames:
    """The shipped names of each kind, behind those of *fields*. Raises `ValueError` for an unknown kind."""
    names = dict(read_field_names())
    for name, kind in reversed(fields):
        if kind not in names:
            raise ValueError(f"there is no kind {kind!a}; the kinds are {', '.join(names)}")
        names[kind] = (name, *names[kind])
    return FieldNames(names)


def parse_fields(text: str) -> tuple[tuple[str, str], ...]:
    """Parse `message=text,ts=time`. Raises `ValueError`."""
    parts = [each.strip().rpartition("=") for each in text.split(",") if each.strip()]
    if not all(name and kind for name, _, kind in parts):
        raise ValueError("write NAME=KIND, with commas between, like message=text,ts=time")
    return tuple((name, kind) for name, _, kind in parts)
