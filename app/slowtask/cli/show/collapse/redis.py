"""The experiment on Redis as a person sees it."""

from typing import TYPE_CHECKING, Final

from slowtask.units import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from slowtask.demo.beside import Alarm
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


def show(lines: "Iterable[Table | str]") -> None:
    """Print the figures, and what they mean."""
    from rich.console import Console

    console = Console()
    for line in lines:
        if isinstance(line, str):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            console.print(line)


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
    from rich import box
    from rich.table import Table

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
