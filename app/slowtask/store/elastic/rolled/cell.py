"""Define a cell: the figures of the runs of one task, queue and version in an hour, a day or a month."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from slowtask.store.elastic.rolled.sketch import Counts
from slowtask.store.rollup.spans import Span


class Key(NamedTuple):
    """What a cell is of."""

    span: Span
    start: int  #: ms since the epoch
    task: str
    queue: str | None
    version: str | None


@dataclass(slots=True, kw_only=True)
class Cell:
    """The figures of some runs, which can be added to. Times are in ns; None: no run has that figure."""

    runs: int = 0
    failures: int = 0
    killed: int = 0
    timed: int = 0  #: the runs with a known run time
    total: float = 0  #: the run times, added up
    spread: float = 0  #: the squared differences of the run times from their mean, added up
    max: int | None = None
    cpu: float | None = None
    cpu_time: float | None = None  #: the run times of the runs whose CPU time is known
    memory: int | None = None  #: bytes
    margin: int | None = None
    first: int | None = None  #: µs since the epoch, when the first run ended
    last: int | None = None
    times: Counts = 0
    waits: Counts = 0
    errors: Counter[str] = field(default_factory=Counter)  #: failures by exception

    def add(self, other: "Cell") -> None:
        """Add the runs of *other*."""
        self.spread += other.spread + between(self, other)
        for name in ("runs", "failures", "killed", "timed", "total", "times", "waits"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("cpu", "cpu_time"):
            setattr(self, name, merge(sum, getattr(self, name), getattr(other, name)))
        for name in ("max", "memory", "margin", "last"):
            setattr(self, name, merge(max, getattr(self, name), getattr(other, name)))
        self.first = merge(min, self.first, other.first)
        self.errors.update(other.errors)


def between(one: Cell, other: Cell) -> float:
    """What the distance of two means adds to the spread of both."""
    if not one.timed or not other.timed:
        return 0
    distance = one.total / one.timed - other.total / other.timed
    return distance**2 * one.timed * other.timed / (one.timed + other.timed)


def merge(rule: Any, *values: Any) -> Any:
    """Apply *rule* to the *values* that are known; None without any."""
    known = [each for each in values if each is not None]
    return rule(known) if known else None


def add_up(cells: Iterable[Cell]) -> Cell:
    """All of *cells* as one."""
    whole = Cell()
    for each in cells:
        whole.add(each)
    return whole
