"""The SQL that chooses the runs of a query, and groups them as it says."""

from collections.abc import Mapping
from typing import Any, Final

from slowtask.store import Query
from slowtask.store.shapes import column_of, label_path

#: How runs are compared with the parameter of each limit. A sample of a broker's is of no queue.
LIMITS: Final = {
    "since": "ended >= {}",
    "until": "ended < {}",
    "queues": "(list_contains({}, queue) OR broker IS NOT NULL)",
}

PERIOD: Final = ("since", "until")  #: the first of them


class Choice:
    """The runs of one query, as SQL; its parameters begin with *name*."""

    def __init__(self, query: Query, name: str = "") -> None:
        limits = {"since": query.since, "until": query.until, "queues": list(query.queues) or None}
        self.values: dict[str, Any] = {
            name + key: value for key, value in limits.items() if value is not None
        }
        tests = [sql.format(f"${name}{key}") for key, sql in LIMITS.items() if name + key in self.values]
        period = sum(name + key in self.values for key in PERIOD)
        for place, (field, value) in enumerate(query.where):
            tests.append(f"{self._column(field, f'{name}label_{place}')} = ${name}value_{place}")
            self.values[f"{name}value_{place}"] = value
        self.condition = " AND ".join(tests) or "true"
        self.where = " AND ".join(tests[period:]) or "true"  #: the same without the period
        #: What is measured instead of tasks; None: tasks.
        self.group = f"coalesce({self._column(query.group, f'{name}group')}, '')" if query.group else None

    def _column(self, field: str, parameter: str) -> str:
        """The value of *field*; *parameter* gets the path of a label."""
        if (path := label_path(field)) is not None:
            self.values[parameter] = path
        return column_of(field, f"${parameter}")


def read_runs(files: Mapping[str, list[str]], choice: Choice, *, doubtful: bool = True) -> str:
    """The SQL of the runs of *choice* in *files*, by their kinds, which are macros of macros.sql.

    Where *doubtful* rows are wanted, all rows are among them of which it isn't certain that they are runs.
    """
    condition = f"NOT sound OR ({choice.condition})" if doubtful else choice.condition
    return f"({_select(choice, 'true')} FROM ({_read(files)}) WHERE {condition}) AS runs"


def read_sides(files: Mapping[str, list[str]], before: Choice, after: Choice) -> str:
    """The SQL of the runs of *before* and of *after*, which the column `side` tells apart."""
    side = f"CASE WHEN {before.condition} THEN false WHEN {after.condition} THEN true END"
    return f"({_select(before, side)} FROM ({_read(files)}) WHERE NOT sound OR side IS NOT NULL) AS runs"


def _read(files: Mapping[str, list[str]]) -> str:
    """The SQL of all rows of *files*."""
    return " UNION ALL BY NAME ".join(f"FROM {kind}(${kind})" for kind, names in files.items() if names)


def _select(choice: Choice, side: str) -> str:
    """Select all columns; the task is what *choice* groups by."""
    group = f" REPLACE ({choice.group} AS task)" if choice.group else ""
    return f"SELECT *{group}, {side} AS side"
