"""Render which tasks kept others waiting, as a table that fits the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table

from slowtask.cli.show.console import UNKNOWN, make_table, shorten
from slowtask.rank.behind import Behind
from slowtask.units import duration, percent, printable

MAX_NAME_WIDTH: Final = 40  #: characters
MIN_NAME_WIDTH: Final = 16  #: characters
MIN_HOLDERS_WIDTH: Final = 31  #: characters of the last column, which wraps; its title has as many
MAX_NAMED_TASKS: Final = 3  #: in each row
MIN_NAMED_SHARE: Final = 0.005  #: of the wait; a smaller share isn't shown


def table(rows: Sequence[Behind], width: int) -> Table:
    """The table of *rows* in *width* columns; a narrow terminal leaves out the runs, then the queue."""
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
        cells = (column[place] for column in columns.values())
        waits.add_row(shorten(printable(row.task), room), *cells, holders(row))
    return waits


def _room_for_name(columns: dict[str, list[str]], width: int) -> int:
    """The width that *columns* and the last one leave for the task's name."""
    others = sum(2 + max(len(title), *map(len, cells)) for title, cells in columns.items())
    return width - others - (2 + MIN_HOLDERS_WIDTH) - 2


def holders(row: Behind) -> str:
    """The tasks that held the workers, with their shares: `send_mail 72 %, compute 20 %, nothing 8 %`."""
    named = [(task, share) for task, share in row.held[:MAX_NAMED_TASKS] if share >= MIN_NAMED_SHARE]
    parts = [f"{printable(task.rpartition('.')[2])} {percent(share)}" for task, share in named]
    if row.idle >= MIN_NAMED_SHARE:
        parts.append(f"nothing {percent(row.idle)}")
    return ", ".join(parts)
