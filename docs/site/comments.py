"""Let the API reference explain a field by its comment: `wait: int | None  #: ns in the queue`."""

import re
from typing import Any, Final

import griffe

BEHIND: Final = re.compile(r"\s#: (.+)$")
ABOVE: Final = re.compile(r"^\s*#: (.+)$")


class FieldComments(griffe.Extension):
    """Take a `#:` comment, behind an attribute or in the lines above it, as the attribute's docstring."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Give *attr* its comment, unless it has a docstring."""
        if attr.docstring is None and attr.lineno and (text := comment(attr)):
            attr.docstring = griffe.Docstring(text, lineno=attr.lineno, parent=attr)


def comment(attr: griffe.Attribute) -> str:
    """Return the `#:` comment of *attr*, or an empty text."""
    if behind := BEHIND.search(attr.lines[-1] if attr.lines else ""):
        return behind[1]
    above = []
    for line in reversed(attr.lines_collection[attr.filepath][: attr.lineno - 1]):
        if not (found := ABOVE.match(line)):
            break
        above.insert(0, found[1])
    return " ".join(above)
