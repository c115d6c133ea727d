"""Read the profiles of tasks: copy their runs once, and ask small questions of the copy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from slowtask.store import Measurement, Query
from slowtask.store.history import fit_slot_width
from slowtask.store.place import Places
from slowtask.store.profile import (
    Ending,
    Group,
    Groups,
    Holder,
    Kill,
    LongRun,
    Message,
    Profile,
    Slot,
    Summary,
)

WORST: Final = 10  #: of the longest runs
BEHIND_SLOTS: Final = 400  #: of time, at most, in which waits are put down to other tasks
FIELDS: Final = ("queue", "host", "version", "worker")  #: by which the runs are told apart

Rows = list[dict[str, Any]]
#: Chooses among the names of tasks. Raises `UsageError`, or `SourceError` if there are none.
Choose = Callable[[Sequence[str], Measurement], str]


class Reader(Protocol):
    """Reads runs with the statements of `sql/`."""

    def copy(self, query: Query, values: Mapping[str, Any]) -> None:
        """Fill the table `copied` with the runs of *query*, and parse what DuckDB can't read."""

    def read(self, statement: str, query: Query, values: Mapping[str, Any]) -> Rows:
        """Run *statement* over the runs of *query*, after `copy`."""

    def ask(self, statement: str, values: Mapping[str, Any], *, field: str = "field") -> Rows:
        """Run *statement* over the tables that others filled, with a column for `field`."""

    def describe(self) -> Measurement:
        """What was read; without figures."""

    def place(
        self, filename: str | None, row: Mapping[str, Any], places: Places
    ) -> tuple[str | None, int | None]:
        """The file of a run as the user named it, and the offset of its line."""


def find_task(reader: Reader, wanted: str, query: Query, choose: Choose) -> str:
    """Copy the runs of the task that *wanted* names, or ends the name of; return its full name."""
    names = _copy_runs(reader, query, [wanted], by_ending="." not in wanted)  # most names with a dot are full
    names = names or _copy_runs(reader, query, [wanted], by_ending=True)
    names = sorted(names or (row["task"] for row in reader.read("profile_names", query, {})))
    return choose(names, reader.describe())


def copy_tasks(reader: Reader, tasks: Sequence[str], query: Query) -> None:
    """Copy the runs of *tasks*."""
    _copy_runs(reader, query, tasks, by_ending=False)


def _copy_runs(reader: Reader, query: Query, wanted: Sequence[str], *, by_ending: bool) -> list[str]:
    """Copy the runs of the tasks that are or end as one of *wanted*; return the names of these tasks."""
    endings = {"ending": f".{wanted[0]}", "by_ending": by_ending}
    reader.copy(query, {"names": [*wanted], "name": wanted[0], "several": len(wanted) > 1, **endings})
    return [row["task"] for row in reader.ask("profile_tasks", {})]


def read_profiles(
    reader: Reader, tasks: Sequence[str], query: Query, slots: int, *, brief: bool = False
) -> list[Profile]:
    """Read the profiles of *tasks*, whose runs were copied, over time in at most *slots* slots.

    *brief* ones don't say who else kept the workers busy, and which runs were the longest: for these, all
    runs are read again.
    """
    span = None if brief else _fill_busy(reader, query)
    profiles = [_read_profile(reader, task, slots, span) for task in tasks]
    worst = {} if brief else _read_worst(reader, tasks, query)
    return [replace(each, worst=worst.get(each.task, [])) for each in profiles]


def _read_profile(reader: Reader, task: str, slots: int, span: Mapping[str, Any] | None) -> Profile:
    """The profile of *task*, without its longest runs; *span* is that of the table `busy`."""
    reader.ask("profile_choose", {"task": task})
    [row] = reader.ask("profile_summary", {})
    summary = _name_percentiles(row)
    width = fit_slot_width(summary["first"], summary["last"], slots)
    messages = reader.ask("profile_messages", {})
    total, behind = (None, []) if span is None else _read_behind(reader, span)
    return Profile(
        task=task,
        measurement=reader.describe(),
        summary=Summary(**summary),
        share=summary["total"] / total if total and summary["total"] is not None else None,
        bins={row["bin"]: row["count"] for row in reader.ask("profile_bins", {})},
        width=width,
        slots=[_make_slot(row) for row in reader.ask("profile_slots", {"width": width})],
        fields=_read_groups(reader, summary),
        endings=[Ending(**row) for row in reader.ask("profile_endings", {})],
        messages=[Message(**{key: row[key] for key in Message.__slots__}) for row in messages],
        unnamed=messages[0]["all_runs"] - sum(row["count"] for row in messages) if messages else 0,
        kills=[Kill(**row) for row in reader.ask("profile_kills", {})],
        behind=behind,
    )


def _fill_busy(reader: Reader, query: Query) -> dict[str, Any]:
    """Count who kept the workers busy while jobs of the tasks waited, by slots; return their span."""
    [span] = reader.ask("profile_span", {})
    begin, end = span["begin"] or 0, span["end"] or 0
    reader.read("profile_crews", query, {})
    [crews] = reader.ask("profile_unnamed", {})
    bits = max(0, ((end - begin) // BEHIND_SLOTS).bit_length())
    values = {"begin": begin, "end": end, "bits": bits, **crews}
    reader.read("profile_busy", query, values)
    return values


def _read_behind(reader: Reader, span: Mapping[str, Any]) -> tuple[float | None, list[Holder]]:
    """The worker time of all tasks, and who kept the workers busy while jobs of the chosen one waited."""
    [share] = reader.ask("profile_share", {})
    rows = [row for row in reader.ask("profile_behind", span) if row["wait"] > 0]
    waited = sum(row["wait"] for row in rows)
    return share["total"], [Holder(task=row["task"], share=row["wait"] / waited) for row in rows]


def _read_groups(reader: Reader, whole: Mapping[str, Any]) -> dict[str, Groups]:
    """The runs by each of `FIELDS` that any run has; *whole* has the percentiles of all runs."""
    rows = reader.ask("profile_groups", {})
    found = {name: [row for row in rows if row["field"] == name] for name in FIELDS}
    return {
        name: Groups(groups=_make_groups(reader, name, group, whole), values=group[0]["values"])
        for name, group in found.items()
        if any(row["value"] is not None for row in group)
    }


def _make_slot(row: Mapping[str, Any]) -> Slot:
    """The slot of a row."""
    named = _name_percentiles(row)
    return Slot(at=named.pop("slot"), **named)


def _make_groups(reader: Reader, field: str, rows: Rows, whole: Mapping[str, Any]) -> list[Group]:
    """The groups of *rows*, the values of *field*. A single value has the percentiles of all runs."""
    chosen = [row["value"] for row in rows if row["value"] is not None]
    times = reader.ask("profile_group_times", {"chosen": chosen}, field=field) if len(rows) > 1 else []
    by_value = {row.pop("value"): _name_percentiles(row) for row in times}
    plain = [{key: row[key] for key in row if key not in ("field", "values")} for row in rows]
    names = ("p50", "p95", "wait_p95")
    return [
        Group(**row, **{name: by_value.get(row["value"], whole)[name] for name in names}) for row in plain
    ]


def _read_worst(reader: Reader, tasks: Sequence[str], query: Query) -> dict[str, list[LongRun]]:
    """The longest runs of each of *tasks*, with their places."""
    reader.ask("profile_least", {"worst": WORST, "tasks": [*tasks]})
    places = Places()
    worst: dict[str, list[LongRun]] = {}
    for row in reader.read("profile_worst", query, {"worst": WORST}):
        worst.setdefault(row.pop("task"), []).append(_make_run(reader, row, places))
    return worst


def _make_run(reader: Reader, row: Mapping[str, Any], places: Places) -> LongRun:
    """The run of a row, whose line is looked for."""
    plain = {key: value for key, value in row.items() if key not in ("filename", "place")}
    file, offset = reader.place(row["filename"], row, places)
    return LongRun(**plain, file=file, offset=offset)


#: The names of the percentiles in a list, with what they are divided by.
PERCENTILES: Final[Mapping[str, tuple[tuple[str, ...], float]]] = {
    "times": (("p50", "p95", "p99"), 1e9),
    "wait_times": (("wait_p50", "wait_p95"), 1e9),
    "memories": (("memory_p50", "memory_p95"), 1),
}


def _name_percentiles(row: Mapping[str, Any]) -> dict[str, Any]:
    """*row* with a value for each percentile instead of lists of them; no list: the values aren't known."""
    named = {key: value for key, value in row.items() if key not in PERCENTILES}
    for key, (names, unit) in PERCENTILES.items():
        if key in row:
            values = row[key] or [None] * len(names)
            named |= {
                name: None if value is None else value / unit
                for name, value in zip(names, values, strict=False)
            }
    return named
