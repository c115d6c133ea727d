"""Compares reviewed tasks with their figures at the time of the review: one that got worse is shown again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Final

from slowtask.rank.ranking import Task
from slowtask.rank.spread import SPREADS, Spread
from slowtask.units import duration, percent, printable

MIN_RUNS: Final = 20  #: with fewer, a mean says nothing
WORSE_MEAN: Final = 1.2  #: times the mean of then
NOISE: Final = 2.0  #: standard errors by which the mean must be higher too, so that chance wakes no task
MIN_TAIL_RUNS: Final = 100  #: with fewer, a 95th percentile or a spread says nothing
WORSE_TAIL: Final = 1.5  #: times the 95th percentile of then
MIN_FAILURES: Final = 5  #: or kills; the first kill counts anyway
MIN_RATE: Final = 0.01
WORSE_RATE: Final = 2.0  #: times the rate of then
MAX_NAME: Final = 80  #: characters of the reviewer's name that a sentence has


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is written down about one task.

    Attributes:
        by: The reviewer; empty if nobody has reviewed it yet.
        note: What they found.
        seen: When the task was written down, with the figures that follow. Without figures, nothing is worse.
        runs: How many runs it had.
        mean: The mean run time in seconds.
        p95: The 95th percentile of the run times in seconds.
        failure_rate: The share of the runs that failed, 0 to 1.
        killed: How many runs were killed.
        spread: How much the run times differed.
    """

    by: str = ""
    note: str = ""
    seen: date | None = None
    runs: int | None = None
    mean: float | None = None
    p95: float | None = None
    failure_rate: float | None = None
    killed: int | None = None
    spread: Spread | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure that got worse."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a ranking shows of tasks that were written down."""

    hidden: frozenset[str]  #: the names of reviewed tasks that didn't get worse
    worse: Mapping[str, str]  #: for each that did, a sentence


def review_tasks(tasks: Iterable[Task], entries: Mapping[str, Entry]) -> Review:
    """Decide which of *tasks* to hide, by what *entries* say of them.

    A task is hidden if somebody has reviewed it and none of this is true:

    - its mean is 1.2 times what it was then, beyond chance, with 20 runs or more;
    - its 95th percentile is 1.5 times what it was, with 100 runs or more;
    - it fails twice as often, in 1 % of the runs and 5 runs or more;
    - it is killed, and wasn't then; or is killed twice as often, in 5 runs or more;
    - its spread is wilder, with 100 runs or more.
    """
    looked_at = {task.task: task for task in tasks if task.task in entries and entries[task.task].by.strip()}
    changes = {name: find_changes(task, entries[name]) for name, task in looked_at.items()}
    return Review(
        hidden=frozenset(name for name, found in changes.items() if not found),
        worse={name: _describe(entries[name], found) for name, found in changes.items() if found},
    )


def make_entry(task: Task, today: date) -> Entry:
    """Write down the figures of *task*, which nobody has reviewed yet."""
    return Entry(
        seen=today, runs=task.count, mean=task.mean, p95=task.p95, failure_rate=task.failure_rate,
        killed=task.killed, spread=task.spread,
    )  # fmt: skip


def find_changes(task: Task, entry: Entry) -> list[Change]:
    """Find what of *task* is worse than *entry* says, the most important first."""
    finders = (_find_killed, _find_failures, _find_mean, _find_tail, _find_spread)
    return [change for find in finders for change in find(task, entry)]


def _find_mean(task: Task, entry: Entry) -> Iterator[Change]:
    """A higher mean, beyond what chance makes of so many runs."""
    if task.mean is None or entry.mean is None or task.count < MIN_RUNS:
        return
    error = (task.deviation or 0.0) * sqrt(1 / task.count + 1 / max(1, entry.runs or task.count))
    if task.mean >= WORSE_MEAN * entry.mean and task.mean - entry.mean > NOISE * error:
        yield _change("the mean", entry.mean, task.mean, duration)


def _find_tail(task: Task, entry: Entry) -> Iterator[Change]:
    """A higher 95th percentile."""
    if task.p95 is None or entry.p95 is None or task.count < MIN_TAIL_RUNS:
        return
    if task.p95 >= WORSE_TAIL * entry.p95 and task.p95 > entry.p95:
        yield _change("the 95th percentile", entry.p95, task.p95, duration)


def _find_failures(task: Task, entry: Entry) -> Iterator[Change]:
    """A higher failure rate."""
    before = entry.failure_rate
    if before is not None and task.failures >= MIN_FAILURES and _is_higher(task.failure_rate, before):
        yield _change("the failure rate", before, task.failure_rate, percent)


def _find_killed(task: Task, entry: Entry) -> Iterator[Change]:
    """The first kill, or a higher rate of kills."""
    if entry.killed is None or not task.killed:
        return
    before, after = entry.killed / max(1, entry.runs or task.count), task.killed / task.count
    if not entry.killed or (task.killed >= MIN_FAILURES and after >= WORSE_RATE * before):
        yield _change("the share of killed runs", before, after, percent)


def _find_spread(task: Task, entry: Entry) -> Iterator[Change]:
    """A wilder spread."""
    if task.spread is None or entry.spread is None or task.count < MIN_TAIL_RUNS:
        return
    if SPREADS.index(task.spread) > SPREADS.index(entry.spread):
        yield Change(what="the spread", before=entry.spread, after=task.spread)


def _is_higher(after: float, before: float) -> bool:
    """Whether the rate *after* is clearly higher than *before*."""
    return after >= MIN_RATE and after >= WORSE_RATE * before


def _change(what: str, before: float, after: float, say: Callable[[float], str]) -> Change:
    """The change of one figure, in words."""
    return Change(what=what, before=say(before), after=say(after))


def _describe(entry: Entry, changes: Iterable[Change]) -> str:
    """The sentence: `the mean was 2.1 s when team-mail looked at it on 3 Nov, now 4.4 s`."""
    first, *others = changes
    day = f" on {entry.seen.day} {entry.seen:%b}" if entry.seen else ""
    year = f" {entry.seen:%Y}" if entry.seen and entry.seen.year != date.today().year else ""  # noqa: DTZ011
    who = printable(entry.by.strip())[:MAX_NAME]
    sentence = f"{first.what} was {first.before} when {who} looked at it{day}{year}, now {first.after}"
    return "; ".join([sentence, *(f"{each.what} was {each.before}, now {each.after}" for each in others)])
