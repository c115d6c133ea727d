"""`slowtask collapse`: see a queue fall over."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from slowtask.units import printable

if TYPE_CHECKING:
    from rich.table import Table

    from slowtask.demo.collapse import Collapse, Result

FULL: Final = "OOM command not allowed when used memory > 'maxmemory'"


@click.command()
@click.option("--fast", is_flag=True, help="Enqueue without waiting, instead of ten jobs a second.")
@click.option("--json", "as_json", is_flag=True, help="The figures as a JSON object.")
def collapse(*, fast: bool, as_json: bool) -> None:
    """See a queue fall over, on a Redis of its own: never on yours.

    Redis gets 250 KB of room, two workers and ten send_mail jobs a second, each of which takes up to
    ten seconds. A monitor beside it says when it would have warned. Then it looks on: can the workers still
    work the queue off?

    \b
    In under a minute:   slowtask collapse --fast
    """  # noqa: D301 - click's mark for lines kept as they are
    from rich.console import Console  # noqa: PLC0415 - slow to import

    from slowtask.demo import collapse as experiment  # noqa: PLC0415 - see above

    status = Console(stderr=True).status("starting a Redis of its own")
    with tempfile.TemporaryDirectory(prefix="slowtask-collapse-") as folder, status:
        result = experiment.run(Path(folder), status.update, fast=fast)
    if as_json:
        click.echo(json.dumps(result.plain(), indent=2))
    else:
        show(result)


def show(result: "Result") -> None:
    """Print the figures, and what they mean."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    console = Console()
    console.print(table(result.collapse))
    for line in story(result):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def table(measured: "Collapse") -> "Table":
    """Published and measured figures, side by side."""
    from rich import box  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415

    found = Table("250 KB OF ROOM", "PUBLISHED", measured.server.upper(), box=box.SIMPLE_HEAD)
    found.add_row("bytes a job", "about 300", f"{measured.job_bytes:.0f}")
    found.add_row("RQ's own overhead", "120-130 KB", f"{measured.overhead / 1024:.0f} KB")
    found.add_row("jobs at collapse", "about 400", f"{measured.jobs:,}")
    found.add_row("seconds, at ten a second", "40-50", f"{measured.seconds:.1f}")
    return found


def story(result: "Result") -> list[str]:
    """The error, and what the workers did at 100 %, in sentences."""
    seen = result.aftermath
    left = (
        f"  {seen.waiting:,} jobs still wait, {seen.finished} finished, {seen.failed} failed,"
        f" {seen.stuck} left the queue and never started."
    )
    return [
        f"Published error: {FULL}",
        f"Measured error:  {printable(result.collapse.error)}",
        "",
        *warned(result),
        "",
        "Then no more jobs came, and the workers had all the time they needed for what they ran:",
        left,
        f"  {seen.alive} of 2 workers are alive. One more, started then: {printable(seen.newcomer)}",
        "",
        "A full queue doesn't drain: Redis refuses what RQ must write to run a job. Act before, at 80 %.",
    ]


def warned(result: "Result") -> list[str]:
    """When a monitor beside it told what, and how much earlier than the collapse that was."""
    if not result.alarms:
        return ["A monitor beside it told nothing before."]
    found = ["A monitor beside it warned:"]
    for alarm in result.alarms:
        early = result.collapse.seconds - alarm.seconds
        what = {"broker-full-soon": "full soon", "broker-capacity": "80 % of the room used"}[alarm.name]
        found.append(
            f"  at {alarm.seconds:.1f} s and job {alarm.jobs:,}, {early:.1f} s before the collapse: {what};"
            f" to blame: {printable(alarm.task or 'nothing')}"
        )
    return found
