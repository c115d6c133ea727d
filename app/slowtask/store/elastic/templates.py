"""The files of the folder `elasticsearch/`: a file's path there is the URL that it is PUT to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slowtask.shipped import shipped_path

FOLDER: Final = "elasticsearch"


def files(*kinds: str) -> list[str]:
    """The files of *kinds* as paths in the folder, without ending: `_index_template/logs-slowtask.run`."""
    folder = shipped_path(FOLDER)
    return [
        str(each.relative_to(folder)).removesuffix(".json")
        for kind in kinds
        for each in sorted((folder / kind).glob("*.json"))
    ]


def content(path: str) -> dict[str, Any]:
    """The JSON of one file."""
    found: dict[str, Any] = json.loads(
        Path(f"{shipped_path(FOLDER) / path}.json").read_text(encoding="utf-8")
    )
    return found


def patterns() -> list[str]:
    """The data streams of slowtask: `logs-slowtask.run-*` and its like."""
    return [each for path in files("_index_template") for each in content(path)["index_patterns"]]


def leaves(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    """The fields of a *mapping* that hold values, each with what is said of it, by dotted name."""
    found: dict[str, dict[str, Any]] = {}
    for name, each in mapping.get("properties", {}).items():
        if "properties" in each:
            found |= leaves(each, f"{prefix}{name}.")
        elif each.get("type") != "object":
            found[prefix + name] = dict(each)
    return found
