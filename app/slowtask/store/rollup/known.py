"""Refuse what the hours of a history can't tell: they know only task, queue and version."""

from datetime import datetime
from typing import Final

from slowtask.errors import UsageError
from slowtask.store import Query
from slowtask.store.fields import short_name

KNOWN: Final = frozenset({"task.name", "queue.name", "service.version"})  #: fields of a cell


def require_known_fields(query: Query, until: datetime) -> None:
    """Raise `UsageError` if *query* needs a field that the history, up to *until*, doesn't know."""
    wanted = [*([query.group] if query.group else ()), *(field for field, _ in query.where)]
    for field in wanted:
        if field not in KNOWN:
            raise UsageError(
                f"Runs before {until:%Y-%m-%d %H:%M} UTC come from the history, which knows only task, queue "
                f"and version, not {short_name(field)}: choose later runs by --since {until:%Y-%m-%dT%H:%M}."
            )
