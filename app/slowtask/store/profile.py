"""All that is known of one task: its times, waits, endings, exceptions and longest runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from slowtask.record.event import SECOND
from slowtask.store import Measurement
from slowtask.store.slots import Unit

#: Chooses among the names of tasks. Raises `UsageError`, or `SourceError` if there are none.
Choose = Callable[[Sequence[str], Measurement], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A task over all its runs. Times are in seconds, moments in µs since the epoch, memory in bytes.

    What the hours of a history don't know is None where a part of the runs comes from one.
    """

    count: int
    failures: int
    killed: int
    retries: int | None  #: runs that weren't the first attempt
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
    cpu_runs: int | None  #: runs with a known CPU time
    cpu: float | None  #: the CPU time of these, added up
    cpu_time: float | None  #: the run times of the same runs, added up
    memory_runs: int | None  #: runs with a known peak memory
    memory_p50: float | None
    memory_p95: float | None
    memory_max: int | None
    margin: float  #: each run time is exact to ± this
    systems: Sequence[str] | None
    services: Sequence[str] | None
    environments: Sequence[str] | None


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

    outcome: str | None  #: None: any but a failure
    action: str | None
    count: int
    total: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Runs that ended with the same exception, whose messages differ at most in their digits."""

    error: str | None
    message: str | None  #: one of them
    count: int
    first: int | None
    last: int | None


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
    width: int  #: µs: of a slot; of a unit the longest
    slots: Sequence[Slot]
    unit: Unit | None = None  #: of a slot; None: all are as wide
    fields: Mapping[str, Groups] = field(default_factory=dict)
    endings: Sequence[Ending] = ()
    messages: Sequence[Message] = ()  #: the most frequent first
    unnamed: int = 0  #: failed runs with rarer messages, which are left out
    unread: int = 0  #: older failed runs whose messages weren't read
    kills: Sequence[Kill] = ()
    behind: Sequence[Holder] = ()  #: the longest share first
    uncounted: int = 0  #: runs that were too many to find out what its jobs waited behind
    worst: Sequence[LongRun] = ()  #: the longest first


def match_names(names: Sequence[str], wanted: str) -> list[str]:
    """Find which of *names* may be meant by *wanted*; all of them if none matches."""
    if "." in wanted and wanted in names:  # most names with a dot are full
        return [wanted]
    return sorted(each for each in names if each == wanted or each.endswith(f".{wanted}")) or sorted(names)


def nulls_last(*values: str | None) -> tuple[tuple[bool, str], ...]:
    """What orders *values* as DuckDB does: by name, and after these those that are None."""
    return tuple((value is None, value or "") for value in values)


def seconds(value: float | None) -> float | None:
    """Nanoseconds as seconds; None if they aren't known."""
    return None if value is None else value / SECOND
