"""`slowtask collapse --broker rabbitmq`: how a RabbitMQ falls over, in figures and in sentences."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slowtask.cli.show.collapse.redis import TOLD, figures, warned
from slowtask.units import percent, plural, printable, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from slowtask.demo.beside import Step
    from slowtask.demo.rabbitmq.length import Overflow
    from slowtask.demo.rabbitmq.memory import Aftermath, Result
    from slowtask.demo.rabbitmq.publisher import Publishing

#: Here the limit counts as it does for any monitor: most of a node so small is what it needs at rest.
OF_MEMORY: Final = TOLD | {"broker-capacity": "80 % of the limit used"}
CONFIRM: Final = 'app.conf.broker_transport_options = {"confirm_publish": True}'


def rabbitmq(
    folder: Path, step: "Step", limit: str | None, *, fast: bool
) -> "tuple[dict[str, Any], list[Table | str]]":
    """The experiment, one *limit* or both: as JSON has it, and as a person reads it."""
    plain: dict[str, Any] = {}
    lines: list[Table | str] = []
    if limit in (None, "memory"):
        from slowtask.demo.rabbitmq import memory

        result = memory.run(part(folder, "memory"), step, fast=fast)
        plain["memory"] = asdict(result)
        lines += [memory_table(result), *memory_story(result)]
    if limit in (None, "length"):
        from slowtask.demo.rabbitmq import length

        results = length.run(part(folder, "length"), step, fast=fast)
        plain["length"] = [asdict(each) for each in results]
        lines += [*([""] if lines else []), length_table(results), *length_story(results)]
    return plain, lines


def part(folder: Path, name: str) -> Path:
    """A folder for one part alone."""
    (folder / name).mkdir()
    return folder / name


def memory_table(result: "Result") -> "Table":
    """What was measured until publishers were blocked."""
    block = result.block
    found = figures(f"{size(block.room)} OF ROOM", block.server.upper())
    found.add_row("memory at rest", size(block.rest))
    found.add_row(f"memory a task, with a text of {size(block.text)}", size(block.room / block.tasks))
    found.add_row("tasks when publishers were blocked", f"{block.tasks:,}")
    found.add_row("seconds, at 60 a second", f"{block.seconds:.1f}")
    return found


def memory_story(result: "Result") -> list[str]:
    """What became of publishers and workers, in sentences."""
    seen = result.aftermath
    return [
        *warned(result.alarms, result.block.seconds, "task", "publishers were blocked", OF_MEMORY),
        "",
        f"Then nobody gave it room, for {seen.watched:.1f} s:",
        f"  A publisher with confirm_publish hangs: {got_through(seen)}; {lost(seen.confirmed)}.",
        f"  One with Celery's defaults: {returned(seen.default)}; {lost(seen.default)}.",
        f"  Workers go on: {finished(seen.finished)}. One more, started then: {printable(seen.newcomer)}.",
        f"  The monitor: {printable(seen.told or 'told nothing')}.",
        "",
        "A RabbitMQ short of memory drains, but what is published then hangs or is lost without a word. Set",
        f"{CONFIRM}",
        "where you publish, not in workers, whose heartbeats would hang too. Act before, at 80 %.",
    ]


def got_through(seen: "Aftermath") -> str:
    """What the publisher that hangs could publish: an alarm may pause."""
    return f"{plural(seen.published, 'task')} got through, {seen.resumed:,} more when there was room again"


def returned(seen: "Publishing") -> str:
    """How its calls went."""
    return f"apply_async returned {seen.ok:,} times and raised {seen.errors:,} times"


def finished(count: int) -> str:
    """What workers did."""
    return f"they finished {plural(count, 'task')}"


def lost(seen: "Publishing") -> str:
    """`1,137 of 1,200 tasks (95 %) are lost without an error`."""
    if not seen.lost:
        return f"none of {seen.ok:,} tasks is lost"
    return f"{seen.lost:,} of {seen.ok:,} tasks ({percent(seen.lost / seen.ok)}) are lost without an error"


#: The rows of the table of a queue's limit.
ROWS: Final[dict[str, "Callable[[Overflow], int | float]"]] = {
    "tasks when it was full": lambda each: each.full.tasks,
    "seconds, at ten a second": lambda each: each.full.seconds,
    "all published with confirm_publish": lambda each: each.aftermath.confirmed.ok,
    "  refused, with an error": lambda each: each.aftermath.confirmed.errors,
    "  lost, without one": lambda each: each.aftermath.confirmed.lost,
    "then by Celery's defaults": lambda each: each.aftermath.default.ok,
    "  refused with an error ": lambda each: each.aftermath.default.errors,
    "  lost, without one ": lambda each: each.aftermath.default.lost,
}


def length_table(results: "Sequence[Overflow]") -> "Table":
    """What was measured of each way to be full, side by side."""
    first = results[0].full
    ways = [each.full.overflow.upper() for each in results]
    found = figures(f"ROOM FOR {first.room:,} TASKS, {first.server.upper()}", *ways)
    for name, value in ROWS.items():
        figured = map(value, results)
        found.add_row(name, *(f"{each:.1f}" if isinstance(each, float) else f"{each:,}" for each in figured))
    return found


def length_story(results: "Sequence[Overflow]") -> list[str]:
    """What became of the tasks, in sentences."""
    lines = [line for each in results for line in overflow_story(each)]
    return [
        *lines,
        "A full queue drains, but what is too much is an error only with both: reject-publish, and",
        f"{CONFIRM}. Neither is the default.",
    ]


def overflow_story(result: "Overflow") -> list[str]:
    """One way to be full."""
    full, seen = result.full, result.aftermath
    said = f"the publisher's error: {printable(seen.error)}" if seen.error else "no publisher had an error"
    return [
        f"{full.overflow}: {said}.",
        *warned(result.alarms, full.seconds, "task", "it was full"),
        f"Workers go on: {finished(seen.finished)} in {seen.watched:.1f} s.",
        f"{seen.waiting:,} wait at last: the oldest is number {seen.first:,}, the newest {seen.last:,}.",
        "",
    ]
