"""The output of `slowtask collapse`: how a Redis with RQ's jobs fails."""

from typing import TYPE_CHECKING, Final

from slowtask.cli.show.collapse.page import alert_lines, make_table
from slowtask.units import printable

if TYPE_CHECKING:
    from rich.table import Table

    from slowtask.demo.collapse import Collapse, Result

PUBLISHED_ERROR: Final = "OOM command not allowed when used memory > 'maxmemory'"


def figures_table(measured: "Collapse") -> "Table":
    """The published figures beside the *measured* ones."""
    table = make_table("250 KB OF MEMORY", "PUBLISHED", measured.server.upper())
    table.add_row("bytes per job", "about 300", f"{measured.job_bytes:.0f}")
    table.add_row("RQ's own overhead", "120-130 KB", f"{measured.overhead / 1024:.0f} KB")
    table.add_row("jobs until the collapse", "about 400", f"{measured.jobs:,}")
    table.add_row("seconds, at ten jobs a second", "40-50", f"{measured.seconds:.1f}")
    return table


def story(result: "Result") -> list[str]:
    """The error, the alerts before it, and what the workers could do after it."""
    after = result.aftermath
    return [
        f"Published error: {PUBLISHED_ERROR}",
        f"Measured error:  {printable(result.collapse.error)}",
        "",
        *alert_lines(result.alarms, result.collapse.seconds, "job", "the collapse"),
        "",
        "Then no more jobs were added, and the workers had the time to drain the queue:",
        f"  {after.waiting:,} jobs still wait, {after.finished} finished, {after.failed} failed.",
        f"  {after.stuck} left the queue but never started.",
        f"  {after.alive} of 2 workers are alive.",
        f"  Another worker, started then: {printable(after.newcomer)}",
        "",
        "RQ can't drain the queue of a full Redis, since Redis refuses what RQ must write to run a job.",
        "Act before it is full, at 80 %.",
    ]
