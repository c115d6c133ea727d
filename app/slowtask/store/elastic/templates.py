"""Read the files of the folder `elasticsearch/`. A file's path there is the URL to PUT it to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slowtask.shipped import shipped_path

FOLDER: Final = "elasticsearch"


def list_templates(*kinds: str) -> list[str]:
    """List the files of *kinds* as paths without suffix: `_index_template/logs-slowtask.run`."""
    folder = shipped_path(FOLDER)
    return [
        str(each.relative_to(folder)).removesuffix(".json")
        for kind in kinds
        for each in sorted((folder / kind).glob("*.json"))
    ]


def read_template(path: str) -> dict[str, Any]:
    """Read the JSON of one file."""
    found: dict[str, Any] = json.loads(
        Path(f"{shipped_path(FOLDER) / path}.json").read_text(encoding="utf-8")
    )
    return found


def stream_patterns() -> list[str]:
    """The patterns of slowtask's data streams, such as `logs-slowtask.run-*`."""
    return [
        each for path in list_templates("_index_template") for each in read_template(path)["index_patterns"]
    ]


def leaf_fields(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    """The fields of *mapping* that hold values, by dotted name, each with its own mapping."""
    found: dict[str, dict[str, Any]] = {}
    for name, each in mapping.get("properties", {}).items():
        if "properties" in each:
            found |= leaf_fields(each, f"{prefix}{name}.")
        elif each.get("type") != "object":
            found[prefix + name] = dict(each)
    return found
