"""STORE: where the runs are kept, and the figures of each task taken from them.

A store reads runs and returns one `Figures` for each task; `slowtask.rank.ranking` makes the ranking of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which runs to measure: those that ended at or after *since*, before *until*, from one of *queues*."""

    since: datetime | None = None  #: aware
    until: datetime | None = None  #: aware
    queues: tuple[str, ...] = ()  #: empty: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a store knows of one task. Times are in ns; None where no run has that time."""

    task: str
    count: int
    failures: int
    timed: int  #: how many of the runs have a duration
    total: float
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    wait_p95: float | None
    margin: int  #: the durations are ± this
    first: int  #: µs since the epoch: when the first of the runs ended
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Lines that are no run: how many, and the first of them as `file:line: reason`."""

    count: int = 0
    examples: tuple[str, ...] = ()

    def __add__(self, other: "Bad") -> "Bad":
        """Both."""
        return Bad(count=self.count + other.count, examples=self.examples + other.examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a store answers."""

    figures: tuple[Figures, ...]
    bad: Bad
    source: str  #: what was read: `3 files`, `elastic.example.org:9200`
    skipped: int = 0  #: logs left out because their packed form is read


class Store(Protocol):
    """Something that holds runs."""

    def measure(self, query: Query) -> Measurement:
        """The figures of each task over the runs of *query*, in no order. Raises `SourceError`."""
        ...

    def progress(self) -> float | None:
        """How much of `measure` is done, 0 to 1; None: nobody knows. Called from another thread."""
        ...
