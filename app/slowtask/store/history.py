"""STORE: how the runs and a monitor's samples went over time, in so few slots that a year stays small."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slowtask.store import Measurement

SLOTS: Final = 130  #: at most so many
FEW: Final = 24  #: … however few runs there are
RUNS: Final = 100  #: a slot, on average: of fewer a percentile says little
SECOND: Final = 1_000_000  #: µs
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
#: Widths that people know, and that divide a day or are days; longer ones are whole weeks.
WIDTHS: Final = (
    *(each * SECOND for each in (1, 2, 5, 10, 15, 30)),
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 3)),
)
WEEK: Final = 7 * DAY

Rows = Callable[[str], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSlot:
    """The runs of one task that ended in one slot."""

    at: int  #: µs since the epoch: where the slot begins
    task: str | None  #: None: all tasks that aren't among the first
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
    """The runs that one exception ended."""

    error: str | None  #: None: the log doesn't tell
    count: int
    task: str  #: which it ended most often
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a report shows beside the ranking. Slots in which nothing is known are left out."""

    measurement: Measurement
    leading: tuple[str, ...]  #: the tasks that are told apart, in the order of the ranking
    width: int  #: µs: of a slot
    first: int  #: µs since the epoch: where the first slot begins
    last: int  #: where the last one begins
    wait: float | None  #: ns, the 95th percentile of all waits
    tasks: tuple[TaskSlot, ...]
    queues: tuple[QueueSlot, ...]
    brokers: tuple[BrokerSlot, ...]
    failures: tuple[Failures, ...]  #: most frequent first


def width(first: int, last: int, runs: int) -> int:
    """How wide slots from *first* to *last* (µs) are, that *runs* fill: a width that people know."""
    slots = min(SLOTS, max(FEW, runs // RUNS))
    for each in WIDTHS:
        if last // each - first // each < slots:
            return each
    return WEEK * max(1, -(-(last - first) // (WEEK * (slots - 1))))


def history(measurement: Measurement, tasks: Sequence[str], wide: int, rows: Rows) -> History:
    """The history in the table of history.sql, whose other statements *rows* runs by name."""
    [span] = rows("history_span")
    [waits] = rows("history_wait")
    names = (None, *tasks)
    return History(
        measurement=measurement,
        leading=tuple(tasks),
        width=wide,
        first=span["first"] * wide,
        last=span["last"] * wide,
        wait=waits["wait"],
        tasks=tuple(
            TaskSlot(task=names[row["place"]], **_rest(row, wide, "place")) for row in rows("history_tasks")
        ),
        queues=tuple(QueueSlot(**_rest(row, wide)) for row in rows("history_queues")),
        brokers=tuple(BrokerSlot(**_rest(row, wide)) for row in rows("history_brokers")),
        failures=tuple(Failures(**row) for row in rows("history_errors")),
    )


def _rest(row: Mapping[str, Any], wide: int, *without: str) -> dict[str, Any]:
    """*row* with the time of its slot, *without* some columns."""
    plain = {name: value for name, value in row.items() if name not in ("slot", *without)}
    return {"at": row["slot"] * wide, **plain}
