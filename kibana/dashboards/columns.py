"""Buckets: the Lens columns that divide runs by time, by a field's terms, or by ranges of a number."""

from itertools import pairwise
from typing import Any, Final

from dashboards.expression import Column

#: In the unit of the field: nanoseconds.
UNITS: Final = {"ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}

#: Sorts terms by their latest document.
NEWEST: Final = {
    "operationType": "max",
    "sourceField": "@timestamp",
    "label": "Maximum of @timestamp",
    "dataType": "date",
    "isBucketed": False,
    "scale": "ratio",
}


def named(text: str) -> str:
    """The id of a column: `Wait p95` → `wait-p95`, `task.name` → `task-name`."""
    return "-".join("".join(each if each.isalnum() else " " for each in text.lower()).split())


def over_time() -> Column:
    """Buckets of time, as long as the time range and the width of the screen make them."""
    return {
        "operationType": "date_histogram",
        "sourceField": "@timestamp",
        "label": "@timestamp",
        "customLabel": True,
        "dataType": "date",
        "isBucketed": True,
        "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def bucket(source: dict[str, Any]) -> Column:
    """The column of a bucket of the source: ranges if it names bounds, else terms."""
    column = {
        "sourceField": source["field"],
        "label": source["label"],
        "customLabel": True,
        "dataType": "string",
        "isBucketed": True,
        "scale": "ordinal",
    }
    return column | (_ranges(source["ranges"]) if "ranges" in source else _terms(source))


def _terms(source: dict[str, Any]) -> Column:
    """The first *size* terms by the metric that `by` names, by their latest document, or by name.

    Lens counts what lacks the field only beside a bucket of all other terms.
    """
    missing = source.get("missing", False)
    order: dict[str, Any] = {"orderBy": {"type": "alphabetical", "fallback": False}}
    if "by" in source:
        order["orderBy"] = {"type": "column", "columnId": named(source["by"])}
    if source.get("newest"):
        order = {"orderBy": {"type": "custom"}, "orderAgg": NEWEST}
    return {
        "operationType": "terms",
        "params": {
            "size": source["size"],
            **order,
            "orderDirection": "desc" if "by" in source or "newest" in source else "asc",
            "otherBucket": missing or source.get("other", False),
            "missingBucket": missing,
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }


def _ranges(bounds: list[str]) -> Column:
    """The ranges that *bounds* divide a number into, highest first: a heat map draws the first on top."""
    names = [None, *bounds, None]
    return {
        "operationType": "range",
        "params": {
            "type": "range",
            "ranges": [_range(low, high) for low, high in pairwise(names)][::-1],
            "maxBars": "auto",
            "parentFormat": {"id": "range", "params": {"template": "arrow_right", "replaceInfinity": True}},
        },
    }


def _range(low: str | None, high: str | None) -> dict[str, Any]:
    """One range, with a label for people; null is no bound."""
    label = f"{low} to {high}" if low and high else f"over {low}" if low else f"under {high}"
    return {"from": low and nanoseconds(low), "to": high and nanoseconds(high), "label": label}


def nanoseconds(text: str) -> int:
    """`10 ms` in nanoseconds."""
    number, unit = text.split()
    return int(number) * UNITS[unit]
