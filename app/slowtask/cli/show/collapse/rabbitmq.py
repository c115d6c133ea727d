"""The output of `slowtask collapse --broker rabbitmq`: how a RabbitMQ with Celery's tasks fails."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slowtask.cli.show.collapse.page import ALERT_TEXT, alert_lines, make_table
from slowtask.units import percent, plural, printable, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from slowtask.demo.beside import Step
    from slowtask.demo.rabbitmq.length import Overflow
    from slowtask.demo.rabbitmq.memory import Aftermath, Result
    from slowtask.demo.rabbitmq.publisher import Publishing

#: In the memory part, 80 % counts all that the node uses, most of which it needs at rest.
MEMORY_ALERT_TEXT: Final = ALERT_TEXT | {"broker-capacity": "80 % of the memory limit used"}
CONFIRM: Final = 'app.conf.broker_transport_options = {"confirm_publish": True}'


def run_rabbitmq(
    folder: Path, step: "Step", limit: str | None, *, fast: bool
) -> "tuple[dict[str, Any], list[Table | str]]":
    """Run one part of the experiment, or both. Returns its figures for JSON, and the lines for a person.

    *limit* is `memory`, `length` or None for both; *step* is called with what is going on.
    """
    plain: dict[str, Any] = {}
    lines: list[Table | str] = []
    if limit in (None, "memory"):
        from slowtask.demo.rabbitmq import memory

        result = memory.run(make_folder(folder, "memory"), step, fast=fast)
        plain["memory"] = asdict(result)
        lines += [memory_table(result), *memory_story(result)]
    if limit in (None, "length"):
        from slowtask.demo.rabbitmq import length

        results = length.run(make_folder(folder, "length"), step, fast=fast)
        plain["length"] = [asdict(result) for result in results]
        lines += [*([""] if lines else []), length_table(results), *length_story(results)]
    return plain, lines


def make_folder(folder: Path, name: str) -> Path:
    """Make a folder for one part of the experiment."""
    (folder / name).mkdir()
    return folder / name


def memory_table(result: "Result") -> "Table":
    """What was measured until publishers were blocked."""
    block = result.block
    table = make_table(f"{size(block.room)} OF FREE MEMORY", block.server.upper())
    table.add_row("memory used at rest", size(block.rest))
    table.add_row(f"memory per task, with a text of {size(block.text)}", size(block.room / block.tasks))
    table.add_row("tasks until publishers were blocked", f"{block.tasks:,}")
    table.add_row("seconds, at 60 tasks a second", f"{block.seconds:.1f}")
    return table


def memory_story(result: "Result") -> list[str]:
    """The alerts, and what publishers and workers could do while the memory was full."""
    after = result.aftermath
    return [
        *alert_lines(
            result.alarms, result.block.seconds, "task", "publishers were blocked", MEMORY_ALERT_TEXT
        ),
        "",
        f"Then the memory stayed full for {after.watched:.1f} s:",
        f"  A publisher with confirm_publish hangs: {published_text(after)}; {lost_text(after.confirmed)}.",
        f"  A publisher with Celery's defaults: {calls_text(after.default)}; {lost_text(after.default)}.",
        f"  Workers go on: {finished_text(after.finished)}.",
        f"  Another worker, started then: {printable(after.newcomer)}.",
        f"  The monitor's message: {printable(after.told or 'none')}.",
        "",
        "Workers drain a RabbitMQ whose memory is full, but what is published meanwhile hangs or gets lost.",
        "To lose no task, set this in publishers, not in workers, whose heartbeats would hang too:",
        f"  {CONFIRM}",
        "Act before memory is full, at 80 %.",
    ]


def published_text(after: "Aftermath") -> str:
    """How many tasks the publisher that hangs could publish, since an alarm may pause."""
    return f"{plural(after.published, 'task')} got through, {after.resumed:,} more when memory was free again"


def calls_text(publishing: "Publishing") -> str:
    """How many of the publisher's calls returned and how many raised."""
    return f"apply_async returned {publishing.ok:,} times and raised {publishing.errors:,} times"


def finished_text(count: int) -> str:
    """How many tasks the workers finished."""
    return f"they finished {plural(count, 'task')}"


def lost_text(publishing: "Publishing") -> str:
    """How many tasks were lost: `1,137 of 1,200 tasks (95 %) are lost without an error`."""
    if not publishing.lost:
        return f"none of {publishing.ok:,} tasks is lost"
    lost = percent(publishing.lost / publishing.ok)
    return f"{publishing.lost:,} of {publishing.ok:,} tasks ({lost}) are lost without an error"


#: The rows of the table of a full queue.
ROWS: Final[tuple[tuple[str, "Callable[[Overflow], int | float]"], ...]] = (
    ("tasks until it was full", lambda result: result.full.tasks),
    ("seconds, at ten tasks a second", lambda result: result.full.seconds),
    ("published in all, with confirm_publish", lambda result: result.aftermath.confirmed.ok),
    ("  refused with an error", lambda result: result.aftermath.confirmed.errors),
    ("  lost without an error", lambda result: result.aftermath.confirmed.lost),
    ("then published with Celery's defaults", lambda result: result.aftermath.default.ok),
    ("  refused with an error", lambda result: result.aftermath.default.errors),
    ("  lost without an error", lambda result: result.aftermath.default.lost),
)


def length_table(results: "Sequence[Overflow]") -> "Table":
    """What was measured for each overflow policy, side by side."""
    first = results[0].full
    policies = [result.full.overflow.upper() for result in results]
    table = make_table(f"ROOM FOR {first.room:,} TASKS, {first.server.upper()}", *policies)
    for name, value in ROWS:
        figures = map(value, results)
        table.add_row(name, *(f"{each:.1f}" if isinstance(each, float) else f"{each:,}" for each in figures))
    return table


def length_story(results: "Sequence[Overflow]") -> list[str]:
    """What happened to the tasks under each overflow policy, and what to set."""
    lines = [line for result in results for line in overflow_story(result)]
    return [
        *lines,
        "Workers drain a full queue. For tasks too many, publishers get errors only with reject-publish and:",
        f"  {CONFIRM}",
        "Neither is the default.",
    ]


def overflow_story(result: "Overflow") -> list[str]:
    """What happened to the tasks under one overflow policy."""
    full, after = result.full, result.aftermath
    error = f"the publisher got {printable(after.error)}" if after.error else "the publisher got no error"
    return [
        f"{full.overflow}: {error}.",
        *alert_lines(result.alarms, full.seconds, "task", "it was full"),
        f"Workers go on: {finished_text(after.finished)} in {after.watched:.1f} s.",
        f"At the end {plural(after.waiting, 'task')} wait, from number {after.first:,} to {after.last:,}.",
        "",
    ]
