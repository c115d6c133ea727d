r"""PARSE: grok patterns compiled for Python, so that Logstash and the parser read the same files.

A file holds one pattern a line, `NAME regular expression`; `%{NAME}` stands for another pattern and
`%{NAME:[field][name]}` keeps what it matches. Patterns match bytes: `\d` and `\s` are ASCII in both.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from slowtask.shipped import shipped_path

#: Those of Logstash's own patterns that ours use; Logstash brings them along.
STANDARD: Final = {"NOTSPACE": r"\S+"}
REFERENCE: Final = re.compile(r"%\{(\w+)(?::([\w@\[\]]+))?\}")
FOLDER: Final = "logstash/patterns"


class Grok:
    """One pattern: `match` gives the groups of its *fields*, in order, from a line's first byte on."""

    def __init__(self, name: str, patterns: Mapping[str, str]) -> None:
        found: list[str] = []
        expression = _expand(f"%{{{name}}}", patterns, found, ())
        self.fields: Final = tuple(found)
        self.match: Final = re.compile(expression.encode(), re.DOTALL).match


def per_line(*names: str) -> re.Pattern[bytes]:
    """Our patterns *names* as one, for `findall` over a block of lines: what it returns is one item a line.

    A line that none of them matches gives an item too, with all its groups empty. The space that a pattern
    allows at a line's end must not take in the line's end.
    """
    found: list[str] = []
    expressions = [
        _expand(f"%{{{name}}}", ours(), found, ()).replace(r"\s*$", r"[^\S\n]*$") for name in names
    ]
    return re.compile("|".join(f"^{each}" for each in [*expressions, ".*$"]).encode(), re.MULTILINE)


def load(text: str) -> dict[str, str]:
    """The patterns of a file: `{name: expression}`, without comments and blank lines."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: expression for name, _, expression in (line.partition(" ") for line in lines)}


@cache
def ours() -> dict[str, str]:
    """The patterns of `logstash/patterns`, and the standard ones they use."""
    patterns = dict(STANDARD)
    for file in sorted(shipped_path(FOLDER).iterdir()):
        patterns |= load(file.read_text(encoding="utf-8"))
    return patterns


def ours_with(name: str, *fields: str) -> Grok:
    """Our pattern *name*. Raises `ValueError` unless its fields are *fields*, in this order.

    The reader unpacks groups by their place: a pattern edited for Logstash must not shift them unseen.
    """
    pattern = Grok(name, ours())
    if pattern.fields != fields:
        raise ValueError(f"pattern {name} has the fields {pattern.fields}, the parser wants {fields}")
    return pattern


def _expand(text: str, patterns: Mapping[str, str], fields: list[str], inside: tuple[str, ...]) -> str:
    """*text* with its references replaced; the fields met are appended to *fields* in the groups' order."""

    def replace(reference: re.Match[str]) -> str:
        name, field = reference.groups()
        if name in inside:
            raise ValueError(f"pattern {name} contains itself")
        if name not in patterns:
            raise ValueError(f"pattern {name} is not defined")
        if field:
            fields.append(field)
        body = _expand(patterns[name], patterns, fields, (*inside, name))
        return f"({body})" if field else f"(?:{body})"

    return REFERENCE.sub(replace, text)
