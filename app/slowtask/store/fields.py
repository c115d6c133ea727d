"""The fields by which runs can be grouped and chosen, by the names that people use."""

from difflib import get_close_matches
from typing import Final

from slowtask.errors import UsageError
from slowtask.record.event import types

LABELS: Final = "labels."
TASK: Final = "task.name"  #: what runs are grouped by, unless a query says otherwise
#: Short names of fields. Any other keyword of the event goes by its own name, and all else is a label.
SHORT_NAMES: Final = {
    "task": TASK,
    "queue": "queue.name",
    "system": "queue.system",
    "host": "host.name",
    "worker": "worker.name",
    "service": "service.name",
    "version": "service.version",
    "environment": "service.environment",
    "error": "error.type",
    "outcome": "event.outcome",
    "action": "event.action",
}
KEYWORDS: Final = frozenset(name for name, kind in types().items() if kind == "keyword")


def find_field(name: str) -> str:
    """Find the field that *name* means.

    Args:
        name: A short name as `queue`, a field of the event as `queue.name`, or a label as `labels.tenant` or
            `tenant`.

    Returns:
        The field's full name, such as `queue.name` or `labels.tenant`.

    Raises:
        UsageError: There is no such field, and a label can't have this name.

    Example:
        >>> find_field("tenant")
        'labels.tenant'
    """
    field = SHORT_NAMES.get(name, name)
    if field in KEYWORDS:
        return field
    label = name.removeprefix(LABELS)
    if name.startswith(LABELS) or "." not in name:
        if label.strip():
            return LABELS + label
        raise UsageError("A label needs a name, as in labels.tenant.")
    near = get_close_matches(name, sorted(KEYWORDS), n=1)
    hint = f"did you mean {near[0]}?" if near else f"a label is written {LABELS}{name}."
    raise UsageError(f"Runs have no field {name!a}: {hint}")


def label_of(field: str) -> str | None:
    """The label that *field* is; None if it is a field of the event."""
    return field.removeprefix(LABELS) if field.startswith(LABELS) else None


def short_name(field: str) -> str:
    """What people call *field*: `queue`, `tenant`."""
    short = {full: name for name, full in SHORT_NAMES.items()}
    return short.get(field, field.removeprefix(LABELS))
