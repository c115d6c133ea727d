"""Saved objects as Kibana imports them: one JSON object a line, the same bytes each time."""

import json
from typing import Any


def saved(
    kind: str, name: str, version: str, attributes: dict[str, Any], references: list[dict[str, str]]
) -> dict[str, Any]:
    """A saved object. Without its type's *version* Kibana would run every old migration over it."""
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": version,
        "managed": False,
    }


def compact(value: Any) -> str:
    """JSON without spaces, keys in the order in which the compiler writes them.

    Kibana's public API numbers a layer's columns by the order of their keys.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
