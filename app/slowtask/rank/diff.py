"""RANK: what became of each task between two sets of runs, and what that costs in worker time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from slowtask.rank.costs import Rates, Split, Work, compare_rates, cost, split_change
from slowtask.rank.difference import Judgement, judge_times
from slowtask.rank.digest import span_of
from slowtask.rank.ranking import mean_cpu, name_in_sentence, to_seconds
from slowtask.record.event import SECOND
from slowtask.store import Comparison, Figures, Pair
from slowtask.units import duration, plural

Change = Literal["slower", "faster", "mix", "tail", "same", "unknown", "new", "gone"]
COST_DIGITS: Final = 9  #: after the point, in seconds; what is less is the rounding of floats
MIN_MARGINS: Final = 2  #: median run time of rounded times that can be compared, in their margins
MIN_MARGINS_BESIDE_EXACT: Final = 10  #: the same, if the other side's times are exact
NOT_JUDGED: Final = Judgement(ratio=None, low=None, high=None, change="unknown")
MIN_SPAN: Final = 1.0  #: seconds that a side must last, for its work to be counted by time


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A task's figures on one side. Times are in seconds; None where they are unknown."""

    runs: int
    total: float | None
    mean: float | None
    p50: float | None
    p95: float | None
    max: float | None
    wait_p95: float | None
    failures: int
    failure_rate: float
    killed: int
    cpu: float | None  #: of a run, on average
    memory: int | None  #: bytes: the highest peak
    margin: float  #: each run time is exact to ± this


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What became of one task: an object of `diff --json`."""

    task: str
    change: Change
    slower: bool  #: its runs take longer, for certain
    ratio: float | None  #: how many times as long a typical run takes
    ratio_low: float | None  #: the 95 % interval of that
    ratio_high: float | None
    cost: float | None  #: seconds of worker time that the change of its run times costs, of the runs after
    fails_more: bool  #: more of its runs fail, for certain
    failure_ratio: float | None  #: of the share that failed; None if none failed before
    killed_more: bool
    rough: bool  #: its run times come from log lines in whole seconds, which hide what changed
    before: Part | None
    after: Part | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All tasks, those first whose change costs most, and what became of the whole."""

    tasks: tuple[Difference, ...]
    scale: float  #: how many times as long the side after lasted
    busy: tuple[float, float] | None  #: how many workers were busy on average; None if a side is too short
    split: Split  #: of the change of the worker time, in seconds of the side after
    work: float  #: the worker time before, times the scale


def diff(comparison: Comparison, spans: tuple[float, float] | None = None) -> Diff:
    """Compare both sides of *comparison*, task by task.

    Args:
        comparison: As a store makes it.
        spans: How many seconds the two sides last; None: from the first run to the last.

    Returns:
        The tasks in the order of what their change costs in worker time, the dearest first.
    """
    before, after = spans or (span_of(comparison.before.figures), span_of(comparison.after.figures))
    scale = after / before if min(before, after) >= MIN_SPAN else 1.0
    works = [(work_of(pair.before.figures), work_of(pair.after.figures)) for pair in comparison.pairs]
    found = [judge(pair, scale) for pair in comparison.pairs]
    totals = tuple(sum(work.total for work in side) for side in zip(*works, strict=True)) or (0.0, 0.0)
    timed = min(before, after) >= MIN_SPAN
    return Diff(
        tasks=tuple(sorted(found, key=lambda each: (-(each.cost or 0.0), each.task))),
        scale=scale,
        busy=(totals[0] / before, totals[1] / after) if timed else None,
        split=split_change(works, scale),
        work=totals[0] * scale,
    )


def work_of(figures: Figures | None) -> Work:
    """The runs of known time, and their worker time in seconds."""
    return Work(runs=figures.timed, total=figures.total / SECOND) if figures else Work(runs=0, total=0.0)


def judge(pair: Pair, scale: float) -> Difference:
    """Judge one task; the side after lasted *scale* times as long."""
    before, after = pair.before.figures, pair.after.figures
    rough = is_too_rough(before, after)
    judgement = NOT_JUDGED if rough else judge_times(pair.before.times, pair.after.times)
    change: Change = judgement.change
    if not (before and after):
        change = "new" if after else "gone"
    failed, killed = rates_of(before, after, "failures"), rates_of(before, after, "killed")
    works = work_of(before), work_of(after)
    return Difference(
        task=pair.task,
        change=change,
        slower=change == "slower",
        ratio=judgement.ratio,
        ratio_low=judgement.low,
        ratio_high=judgement.high,
        cost=round(cost(*works, scale), COST_DIGITS) if is_work_known(before, after) else None,
        fails_more=failed.rose,
        failure_ratio=failed.ratio,
        killed_more=killed.rose,
        rough=rough,
        before=part_of(before),
        after=part_of(after),
    )


def is_work_known(*sides: Figures | None) -> bool:
    """Whether each side that has runs has some of known time."""
    return all(figures is None or figures.timed for figures in sides)


def is_too_rough(*sides: Figures | None) -> bool:
    """Whether whole seconds hide what became of the run times."""
    rounded = [figures for figures in sides if figures and is_rounded(figures)]
    least = MIN_MARGINS if len(rounded) == len(sides) else MIN_MARGINS_BESIDE_EXACT
    return all(sides) and any((figures.p50 or 0) < least * figures.margin for figures in rounded)


def is_rounded(figures: Figures) -> bool:
    """Whether most run times are rounded: then the median is a whole number of margins, or half of one.

    The margin alone doesn't tell: in a stock log of Celery only failures are timed in whole seconds.
    """
    if not figures.margin or figures.p50 is None:
        return False
    halves = 2 * figures.p50 / figures.margin
    return abs(halves - round(halves)) < 1e-3  # noqa: PLR2004 - what an estimated percentile may be off


def rates_of(before: Figures | None, after: Figures | None, name: str) -> Rates:
    """Compare the share of the runs that *name* counts."""
    counts = [(getattr(side, name), side.count) if side else (0, 0) for side in (before, after)]
    return compare_rates(*counts[0], *counts[1])


def part_of(figures: Figures | None) -> Part | None:
    """The figures of one side in seconds."""
    if figures is None:
        return None
    return Part(
        runs=figures.count,
        total=to_seconds(figures.total if figures.timed else None),
        mean=to_seconds(figures.total / figures.timed if figures.timed else None),
        p50=to_seconds(figures.p50),
        p95=to_seconds(figures.p95),
        max=to_seconds(figures.max),
        wait_p95=to_seconds(figures.wait_p95),
        failures=figures.failures,
        failure_rate=figures.failures / figures.count,
        killed=figures.killed,
        cpu=to_seconds(mean_cpu(figures)),
        memory=figures.memory,
        margin=figures.margin / SECOND,
    )


def is_regression(task: Difference, limit: float) -> bool:
    """Whether *task* got worse by *limit* times: its run times, or the share that fails or is killed."""
    grew = task.failure_ratio is None or task.failure_ratio >= limit
    return (task.slower and (task.ratio or 0) >= limit) or (task.fails_more and grew) or task.killed_more


def describe(tasks: Sequence[Difference], noun: str = "task") -> str:
    """What changed most, in a few sentences; *noun* is what a row is."""
    slower = [task for task in tasks if task.slower]
    failing = [task for task in tasks if task.fails_more]
    rough = sum(task.rough for task in tasks)
    unknown = sum(task.change == "unknown" for task in tasks) - rough
    parts = [describe_slower(slower, noun)] if slower else []
    if tasks and (tasks[0].cost or 0) > 0 and tasks[0].change in OTHERWISE:
        said = OTHERWISE[tasks[0].change].format(
            task=name_in_sentence(tasks[0].task, noun), price=duration(tasks[0].cost or 0)
        )
        parts.append(said)
    if failing:
        parts.append(f"{names(failing, noun)} {'fails' if len(failing) == 1 else 'fail'} more often.")
    if not slower:
        parts.append(
            f"No {noun} " + ("can be told to be slower." if unknown + rough == len(tasks) else "got slower.")
        )
    if unknown:
        parts.append(f"{plural(unknown, noun)} {'has' if unknown == 1 else 'have'} too few runs to tell.")
    if rough:
        parts.append(f"The times of {plural(rough, noun)} are too rough to tell.")
    return " ".join(parts)


#: A sentence about the dearest task, if it costs more though none of its runs takes longer.
OTHERWISE: Final = {
    "mix": "{task} costs {price} more: more of its runs are long ones.",
    "tail": "{task} costs {price} more: a few more of its runs take very long.",
    "new": "{task} is new and takes {price}.",
}


def describe_slower(slower: Sequence[Difference], noun: str) -> str:
    """Say by how much the first of *slower* tasks got slower, and name the others."""
    first = slower[0]
    ratio = "" if first.ratio is None else f": a run takes {first.ratio:.2f} times as long"
    interval = (
        f" ({first.ratio_low:.2f} to {first.ratio_high:.2f})" if first.ratio_low and first.ratio_high else ""
    )
    price = f", which costs {duration(first.cost)} of worker time" if first.cost and first.cost > 0 else ""
    more = f" {names(slower[1:], noun)} got slower too." if len(slower) > 1 else ""
    return f"{name_in_sentence(first.task, noun)} got slower{ratio}{interval}{price}.{more}"


def names(tasks: Sequence[Difference], noun: str, most: int = 3) -> str:
    """The names of the first of *tasks*: `a, b, c and 4 more`."""
    shown = [name_in_sentence(task.task, noun) for task in tasks[:most]]
    more = len(tasks) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
