"""Sort the ranking by any of its columns, as the page's URL says: what the script does without a reload."""

from collections.abc import Callable, Sequence
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.show.report.links import Links
from slowtask.cli.show.report.ranking import COLUMNS
from slowtask.rank.ranking import Order, Task
from slowtask.units import capitalize

#: The column of each order.
TITLES: Final[dict[Order, str]] = {
    "total": "Total", "max": "Max", "mean": "Mean", "p50": "Median", "p95": "P95", "p99": "P99",
    "count": "Runs", "failures": "Failed", "killed": "Killed", "memory": "Memory", "wait": "Wait P95",
}  # fmt: skip
VALUES: Final[dict[str, Callable[[Task], float | None]]] = {
    "Share": lambda task: task.share, **{column.title: column.value for column in COLUMNS},
}  # fmt: skip
FALLING: Final = "descending"
RISING: Final = "ascending"


def order_of(context: Context, by: Order, noun: str) -> tuple[str, str]:
    """The title of the column by which the page is sorted, and the direction."""
    wanted, titles = context.get("sort"), {title.lower(): title for title in (capitalize(noun), *VALUES)}
    if wanted not in titles:
        return ("Share" if by == "total" else TITLES[by]), FALLING
    first = FALLING if titles[wanted] in VALUES else RISING
    asked = context.get("order")
    return titles[wanted], asked if asked in {FALLING, RISING} else first


def sort_tasks(tasks: Sequence[Task], context: Context, order: tuple[str, str]) -> list[Task]:
    """Sort *tasks* if the URL asks for it; the others keep their order. What isn't known is lowest."""
    title, direction = order
    if not context.get("sort"):
        return list(tasks)
    if title not in VALUES:
        return sorted(tasks, key=lambda task: task.task, reverse=direction == FALLING)
    value = VALUES[title]
    return sorted(tasks, key=lambda task: _number(value(task)), reverse=direction == FALLING)


def _number(value: float | None) -> float:
    """A sort key."""
    return -1.0 if value is None else value


def make_links(
    context: Context, order: tuple[str, str], address: Callable[[str], str | None], noun: str
) -> Links:
    """The links of the table: names lead to *address*, titles sort by their column, twice the other way."""

    def sort(title: str) -> str:
        first = RISING if title == capitalize(noun) else FALLING
        other = RISING if first == FALLING else FALLING
        return context.change(sort=title.lower(), order=other if order == (title, first) else first)

    return Links(task=address, sort=sort)
