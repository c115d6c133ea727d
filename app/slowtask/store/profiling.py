"""Read the profiles of tasks: copy their runs once, and ask small questions of the copy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from slowtask.store import Measurement, Query
from slowtask.store.place import Places
from slowtask.store.profile import (
    Choose,
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
from slowtask.store.reading import Reading, Rows
from slowtask.store.slots import choose_width

WORST: Final = 10  #: of the longest runs
BEHIND_SLOTS: Final = 400  #: of time, at most, in which waits are put down to other tasks
OFTEN: Final = 1000  #: runs of a worker, from which on the runs of the tasks name all workers of their queues
FIELDS: Final = ("queue", "host", "version", "worker")  #: by which the runs are grouped

MANY_RUNS: Final = 2_000_000  #: of lines of JSON; with more, profiles in a report are brief
LEADING_SLOTS: Final = 40  #: of time, in the profiles of a report


def find_task(reading: Reading, wanted: str, query: Query, choose: Choose) -> str:
    """Copy the runs of the task that *wanted* names, or ends the name of; return its full name."""
    names = _copy_runs(
        reading, query, [wanted], by_ending="." not in wanted
    )  # most names with a dot are full
    names = names or _copy_runs(reading, query, [wanted], by_ending=True)
    names = sorted(names or (row["task"] for row in reading.read("profile_names", query, {})))
    return choose(names, reading.describe())


def profile_leading(
    reading: Reading, measurement: Measurement, query: Query, tasks: Sequence[str]
) -> tuple[Profile, ...]:
    """The profiles of *tasks*; brief ones if there is so much to read that it would take long."""
    if not tasks:
        return ()
    _copy_runs(reading, query, tasks, by_ending=False)
    brief = reading.has_json and sum(each.count for each in measurement.figures) > MANY_RUNS
    found = read_profiles(reading, tasks, query, LEADING_SLOTS, brief=brief)
    whole = sum(each.total for each in measurement.figures)
    totals = {each.task: each.total for each in measurement.figures if each.timed}
    return tuple(
        replace(each, share=totals[each.task] / whole if whole and each.task in totals else None)
        for each in found
    )


def read_holders(reading: Reading, tasks: Sequence[str], query: Query) -> Iterator[list[Holder]]:
    """Find out only what the jobs of each of *tasks* waited behind."""
    _copy_runs(reading, query, tasks, by_ending=False)
    span = _fill_busy(reading, query)
    for task in tasks:
        reading.ask("profile_choose", {"task": task})
        yield _read_behind(reading, span)[1]


def _copy_runs(reading: Reading, query: Query, wanted: Sequence[str], *, by_ending: bool) -> list[str]:
    """Copy the runs of the tasks that are or end as one of *wanted*; return the names of these tasks."""
    endings = {"ending": f".{wanted[0]}", "by_ending": by_ending}
    values = {"names": [*wanted], "name": wanted[0], "several": len(wanted) > 1, **endings}

    def copy() -> Rows:
        reading.fill_with("profile", query, values)
        return reading.ask("profile_tasks", {})

    return [row["task"] for row in reading.ask_until_sound(copy)]


def read_profiles(
    reading: Reading, tasks: Sequence[str], query: Query, slots: int, *, brief: bool = False
) -> list[Profile]:
    """Read the profiles of *tasks*, whose runs were copied, over time in at most *slots* slots.

    *brief* ones don't say who else kept the workers busy, and which runs were the longest: for these, all
    runs are read again.
    """
    span = None if brief else _fill_busy(reading, query)
    profiles = [_read_profile(reading, task, slots, span) for task in tasks]
    worst = {} if brief else _read_worst(reading, tasks, query)
    return [replace(each, worst=worst.get(each.task, [])) for each in profiles]


def _read_profile(reading: Reading, task: str, slots: int, span: Mapping[str, Any] | None) -> Profile:
    """The profile of *task*, without its longest runs; *span* is that of the table `busy`."""
    reading.ask("profile_choose", {"task": task})
    [row] = reading.ask("profile_summary", {})
    summary = _name_percentiles(row)
    width, unit = choose_width(summary["first"], summary["last"], slots)
    messages = reading.ask("profile_messages", {})
    total, behind = (None, []) if span is None else _read_behind(reading, span)
    return Profile(
        task=task,
        measurement=reading.describe(),
        summary=Summary(**summary),
        share=summary["total"] / total if total and summary["total"] is not None else None,
        bins={row["bin"]: row["count"] for row in reading.ask("profile_bins", {})},
        width=width,
        unit=unit,
        slots=[_make_slot(row) for row in reading.ask("profile_slots", {"width": width, "unit": unit})],
        fields=_read_groups(reading, summary),
        endings=[Ending(**row) for row in reading.ask("profile_endings", {})],
        messages=[Message(**{key: row[key] for key in Message.__slots__}) for row in messages],
        unnamed=messages[0]["all_runs"] - sum(row["count"] for row in messages) if messages else 0,
        kills=[Kill(**row) for row in reading.ask("profile_kills", {})],
        behind=behind,
    )


def _fill_busy(reading: Reading, query: Query) -> dict[str, Any]:
    """Count who kept the workers busy while jobs of the tasks waited, by slots; return their span."""
    [span] = reading.ask("profile_span", {})
    begin, end = span["begin"] or 0, span["end"] or 0
    _find_crews(reading, query)
    [crews] = reading.ask("profile_unnamed", {})
    bits = max(0, ((end - begin) // BEHIND_SLOTS).bit_length())
    values = {"begin": begin, "end": end, "bits": bits, **crews}
    reading.read("profile_busy", query, values)
    return values


def _find_crews(reading: Reading, query: Query) -> None:
    """Find the workers that serve the queues in which jobs of the tasks waited."""
    [often] = reading.ask("profile_often", {})
    if often["runs"] >= OFTEN:
        reading.ask("profile_served_often", {})
    else:
        reading.read("profile_served", query, {})
    reading.ask("profile_crews", {})


def _read_behind(reading: Reading, span: Mapping[str, Any]) -> tuple[float | None, list[Holder]]:
    """The worker time of all tasks, and who kept the workers busy while jobs of the chosen one waited."""
    [share] = reading.ask("profile_share", {})
    rows = [row for row in reading.ask("profile_behind", span) if row["wait"] > 0]
    waited = sum(row["wait"] for row in rows)
    return share["total"], [Holder(task=row["task"], share=row["wait"] / waited) for row in rows]


def _read_groups(reading: Reading, whole: Mapping[str, Any]) -> dict[str, Groups]:
    """The runs by each of `FIELDS` that any run has; *whole* has the percentiles of all runs."""
    rows = reading.ask("profile_groups", {})
    found = {name: [row for row in rows if row["field"] == name] for name in FIELDS}
    return {
        name: Groups(groups=_make_groups(reading, name, group, whole), values=group[0]["values"])
        for name, group in found.items()
        if any(row["value"] is not None for row in group)
    }


def _make_slot(row: Mapping[str, Any]) -> Slot:
    """The slot of a row."""
    named = _name_percentiles(row)
    return Slot(at=named.pop("slot"), **named)


def _make_groups(reading: Reading, field: str, rows: Rows, whole: Mapping[str, Any]) -> list[Group]:
    """The groups of *rows*, the values of *field*. A single value has the percentiles of all runs."""
    chosen = [row["value"] for row in rows if row["value"] is not None]
    times = reading.ask("profile_group_times", {"chosen": chosen}, field=field) if len(rows) > 1 else []
    by_value = {row.pop("value"): _name_percentiles(row) for row in times}
    plain = [{key: row[key] for key in row if key not in ("field", "values")} for row in rows]
    names = ("p50", "p95", "wait_p95")
    return [
        Group(**row, **{name: by_value.get(row["value"], whole)[name] for name in names}) for row in plain
    ]


def _read_worst(reading: Reading, tasks: Sequence[str], query: Query) -> dict[str, list[LongRun]]:
    """The longest runs of each of *tasks*, with their places."""
    reading.ask("profile_least", {"worst": WORST, "tasks": [*tasks]})
    places = Places()
    worst: dict[str, list[LongRun]] = {}
    for row in reading.read("profile_worst", query, {"worst": WORST}):
        worst.setdefault(row.pop("task"), []).append(_make_run(reading, row, places))
    return worst


def _make_run(reading: Reading, row: Mapping[str, Any], places: Places) -> LongRun:
    """The run of a row, whose line is looked for."""
    plain = {key: value for key, value in row.items() if key not in ("filename", "place")}
    file, offset = reading.place(row["filename"], row, places)
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
