"""Render which tasks kept others waiting, as a table that fits the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import UNKNOWN, make_table, shorten
from slowtask.cli.show.groups import display_value
from slowtask.rank.behind import Behind
from slowtask.units import duration, percent, printable

MAX_NAME_WIDTH: Final = 40  #: characters
MIN_NAME_WIDTH: Final = 16  #: characters
MIN_HOLDERS_WIDTH: Final = 31  #: characters of the last column, which wraps; its title has as many
MAX_NAMED_TASKS: Final = 3  #: in each row
MIN_NAMED_SHARE: Final = 0.005  #: of the wait; a smaller share isn't shown


def table(rows: Sequence[Behind], width: int, noun: str = "task") -> Table:
    """The table of *rows* in *width* columns; a narrow terminal leaves out the runs, then the queue.

    *noun* is what waited and what held the workers: tasks, or such as tenants.
    """
    columns = {
        "QUEUE": [printable(row.queue or UNKNOWN) for row in rows],
        "RUNS": [f"{row.runs:,}" for row in rows],
        "IN ALL": [duration(row.waited) for row in rows],
    }
    for spare in ("RUNS", "QUEUE"):
        if _room_for_name(columns, width) < MIN_NAME_WIDTH:
            del columns[spare]
    room = max(MIN_NAME_WIDTH, min(MAX_NAME_WIDTH, _room_for_name(columns, width)))
    waits = make_table("WAITED", *columns)
    waits.add_column("WHILE THE WORKERS WERE HELD BY", min_width=MIN_HOLDERS_WIDTH)
    for place, row in enumerate(rows):
        # A name may look like rich's markup, as `[/]`.
        cells = (
            shorten(display_value(row.task, noun), room),
            *(column[place] for column in columns.values()),
        )
        waits.add_row(*map(Text, cells), Text(holders(row, noun)))
    return waits


def _room_for_name(columns: dict[str, list[str]], width: int) -> int:
    """The width that *columns* and the last one leave for the task's name."""
    others = sum(2 + max(len(title), *map(len, cells)) for title, cells in columns.items())
    return width - others - (2 + MIN_HOLDERS_WIDTH) - 2


def holders(row: Behind, noun: str = "task") -> str:
    """What held the workers, with its shares: `send_mail 72 %, compute 20 %, nothing 8 %`."""
    named = [(task, share) for task, share in row.held[:MAX_NAMED_TASKS] if share >= MIN_NAMED_SHARE]
    parts = [f"{last_part(display_value(task, noun), noun)} {percent(share)}" for task, share in named]
    if row.idle >= MIN_NAMED_SHARE:
        parts.append(f"nothing {percent(row.idle)}")
    return ", ".join(parts)


def last_part(name: str, noun: str) -> str:
    """The last part of a task's name; any other name whole, as a host's."""
    return name.rpartition(".")[2] if noun == "task" else name
