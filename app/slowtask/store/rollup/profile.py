"""Make the profile of a task of its cells: over all its runs, over time, by queue and version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slowtask.record.event import SECOND
from slowtask.store import Figures, Measurement
from slowtask.store.comparison import find_percentiles, middle_of
from slowtask.store.profile import Ending, Group, Groups, Message, Profile, Slot, Summary, seconds
from slowtask.store.slots import Unit

FIELDS: Final = ("queue", "version")  #: that a cell knows
MAX_GROUPS: Final = 10  #: values of a field that are shown
Bins = Mapping[int, int]  #: how many times are in each bin of `slowtask.store.comparison`


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The run time of a task, and when its first and its last run ended."""

    time: float  #: ns
    first: int  #: µs since the epoch
    last: int

    def __or__(self, other: "Total") -> "Total":
        """The runs of both."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return Total(time=self.time + other.time, first=first, last=last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the cells of one task tell."""

    whole: Figures
    slots: Sequence[Slot]  #: in order of time
    fields: Mapping[str, Sequence[Figures]]  #: of each value of FIELDS; `""`: unknown
    times: Bins
    waits: Bins
    errors: Mapping[str, int]  #: failed runs by exception, as far as it is known


def make_profile(
    parts: Parts, measurement: Measurement, whole: float, width: int, unit: Unit | None
) -> Profile:
    """Make the profile of a task; *whole* is the run time of all tasks in ns, *width* that of a slot.

    What only single runs tell isn't in it.
    """
    figures = parts.whole
    return Profile(
        task=figures.task,
        measurement=measurement,
        summary=make_summary(parts),
        share=figures.total / whole if whole and figures.timed else None,
        bins=parts.times,
        width=width,
        unit=unit,
        slots=parts.slots,
        fields={
            name: make_groups(found)
            for name, found in parts.fields.items()
            if any(each.task for each in found)
        },
        endings=make_endings(figures),
        messages=make_messages(parts.errors),
    )


def make_summary(parts: Parts) -> Summary:
    """The figures over all runs. Those of waits, and the shortest run, are within 0.3 %."""
    figures, waits = parts.whole, parts.waits
    wait_p50, wait_p95 = map(seconds, find_percentiles(waits, (0.5, 0.95)))
    total = seconds(figures.total) if figures.timed else None
    return Summary(
        count=figures.count,
        failures=figures.failures,
        killed=figures.killed,
        retries=None,
        first=figures.first,
        last=figures.last,
        timed=figures.timed,
        total=total,
        mean=None if total is None else total / figures.timed,
        min=seconds(min(middle_of(min(parts.times)), figures.max or 0)) if parts.times else None,
        max=seconds(figures.max),
        p50=seconds(figures.p50),
        p95=seconds(figures.p95),
        p99=seconds(figures.p99),
        deviation=seconds(figures.deviation),
        waits=sum(waits.values()),
        waited=seconds(sum(middle_of(place) * count for place, count in waits.items())) if waits else None,
        wait_p50=wait_p50,
        wait_p95=wait_p95,
        wait_max=seconds(middle_of(max(waits))) if waits else None,
        cpu_runs=None,
        cpu=seconds(figures.cpu),
        cpu_time=seconds(figures.cpu_time),
        memory_runs=None,
        memory_p50=None,
        memory_p95=None,
        memory_max=figures.memory,
        margin=figures.margin / SECOND,
        systems=None,
        services=None,
        environments=None,
    )


def make_slot(at: int, figures: Figures) -> Slot:
    """The runs that ended in the slot that begins at *at*."""
    return Slot(
        at=at,
        count=figures.count,
        failures=figures.failures,
        p50=seconds(figures.p50),
        p95=seconds(figures.p95),
        p99=seconds(figures.p99),
        max=seconds(figures.max),
        wait_p95=seconds(figures.wait_p95),
    )


def make_groups(found: Iterable[Figures]) -> Groups:
    """The values of a field, those with most run time first."""
    ordered = sorted(found, key=lambda each: (not each.timed, -each.total, -each.count, each.task))
    return Groups(groups=[make_group(each) for each in ordered[:MAX_GROUPS]], values=len(ordered))


def make_group(figures: Figures) -> Group:
    """The runs with one value of a field."""
    return Group(
        value=figures.task or None,
        count=figures.count,
        failures=figures.failures,
        total=seconds(figures.total) if figures.timed else None,
        p50=seconds(figures.p50),
        p95=seconds(figures.p95),
        wait_p95=seconds(figures.wait_p95),
        cpu=seconds(figures.cpu),
        cpu_time=seconds(figures.cpu_time),
    )


def make_endings(figures: Figures) -> list[Ending]:
    """How the runs ended, as far as cells know: killed, failed otherwise, or not failed."""
    killed = min(figures.killed, figures.failures)
    counts = (
        (None, None, figures.count - figures.failures),
        ("failure", None, figures.failures - killed),
        ("failure", "killed", killed),
    )
    found = [
        Ending(outcome=outcome, action=action, count=count, total=None)
        for outcome, action, count in counts
        if count
    ]
    return sorted(found, key=lambda each: -each.count)


def make_messages(errors: Mapping[str, int]) -> list[Message]:
    """The exceptions of the failed runs, the most frequent first; their messages aren't known."""
    ordered = sorted(errors.items(), key=lambda each: (-each[1], each[0]))
    return [
        Message(error=error, message=None, count=count, first=None, last=None) for error, count in ordered
    ]
