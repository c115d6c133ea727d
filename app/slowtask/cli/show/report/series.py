"""Convert the values of a history to the data of charts: one value for each name and slot."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from slowtask.cli.show.report import moments
from slowtask.cli.show.report.chart import display_name
from slowtask.store.slots import Unit, end_of_slot

Row = dict[str, Any]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The value of one name in one slot."""

    at: int  #: where the slot begins, µs since the epoch
    name: str | None  #: None: all others
    value: float


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a chart, in µs."""

    first: int  #: where the first slot begins
    last: int  #: where the last slot begins
    width: int
    unit: Unit | None = None  #: of the calendar; None: all are as wide

    @property
    def span(self) -> tuple[float, float]:
        """The ends of the time axis, in ms."""
        return self.first / 1e3, self.end(self.last) / 1e3

    def end(self, at: int) -> int:
        """The end of the slot at *at*."""
        return end_of_slot(at, self.width, self.unit)

    def edges(self, at: int) -> Row:
        """The begin and the end of the slot at *at*, in ms."""
        return {"from": at / 1e3, "to": self.end(at) / 1e3}


def lines(values: Sequence[Value], slots: Slots, *, joined: bool) -> dict[str, list[Row]]:
    """The points of a line for each name, and those without a neighbour, which are drawn as dots.

    A line breaks where a slot has no value. *joined* lines don't: a sampled value holds until the next
    sample.
    """
    points: list[Row] = []
    alone: list[Row] = []
    for name, series in _by_name(values).items():
        at = [each.at for each in series]
        for place, each in enumerate(series):
            point: Row = {
                "at": (each.at + slots.end(each.at)) / 2e3,
                "name": display_name(name),
                "value": each.value,
            }
            before = place > 0 and (joined or slots.end(at[place - 1]) == each.at)
            after = place + 1 < len(at) and (joined or at[place + 1] == slots.end(each.at))
            points.append(point)
            if not after:
                points.append(point | {"at": point["at"] + 1, "value": None})
            if not before and not after:
                alone.append(point)
    return {"points": points, "alone": alone}


def stacks(values: Sequence[Value], names: Sequence[str | None], slots: Slots) -> dict[str, list[Row]]:
    """The parts of a stacked bar for each slot, in the order of *names* from the bottom."""
    order = {name: place for place, name in enumerate(names)}
    reached: dict[int, float] = defaultdict(float)
    points = []
    for each in sorted(values, key=lambda each: (each.at, order[each.name])):
        bottom = reached[each.at]
        reached[each.at] = top = bottom + each.value
        if each.value > 0:
            points.append(
                {**slots.edges(each.at), "name": display_name(each.name), "bottom": bottom, "top": top}
            )
    return {"points": points}


def tips(values: Iterable[Value], slots: Slots, say: Callable[[float], str]) -> list[Row]:
    """The text that is shown for each slot under the pointer, the highest value first."""
    by_slot: Mapping[int, list[Value]] = _group(values, lambda each: each.at)
    return [
        {
            **slots.edges(at),
            "tip": "\n".join(
                [
                    moments.slot(at, slots.end(at) - at),
                    *(
                        f"{say(value.value)}  {display_name(value.name)}"
                        for value in sorted(group, key=_falling)
                    ),
                ]
            ),
        }
        for at, group in by_slot.items()
    ]


def _falling(value: Value) -> float:
    """A sort key: the highest value first."""
    return -value.value


def _by_name(values: Iterable[Value]) -> Mapping[str | None, list[Value]]:
    """Group *values* by name, in order of time."""
    return _group(sorted(values, key=lambda each: each.at), lambda each: each.name)


def _group(values: Iterable[Value], key: Callable[[Value], Key]) -> dict[Key, list[Value]]:
    """Group *values* by *key*."""
    groups: dict[Key, list[Value]] = defaultdict(list)
    for each in values:
        groups[key(each)].append(each)
    return groups
