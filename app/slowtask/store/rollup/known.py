"""Refuse what the hours of a history can't tell: they know only task, queue and version."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from slowtask.errors import UsageError
from slowtask.store import Query
from slowtask.store.fields import TASK, short_name

#: The fields of a cell, by which runs can be grouped and chosen, and what each is called in it.
KNOWN: Final[Mapping[str, str]] = {TASK: "task", "queue.name": "queue", "service.version": "version"}


def require_known_fields(query: Query, until: datetime) -> None:
    """Raise `UsageError` if *query* needs a field that the history, up to *until*, doesn't know."""
    wanted = [*([query.group] if query.group else ()), *(field for field, _ in query.where)]
    for field in wanted:
        if field not in KNOWN:
            raise UsageError(
                f"Runs before {until:%Y-%m-%d %H:%M} UTC come from the history, which knows only task, queue "
                f"and version, not {short_name(field)}: choose later runs by --since {until:%Y-%m-%dT%H:%M}."
            )
