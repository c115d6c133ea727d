"""SEE: what a history holds as the rows of charts: one value for each name and slot."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from slowtask.cli.show.report import moments
from slowtask.cli.show.report.chart import shown

Row = dict[str, Any]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What *name* has in the slot at *at* (µs)."""

    at: int
    name: str | None
    value: float


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a chart: all so wide (µs)."""

    first: int
    last: int
    width: int

    @property
    def span(self) -> tuple[float, float]:
        """Of the axis of time, in ms."""
        return self.first / 1e3, (self.last + self.width) / 1e3

    def edges(self, at: int) -> Row:
        """Where the slot at *at* begins and ends, in ms."""
        return {"from": at / 1e3, "to": (at + self.width) / 1e3}


def lines(values: Sequence[Value], slots: Slots, *, joined: bool) -> dict[str, list[Row]]:
    """The points of a line for each name, and which of them stand alone.

    A line breaks where a slot has no value, unless *joined*: what was sampled goes on between two samples.
    """
    points: list[Row] = []
    alone: list[Row] = []
    for name, series in _by_name(values).items():
        at = [each.at for each in series]
        for place, each in enumerate(series):
            point: Row = {"at": (each.at + slots.width / 2) / 1e3, "name": shown(name), "value": each.value}
            before = place > 0 and (joined or at[place - 1] == each.at - slots.width)
            after = place + 1 < len(at) and (joined or at[place + 1] == each.at + slots.width)
            points.append(point)
            if not after:
                points.append(point | {"at": point["at"] + 1, "value": None})
            if not before and not after:
                alone.append(point)
    return {"points": points, "alone": alone}


def stacks(values: Sequence[Value], names: Sequence[str | None], slots: Slots) -> dict[str, list[Row]]:
    """The parts of a stack for each slot, in the order of *names* from the bottom."""
    order = {name: place for place, name in enumerate(names)}
    reached: dict[int, float] = defaultdict(float)
    points = []
    for each in sorted(values, key=lambda each: (each.at, order[each.name])):
        bottom = reached[each.at]
        reached[each.at] = top = bottom + each.value
        if each.value > 0:
            points.append({**slots.edges(each.at), "name": shown(each.name), "bottom": bottom, "top": top})
    return {"points": points}


def tips(values: Iterable[Value], slots: Slots, say: Callable[[float], str]) -> list[Row]:
    """What each slot has, in words, the highest first."""
    by_slot: Mapping[int, list[Value]] = _grouped(values, lambda each: each.at)
    return [
        {
            **slots.edges(at),
            "tip": "\n".join(
                [
                    moments.slot(at, slots.width),
                    *(f"{say(each.value)}  {shown(each.name)}" for each in sorted(found, key=_falling)),
                ]
            ),
        }
        for at, found in by_slot.items()
    ]


def _falling(value: Value) -> float:
    """Sorts the highest first."""
    return -value.value


def _by_name(values: Iterable[Value]) -> Mapping[str | None, list[Value]]:
    """*values* of each name, in order of time."""
    return _grouped(sorted(values, key=lambda each: each.at), lambda each: each.name)


def _grouped(values: Iterable[Value], key: Callable[[Value], Key]) -> dict[Key, list[Value]]:
    """*values* with the same *key*."""
    groups: dict[Key, list[Value]] = defaultdict(list)
    for each in values:
        groups[key(each)].append(each)
    return groups
