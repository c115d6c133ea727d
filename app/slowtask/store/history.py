"""Count runs and a monitor's samples over time, in so few slots that a year stays small."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slowtask.store import Measurement
from slowtask.store.profile import Profile
from slowtask.store.slots import fit_slot_width

MAX_SLOTS: Final = 130
MIN_SLOTS: Final = 24  #: are allowed however few runs there are
RUNS_PER_SLOT: Final = 100  #: on average: a percentile of fewer says little
Rows = Callable[[str], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSlot:
    """The runs of one task that ended in one slot."""

    at: int  #: µs since the epoch: where the slot begins
    task: str | None  #: None: all tasks that aren't shown separately
    count: int
    total: float  #: ns
    p95: float | None  #: ns


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSlot:
    """One queue in one slot."""

    at: int
    queue: str
    count: int  #: runs whose wait is known
    wait: float | None  #: ns, the 95th percentile
    depth: int | None  #: the most jobs that a sample saw waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSlot:
    """One broker in one slot."""

    at: int
    broker: str
    capacity: float  #: 0 to 1, the most that a sample saw


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The runs that ended with the same exception."""

    error: str | None  #: None: not known
    count: int
    task: str  #: in which it was most frequent
    tasks: int  #: in how many tasks it occurred


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a report shows beside the ranking. Empty slots are left out."""

    measurement: Measurement
    leading: tuple[str, ...]  #: the tasks that are shown separately, in the order of the ranking
    width: int  #: µs: of a slot
    first: int  #: µs since the epoch: where the first slot begins
    last: int  #: where the last one begins
    wait: float | None  #: ns, the 95th percentile of all waits
    tasks: tuple[TaskSlot, ...]
    queues: tuple[QueueSlot, ...]
    brokers: tuple[BrokerSlot, ...]
    failures: tuple[Failures, ...]  #: most frequent first
    profiles: tuple[Profile, ...] = ()  #: of the first of the leading tasks


def choose_slot_width(first: int, last: int, runs: int) -> int:
    """How slot_width slots from *first* to *last* (µs) are, that *runs* fill: a width that people know."""
    return fit_slot_width(first, last, min(MAX_SLOTS, max(MIN_SLOTS, runs // RUNS_PER_SLOT)))


def read_history(measurement: Measurement, tasks: Sequence[str], slot_width: int, rows: Rows) -> History:
    """Read the table that history.sql filled. *rows* runs a statement by its name."""
    [span] = rows("history_span")
    [waits] = rows("history_wait")
    names = (None, *tasks)
    return History(
        measurement=measurement,
        leading=tuple(tasks),
        width=slot_width,
        first=span["first"] * slot_width,
        last=span["last"] * slot_width,
        wait=waits["wait"],
        tasks=tuple(
            TaskSlot(task=names[row["place"]], **_slot_fields(row, slot_width, "place"))
            for row in rows("history_tasks")
        ),
        queues=tuple(QueueSlot(**_slot_fields(row, slot_width)) for row in rows("history_queues")),
        brokers=tuple(BrokerSlot(**_slot_fields(row, slot_width)) for row in rows("history_brokers")),
        failures=tuple(Failures(**row) for row in rows("history_errors")),
    )


def _slot_fields(row: Mapping[str, Any], slot_width: int, *without: str) -> dict[str, Any]:
    """The columns of *row* but *without*, with the time of its slot."""
    plain = {name: value for name, value in row.items() if name not in ("slot", *without)}
    return {"at": row["slot"] * slot_width, **plain}
