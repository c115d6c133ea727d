"""The words of terminal and report: what is ranked by its name, as tasks, queues or tenants; and notes."""

from typing import Any, Final

from slowtask.store.fields import short_name
from slowtask.units import printable

VOWELS: Final = "aeiou"
SPIKY_NOTE: Final = "spiky: most runs are quick, but a few take 20 times as long or more."


def noun_of(group: str | None) -> str:
    """What the values of the field *group* are called: `task`, `queue`, `tenant`."""
    return "task" if group is None else printable(short_name(group))


def plural_of(noun: str) -> str:
    """The plural of *noun*: `queues`, `priorities`, `statuses`."""
    if noun.endswith("y") and noun[-2:-1] not in VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def count_nouns(count: int, noun: str, adjective: str = "") -> str:
    """Format *count* with *noun*: `1 queue`, `118 more tasks`."""
    word = noun if count == 1 else plural_of(noun)
    return f"{count:,} {adjective} {word}" if adjective else f"{count:,} {word}"


def key_by_field(row: dict[str, Any], group: str | None) -> dict[str, Any]:
    """Put what *row* is about under the name of its field instead of `task`; None if it is unknown."""
    if group is None:
        return row
    return {group: row["task"] or None} | {key: value for key, value in row.items() if key != "task"}


def display_value(value: str, noun: str) -> str:
    """The name of a row: the *value*, or `no tenant` for the runs without one."""
    return printable(value) if value else f"no {noun}"
