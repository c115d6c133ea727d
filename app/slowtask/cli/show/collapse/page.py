"""What the output of both experiments shares: tables, printing, and the alerts of the monitor."""

from typing import TYPE_CHECKING, Final

from slowtask.units import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from slowtask.demo.beside import Alert

#: What each alert means here.
ALERT_TEXT: Final = {
    "broker-full-soon": "full soon, by the forecast",
    "broker-capacity": "80 % of the memory used",
    "broker-alarm": "a memory alarm that ended soon",
    "queue-full-soon": "full soon, by the forecast",
    "queue-capacity": "80 % full",
    "queue-drops": "the queue drops its oldest tasks when it is full",
}


def print_lines(lines: "Iterable[Table | str]") -> None:
    """Print tables and sentences; on a terminal, sentences are wrapped between words."""
    from rich.console import Console

    console = Console()
    for line in lines:
        if isinstance(line, str):
            console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)
        else:
            console.print(line)


def make_table(*titles: str) -> "Table":
    """Make an empty table with these *titles*."""
    from rich import box
    from rich.table import Table

    return Table(*titles, box=box.SIMPLE_HEAD)


def alert_lines(
    alerts: "Iterable[Alert]", seconds: float, unit: str, end: str, text: "Mapping[str, str]" = ALERT_TEXT
) -> list[str]:
    """List the alerts, with how long each came before *end*, which was after *seconds*.

    *unit* names what was published until then, `job` or `task`; *text* says what each alert means.
    """
    lines = [
        f"  after {alert.seconds:.1f} s and {plural(alert.jobs, unit)},"
        f" {seconds - alert.seconds:.1f} s before {end}: {text[alert.name]};"
        f" to blame: {printable(alert.task or 'no task')}"
        for alert in alerts
    ]
    return ["The monitor beside it warned:", *lines] if lines else ["The monitor beside it did not warn."]
