r"""PARSE: compile grok patterns for Python, so that Logstash and the parser read the same files.

A file holds one pattern a line, `NAME regular expression`; `%{NAME}` stands for another pattern and
`%{NAME:[field][name]}` keeps what it matches. Patterns match bytes: `\d` and `\s` are ASCII in both.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from slowtask.shipped import shipped_path

#: Patterns that come with Logstash, as far as slowtask's use them.
STANDARD: Final = {"NOTSPACE": r"\S+"}
REFERENCE: Final = re.compile(r"%\{(\w+)(?::([\w@\[\]]+))?\}")
FOLDER: Final = "logstash/patterns"


class Grok:
    """One pattern. `match` matches from a line's first byte on; its groups are `fields`, in order."""

    def __init__(self, name: str, patterns: Mapping[str, str]) -> None:
        found: list[str] = []
        expression = re.compile(_expand(f"%{{{name}}}", patterns, found, ()).encode(), re.DOTALL)
        self.fields: Final = tuple(found)
        self.match: Final = expression.match
        self.search: Final = expression.search


def compile_per_line(*names: str) -> re.Pattern[bytes]:
    """Compile the patterns *names* into one, whose `findall` over a block of lines returns one item a line.

    A line that none of them matches gives an item with empty groups.
    """
    found: list[str] = []
    # The space that a pattern allows at a line's end must not take in the line break.
    expressions = [
        _expand(f"%{{{name}}}", read_shipped_patterns(), found, ()).replace(r"\s*$", r"[^\S\n]*$")
        for name in names
    ]
    return re.compile("|".join(f"^{each}" for each in [*expressions, ".*$"]).encode(), re.MULTILINE)


def parse_patterns(text: str) -> dict[str, str]:
    """Parse a file of patterns into `{name: expression}`, without comments and blank lines."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: expression for name, _, expression in (line.partition(" ") for line in lines)}


@cache
def read_comments(name: str) -> dict[str, str]:
    """Read the comment above each pattern of the file *name*; a pattern without one shares the last."""
    comments, comment = {}, ""
    for line in (shipped_path(FOLDER) / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment = line.removeprefix("#").strip()
        elif line.strip():
            comments[line.partition(" ")[0]] = comment
    return comments


@cache
def read_shipped_patterns() -> dict[str, str]:
    """Read the patterns of `logstash/patterns`, and add the standard ones that they use."""
    patterns = dict(STANDARD)
    for file in sorted(shipped_path(FOLDER).iterdir()):
        patterns |= read_patterns(file.name)
    return patterns


def read_patterns(name: str) -> dict[str, str]:
    """Read the patterns of the file *name* of `logstash/patterns`, in order."""
    return parse_patterns((shipped_path(FOLDER) / name).read_text(encoding="utf-8"))


def expand_pattern(name: str) -> tuple[str, list[str]]:
    """The regular expression of the shipped pattern *name*, and its fields in the order of its groups."""
    return expand_line(f"%{{{name}}}")


def expand_line(line: str) -> tuple[str, list[str]]:
    """The same of a grok line that is built from shipped patterns. Raises `ValueError`."""
    fields: list[str] = []
    return _expand(line, read_shipped_patterns(), fields, ()), fields


def compile_expression(text: str) -> re.Pattern[bytes]:
    """Compile *text*, in which `%{NAME}` stands for shipped patterns."""
    return re.compile(_expand(text, read_shipped_patterns(), [], ()).encode(), re.DOTALL)


def compile_pattern(name: str, *fields: str) -> Grok:
    """Compile the pattern *name*. Raises `ValueError` unless its fields are *fields*, in this order.

    Formats unpack groups by their place, so a pattern that is edited for Logstash must not shift them.
    """
    pattern = Grok(name, read_shipped_patterns())
    if pattern.fields != fields:
        raise ValueError(f"pattern {name} has the fields {pattern.fields}, the parser wants {fields}")
    return pattern


def _expand(text: str, patterns: Mapping[str, str], fields: list[str], inside: tuple[str, ...]) -> str:
    """Replace the references in *text*, and append the fields met to *fields*, in the order of the groups."""

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
