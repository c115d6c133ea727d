"""PARSE: where JSON logs have what a run is read from: the names of their fields.

The table is `logstash/ruby/slowtask/fields.json`, which the Logstash filter reads too. The setting
`SLOWTASK_LOG_FIELDS` puts names of one's own before it.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from slowtask.shipped import shipped_path

FILE: Final = "logstash/ruby/slowtask/fields.json"
MAX_DEPTH: Final = 4  #: of nested objects
MAX_SHAPES: Final = 1000
#: Where each kind of value is looked for in objects of one shape.
Paths = dict[str, tuple[tuple[str, ...], ...]]


class FieldNames(dict[str, tuple[str, ...]]):
    """The names under which each kind of value is looked for, in order; dots stand for nested objects."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        super().__init__({kind: tuple(each) for kind, each in names.items()})
        self._present: dict[tuple[str, ...], Paths] = {}

    def list_present(self, keys: tuple[str, ...]) -> Paths:
        """The paths of each kind in an object with these *keys*; most lines of a log have the same."""
        if keys not in self._present:
            if len(self._present) > MAX_SHAPES:
                self._present.clear()
            self._present[keys] = {
                kind: tuple(path for name in names if (path := _find_path(name, keys)))
                for kind, names in self.items()
            }
        return self._present[keys]


def _find_path(name: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Where *name* may be in an object with these *keys*; empty: nowhere."""
    first, _, rest = name.partition(".")
    if name in keys:
        return (name,)
    return (first, *rest.split(".")) if rest and first in keys else ()


@cache
def read_field_names() -> FieldNames:
    """The names of the shipped table."""
    return FieldNames(json.loads(shipped_path(FILE).read_text(encoding="utf-8")))


class Record:
    """The fields of one JSON line, by what they mean."""

    def __init__(self, content: Mapping[str, Any], names: FieldNames) -> None:
        self._content = content
        self._paths = names.list_present(tuple(content))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of values that there may be."""
        return tuple(self._paths)

    def find(self, kind: str) -> Any:
        """The first value of *kind* that isn't empty; None if there is none."""
        for path in self._paths[kind]:
            value = self._content[path[0]] if len(path) == 1 else _descend(self._content, path)
            if value is not None and value != "" and not isinstance(value, bool):
                return decode_bytes(value) if isinstance(value, list) else value
        return None

    def find_name(self, kind: str) -> str:
        """The name of the field that `find` takes; empty if there is none."""
        found = ((path, _descend(self._content, path)) for path in self._paths[kind])
        return next((".".join(path) for path, value in found if value not in (None, "", True, False)), "")

    def find_text(self, kind: str) -> str | None:
        """The same as text; None unless it is text or a number."""
        value = self.find(kind)
        if value is None or isinstance(value, str):
            return value
        return str(value) if isinstance(value, int | float) else None

    def find_number(self, kind: str) -> float | None:
        """The same as a number; None unless it is one."""
        value = self.find(kind)
        return float(value) if isinstance(value, int | float) else None


def decode_bytes(value: list[Any]) -> Any:
    """The text that journald writes as a list of bytes, if *value* is one."""
    try:
        return bytes(value).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return value


def _descend(content: Any, path: tuple[str, ...]) -> Any:
    """The value at *path* within *content*."""
    for name in path[:MAX_DEPTH]:
        if not isinstance(content, dict):
            return None
        content = content.get(name)
    return content
