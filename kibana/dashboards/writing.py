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
    """JSON with sorted keys and no spaces. What has an order is a list."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
