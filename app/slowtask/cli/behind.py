"""`slowtask behind`: who waited behind whom."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from slowtask.cli.logs import period
from slowtask.cli.terminal import data
from slowtask.errors import SourceError
from slowtask.parse.sources import resolve
from slowtask.units import duration, percent, printable

if TYPE_CHECKING:
    from slowtask.rank.behind import Behind

NAMED: Final = 3  #: tasks that a line names
WORTH: Final = 0.005  #: of the wait: less isn't named

HELP = """Tell who waited behind whom: what held the workers of a queue while its jobs waited.

SOURCE is a log file, folder, glob or -, as for slowtask top; but not an Elasticsearch.

\b
Example:  slowtask behind worker.ndjson
          slowtask behind logs/ --since 1d --queue mail --json
"""


@click.command(help=HELP)
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option("--since", metavar="TIME", help="As for slowtask top.")
@click.option("--until", metavar="TIME", help="As for slowtask top.")
@click.option("--queue", "queues", metavar="NAME", multiple=True, help="Only this queue. Repeatable.")
@click.option("-n", "limit", type=click.IntRange(min=0), default=20, show_default=True, help="Tasks; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="An array of objects, times in seconds.")
def behind(  # noqa: D103 - HELP says it; click passes the options one by one
    sources: tuple[str, ...], *, since: str | None, until: str | None, queues: tuple[str, ...], limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    query = period(since, until, queues)
    found = resolve(sources)
    from slowtask.rank.behind import behind as waited
    from slowtask.store.files import Files

    columns = Files(found, timezone=UTC).columns(query)
    rows = [each for each in waited(columns) if each.waited > 0]
    if not rows:
        raise SourceError("No run of these logs is known to have waited: stock logs don't tell it.")
    show(rows[: limit or None], as_json=as_json)


def show(rows: Sequence["Behind"], *, as_json: bool) -> None:
    """Print *rows*."""
    if as_json:
        plain = [{**asdict(each), "held": dict(each.held)} for each in rows]
        data().write(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n")
        return
    from slowtask.cli.show.console import UNKNOWN, console, shortened
    from slowtask.cli.show.console import plain as grid

    table = grid("WAITED", "QUEUE", "RUNS", "IN ALL")
    table.add_column("WHILE THE WORKERS WERE HELD BY")
    for each in rows:
        name, queue = shortened(printable(each.task), 40), printable(each.queue or UNKNOWN)
        table.add_row(name, queue, f"{each.runs:,}", duration(each.waited), told(each))
    target: Any = console()
    target.print(table)


def told(each: "Behind") -> str:
    """`send_mail 72 %, compute 20 %, nothing 8 %`."""
    held = [(task.rpartition(".")[2], share) for task, share in each.held[:NAMED] if share >= WORTH]
    parts = [f"{printable(task)} {percent(share)}" for task, share in held]
    if each.idle >= WORTH:
        parts.append(f"nothing {percent(each.idle)}")
    return ", ".join(parts)
