"""`slowtask collapse`: see a queue fall over."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.errors import UsageError
from slowtask.units import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from slowtask.demo.beside import Alarm, Step
    from slowtask.demo.collapse import Collapse, Result

FULL: Final = "OOM command not allowed when used memory > 'maxmemory'"
#: What a monitor told, in a word or two.
TOLD: Final = {
    "broker-full-soon": "full soon",
    "broker-capacity": "80 % of the room used",
    "broker-alarm": "an alarm, soon over",
    "queue-full-soon": "full soon",
    "queue-capacity": "80 % full",
    "queue-drops": "it drops its oldest tasks",
}


@click.command()
@click.option(
    "--broker", type=click.Choice(("redis", "rabbitmq")), default="redis", show_default=True,
    help="Which broker falls over: RQ's, or Celery's.",
)  # fmt: skip
@click.option(
    "--limit", type=click.Choice(("memory", "length")),
    help="Of RabbitMQ one part alone: its memory, or a queue's own limit.",
)  # fmt: skip
@click.option("--fast", is_flag=True, help="Enqueue without waiting; on RabbitMQ several times as fast.")
@click.option("--json", "as_json", is_flag=True, help="The figures as a JSON object.")
def collapse(*, broker: str, limit: str | None, fast: bool, as_json: bool) -> None:
    """See a queue fall over, on a broker of its own: never on yours.

    Redis gets 250 KB of room, two RQ workers and ten send_mail jobs a second, each of which takes up to
    ten seconds. A monitor beside it says when it would have warned. Then it looks on: can the workers still
    work the queue off?

    RabbitMQ falls over otherwise, with Celery's workers: by its memory, which blocks publishers, and by a
    queue's own limit, which refuses tasks or drops them. How many are lost without an error?

    \b
    In under a minute:   slowtask collapse --fast
    Its memory alone:    slowtask collapse --broker rabbitmq --limit memory
    """  # noqa: D301 - click's mark for lines kept as they are
    from rich.console import Console  # noqa: PLC0415 - slow to import

    if limit and broker == "redis":
        raise UsageError("a Redis has one limit, its memory: give --limit with --broker rabbitmq.")
    status = Console(stderr=True).status(f"starting a {broker} of its own")
    with tempfile.TemporaryDirectory(prefix="slowtask-collapse-") as folder, status:
        if broker == "redis":
            plain, lines = redis(Path(folder), status.update, fast=fast)
        else:
            from slowtask.cli.collapse_rabbitmq import rabbitmq  # noqa: PLC0415 - see above

            plain, lines = rabbitmq(Path(folder), status.update, limit, fast=fast)
    if as_json:
        click.echo(json.dumps(plain, indent=2))
    else:
        show(lines)


def show(lines: "Iterable[Table | str]") -> None:
    """Print the figures, and what they mean."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    console = Console()
    for line in lines:
        if isinstance(line, str):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            console.print(line)


def redis(folder: Path, step: "Step", *, fast: bool) -> "tuple[dict[str, Any], list[Table | str]]":
    """The experiment on Redis: as JSON has it, and as a person reads it."""
    from slowtask.demo import collapse as experiment  # noqa: PLC0415 - slow to import

    result = experiment.run(folder, step, fast=fast)
    return result.plain(), [table(result.collapse), *story(result)]


def table(measured: "Collapse") -> "Table":
    """Published and measured figures, side by side."""
    found = figures("250 KB OF ROOM", "PUBLISHED", measured.server.upper())
    found.add_row("bytes a job", "about 300", f"{measured.job_bytes:.0f}")
    found.add_row("RQ's own overhead", "120-130 KB", f"{measured.overhead / 1024:.0f} KB")
    found.add_row("jobs at collapse", "about 400", f"{measured.jobs:,}")
    found.add_row("seconds, at ten a second", "40-50", f"{measured.seconds:.1f}")
    return found


def figures(*heads: str) -> "Table":
    """An empty table with these *heads*."""
    from rich import box  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415

    return Table(*heads, box=box.SIMPLE_HEAD)


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
        *warned(result.alarms, result.collapse.seconds, "job", "the collapse"),
        "",
        "Then no more jobs came, and the workers had all the time they needed for what they ran:",
        left,
        f"  {seen.alive} of 2 workers are alive. One more, started then: {printable(seen.newcomer)}",
        "",
        "A full queue doesn't drain: Redis refuses what RQ must write to run a job. Act before, at 80 %.",
    ]


def warned(
    alarms: "Iterable[Alarm]", seconds: float, unit: str, end: str, told: "Mapping[str, str]" = TOLD
) -> list[str]:
    """When a monitor beside it told what, and how much earlier than *end*, after *seconds*, that was."""
    found = [
        f"  at {alarm.seconds:.1f} s and {unit} {alarm.jobs:,}, {seconds - alarm.seconds:.1f} s before {end}:"
        f" {told[alarm.name]}; to blame: {printable(alarm.task or 'nothing')}"
        for alarm in alarms
    ]
    return ["A monitor beside it warned:", *found] if found else ["A monitor beside it told nothing before."]
