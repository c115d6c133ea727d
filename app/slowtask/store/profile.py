"""Read all that is known of one task: its times, waits, endings, exceptions and longest runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from slowtask.store import Measurement, Query
from slowtask.store.history import fit_slot_width
from slowtask.store.place import Places

WORST: Final = 10  #: of the longest runs
BEHIND_SLOTS: Final = 400  #: of time, at most, in which waits are put down to other tasks
FIELDS: Final = ("queue", "host", "version", "worker")  #: by which the runs are told apart

Rows = list[dict[str, Any]]
#: Chooses among the names of tasks. Raises `UsageError`, or `SourceError` if there are none.
Choose = Callable[[Sequence[str], Measurement], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A task over all its runs. Times are in seconds, moments in µs since the epoch, memory in bytes."""

    count: int
    failures: int
    killed: int
    retries: int  #: runs that weren't the first attempt
    first: int  #: when the first run ended
    last: int  #: when the last run ended
    timed: int  #: runs with a known run time
    total: float | None
    mean: float | None
    min: float | None
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    deviation: float | None
    waits: int  #: runs with a known wait
    waited: float | None  #: all waits, added up
    wait_p50: float | None
    wait_p95: float | None
    wait_max: float | None
    cpu_runs: int  #: runs with a known CPU time
    cpu: float | None  #: the CPU time of these, added up
    cpu_time: float | None  #: the run times of the same runs, added up
    memory_runs: int  #: runs with a known peak memory
    memory_p50: float | None
    memory_p95: float | None
    memory_max: int | None
    margin: float  #: each run time is exact to ± this
    systems: Sequence[str]
    services: Sequence[str]
    environments: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The runs that ended in one slot of time."""

    at: int  #: µs since the epoch: where the slot begins
    count: int
    failures: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    wait_p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The runs with one value of a field."""

    value: str | None  #: None: the runs don't have it
    count: int
    failures: int
    total: float | None
    p50: float | None
    p95: float | None
    wait_p95: float | None
    cpu: float | None
    cpu_time: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The values of one field that used most worker time, and how many values there are."""

    groups: Sequence[Group]
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One way in which runs ended."""

    outcome: str
    action: str | None
    count: int
    total: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Runs that ended with the same exception, whose messages differ at most in their digits."""

    error: str | None
    message: str | None  #: one of them
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Runs whose process was killed for the same reason by the same worker."""

    reason: str | None
    host: str | None
    worker: str | None
    count: int
    memory: int | None  #: bytes, the most of any
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRun:
    """One of the longest runs."""

    ended: int
    took: float
    wait: float | None
    cpu: float | None
    memory: int | None
    outcome: str
    action: str | None
    error: str | None
    queue: str | None
    host: str | None
    worker: str | None
    version: str | None
    id: str | None
    task_id: str | None
    attempt: int | None
    trace: str | None
    file: str | None
    offset: int | None  #: of its line, in bytes; None: not known, as in a compressed file


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A task that kept the workers busy meanwhile."""

    task: str | None  #: None: no worker was busy, as far as the log tells
    share: float  #: of the wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that is known of one task."""

    task: str
    measurement: Measurement  #: what was read; without figures
    summary: Summary
    share: float | None  #: of the worker time of all tasks
    bins: Mapping[int, int]  #: how many run times are in each bin of `slowtask.store.comparison`
    width: int  #: µs: of a slot
    slots: Sequence[Slot]
    fields: Mapping[str, Groups] = field(default_factory=dict)
    endings: Sequence[Ending] = ()
    messages: Sequence[Message] = ()  #: the most frequent first
    unnamed: int = 0  #: failed runs with rarer messages, which are left out
    kills: Sequence[Kill] = ()
    behind: Sequence[Holder] = ()  #: the longest share first
    worst: Sequence[LongRun] = ()


class Reader(Protocol):
    """Reads runs with the statements of `sql/`."""

    def copy(self, query: Query, values: Mapping[str, Any]) -> None:
        """Fill the table `profiled` with the runs of *query*, and parse what DuckDB can't read."""

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


def read_profile(reader: Reader, wanted: str, query: Query, choose: Choose, slots: int) -> Profile:
    """Read the profile of the task *wanted*, over time in at most *slots* slots."""
    task = _find_task(reader, wanted, query, choose)
    [row] = reader.ask("profile_summary", {})
    summary = _name_percentiles(row)
    width = fit_slot_width(summary["first"], summary["last"], slots)
    total, behind = _read_behind(reader, query)
    messages = reader.ask("profile_messages", {})
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
        worst=_read_worst(reader, task, query),
    )


def _find_task(reader: Reader, wanted: str, query: Query, choose: Choose) -> str:
    """Copy the runs of the task that *wanted* names, or ends the name of; return its full name."""
    names = _copy_runs(reader, query, wanted, by_ending="." not in wanted)  # most names with a dot are full
    names = names or _copy_runs(reader, query, wanted, by_ending=True)
    names = sorted(names or (row["task"] for row in reader.read("profile_names", query, {})))
    task = choose(names, reader.describe())
    reader.ask("profile_choose", {"task": task})
    return task


def _copy_runs(reader: Reader, query: Query, wanted: str, *, by_ending: bool) -> list[str]:
    """Copy the runs of the tasks that are or end as *wanted*; return the names of these tasks."""
    reader.copy(query, {"name": wanted, "ending": f".{wanted}", "by_ending": by_ending})
    return [row["task"] for row in reader.ask("profile_tasks", {})]


def _read_behind(reader: Reader, query: Query) -> tuple[float | None, list[Holder]]:
    """The worker time of all tasks, and who kept the workers busy while jobs of this one waited."""
    [span] = reader.ask("profile_span", {})
    begin, end = span["begin"] or 0, span["end"] or 0
    bits = max(0, ((end - begin) // BEHIND_SLOTS).bit_length())
    reader.read("profile_crews", query, {})
    [crews] = reader.ask("profile_unnamed", {})
    values = {"begin": begin, "end": end, "bits": bits, **crews}
    reader.read("profile_busy", query, values)
    [share] = reader.ask("profile_share", {})
    rows = reader.ask("profile_behind", values)
    waited = sum(row["wait"] for row in rows)
    return share["total"], [
        Holder(task=row["task"], share=row["wait"] / waited) for row in rows if row["wait"] > 0
    ]


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


def _read_worst(reader: Reader, task: str, query: Query) -> list[LongRun]:
    """The longest runs, with their places."""
    [row] = reader.ask("profile_least", {"worst": WORST})
    if row["least"] is None:
        return []
    values = {"task": task, "least": row["least"], "worst": WORST}
    places = Places()
    return [_make_run(reader, row, places) for row in reader.read("profile_worst", query, values)]


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
