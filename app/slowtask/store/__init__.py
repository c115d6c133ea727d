"""Measure the runs of a store: log files, or an Elasticsearch.

A store answers a `Query` with a `Measurement`: the figures of each task. `slowtask.rank.ranking` orders them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from slowtask.units import plural

#: The name of a log whose lines give no full dates, and the date that was guessed for the first of them.
Guess = tuple[str, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which runs to measure. Without arguments: all of them.

    Attributes:
        since: Only runs that ended at this time or later. Aware; None: no limit.
        until: Only runs that ended before this time. Aware; None: no limit.
        queues: Only runs of these queues; empty: of all queues, also of unknown ones.
        group: The field whose values are measured instead of tasks, such as `queue.name` or `labels.tenant`,
            as `slowtask.store.fields.find_field` finds it. None: `task.name`.
        where: Only runs in which each of these fields has the value beside it.

    Example:
        ```python
        yesterday = datetime.now(UTC) - timedelta(days=1)
        query = Query(since=yesterday, queues=("mail", "default"))
        ```
    """

    since: datetime | None = None
    until: datetime | None = None
    queues: tuple[str, ...] = ()
    group: str | None = None
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a store knows of one task. Times are in ns; None if no run has that time.

    Attributes:
        task: The full name of the task; with `Query.group` the value of that field, `""` where it is unknown.
        count: How many runs there are.
        failures: How many of them failed.
        killed: How many of them ended because their process was killed.
        timed: How many of them have a known run time.
        total: The run times of all runs, added up.
        max: The longest run time.
        p50: The median of the run times.
        p95: The 95th percentile of the run times.
        p99: The 99th percentile of the run times.
        deviation: The standard deviation of the run times.
        wait_p95: The 95th percentile of the waits.
        cpu: The CPU time of the runs of which it is known, added up.
        cpu_time: The run times of the same runs, added up.
        memory: The most memory that the process of a run needed, in bytes.
        margin: Each run time is exact to ± this.
        first: When the first run ended, in µs since the epoch.
        last: When the last run ended, in µs since the epoch.
    """

    task: str
    count: int
    failures: int
    killed: int
    timed: int
    total: float
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    deviation: float | None
    wait_p95: float | None
    cpu: float | None
    cpu_time: float | None
    memory: int | None
    margin: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLines:
    """Lines that may tell of runs and can't be read: without any, the figures are complete.

    Attributes:
        count: How many there are.
        examples: The first of them, each as `file:line: reason`.
        strange: How many logs have no line that is known; their first lines are among the examples.
    """

    count: int = 0
    examples: tuple[str, ...] = ()
    strange: int = 0

    def __add__(self, other: "BadLines") -> "BadLines":
        """The lines of two logs together."""
        return BadLines(
            count=self.count + other.count,
            examples=self.examples + other.examples,
            strange=self.strange + other.strange,
        )

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.count or self.strange)

    @property
    def sentence(self) -> str:
        """How many there are, in words: `2 lines may tell of runs and weren't read`."""
        logs = f"{plural(self.strange, 'log')} {'has' if self.strange == 1 else 'have'} no line that is known"
        tail = "may tell of a run and wasn't read" if self.count == 1 else "may tell of runs and weren't read"
        lines = f"{plural(self.count, 'line')} {tail}"
        return "; ".join([lines] * bool(self.count) + [logs] * bool(self.strange))


@dataclass(frozen=True, slots=True, kw_only=True)
class FromHistory:
    """That a part of the figures comes from the whole hours of a history, which `slowtask rollup` keeps.

    Attributes:
        until: Figures before this time are from the history.
        since_moved: The full hour that counts as `Query.since`, if that is another time.
        until_moved: The full hour that counts as `Query.until`, if that is another time.
        unfinished: Whether a month of a log is missing: a rollup was interrupted, or not all files are named.
    """

    until: datetime
    since_moved: datetime | None = None
    until_moved: datetime | None = None
    unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a store answers to a query.

    Attributes:
        figures: The figures of each task, in no particular order.
        bad: The lines that may tell of runs and can't be read.
        source: What was read, in words: `3 files`, `elastic.example.org:9200`.
        skipped: How many logs were left out because their packed form was read.
        others: How many lines other programs wrote, by kind, such as `web server`.
        guessed: The logs whose dates were guessed.
        stock: Whether a log isn't slowtask's own.
        workers: How many runs the workers could do at once, by what was seen of them; None if that isn't
            known.
        history: What of it comes from the hours of a history; None: nothing, all was measured run by run.
    """

    figures: tuple[Figures, ...]
    bad: BadLines
    source: str
    skipped: int = 0
    others: Mapping[str, int] = field(default_factory=dict)
    guessed: tuple[Guess, ...] = ()
    stock: bool = False
    workers: int | None = None
    history: FromHistory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The runs of one task on one side of a comparison.

    Attributes:
        figures: None if the task has no run on this side.
        times: How many run times are in each bin. Bin k holds the times of which floor(log(ns) / log(1.005))
            is k; bin -1 holds those of 0 ns.
    """

    figures: Figures | None
    times: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The runs of one task before and after; with `Query.group`, those of one value."""

    task: str
    before: Side
    after: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sets of runs, task by task, in no particular order."""

    pairs: tuple[Pair, ...]
    before: Measurement
    after: Measurement
