"""`slowtask report`: the ranking and charts as one HTML file."""

import os
import sys
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path

import click

from slowtask.cli.logs import nothing, period, say_skipped
from slowtask.cli.options import day, zone
from slowtask.errors import SourceError, UsageError
from slowtask.parse.sources import Source, is_address, resolve, rotated
from slowtask.rank.ranking import rank
from slowtask.store import Measurement, Query
from slowtask.units import plural, size
from slowtask.watch.settings import MonitorSettings

STDOUT = "-"
HELP = """Write the ranking and charts as one HTML file.

SOURCE is as for slowtask top: a log file, a folder of them, a quoted glob, or - for stdin. Without one, the
log of the worker with these settings, and slowtask-monitor.ndjson where that is here too. The file opens
without a network. One of that name is replaced, once the new one is complete.

\b
All that is here:            slowtask report
The last week of one queue:  slowtask report logs/ --since 7d --queue mail --out mail.html
"""


@click.command(help=HELP)
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--out", default="report.html", show_default=True, metavar="FILE", help="The file; - for stdout."
)
@click.option(
    "--since", metavar="TIME", help="Runs that ended since: 90s, 15m, 1h, 7d, 2w ago, or a date or time."
)
@click.option("--until", metavar="TIME", help="Runs that ended before. UTC, unless the time has an offset.")
@click.option("--queue", "queues", metavar="NAME", multiple=True, help="Only this queue. Repeatable.")
@day
@zone
def report(  # noqa: D103 - HELP says it; click passes the options one by one
    sources: tuple[str, ...], out: str, since: str | None, until: str | None, queues: tuple[str, ...],
    day: date | None, zone: tzinfo,
) -> None:  # fmt: skip
    query = period(since, until, queues)
    if any(map(is_address, sources)):
        raise UsageError(
            "A report is made of log files; of an Elasticsearch, Kibana's dashboards show as much."
        )
    target = None if out == STDOUT else place(Path(out))
    html, told = made(sources, query, day, zone)
    content = html.encode()
    if target is None:
        sys.stdout.buffer.write(content)
    else:
        write(target, content)
        click.echo(f"{out}: {told}, {size(len(content))}")


def place(out: Path) -> Path:
    """Where the file *out* is to be written. Raises `UsageError` before any log is read."""
    target = out.resolve()  # a link stays one
    if target.is_dir():
        raise UsageError(f"{out} is a folder: name a file, as in --out {out / 'report.html'}.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}: make it first.")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"{out.parent} can't be written to: its permissions forbid it to this user.")
    return target


def samples() -> list[Source]:
    """What a monitor wrote here, if there is one."""
    found = rotated(Path(MonitorSettings().log))
    return resolve([str(each) for each in found]) if found else []


def made(sources: tuple[str, ...], query: Query, day: date | None, zone: tzinfo) -> tuple[str, str]:
    """The HTML, and what it is of. Raises `SlowtaskError`."""
    found = [*resolve(sources), *([] if sources else samples())]
    from slowtask.store.files import Files

    store = Files(found, date=day, timezone=zone)
    from slowtask.cli.show.progress import shown
    from slowtask.cli.show.report.chart import renderer
    from slowtask.cli.show.report.page import page
    from slowtask.cli.show.report.panels import FIRST

    renderer()  # missing, it is to be missed before the logs are read

    def leading(measurement: Measurement) -> list[str]:
        if not measurement.figures:
            raise SourceError(nothing(measurement, query))
        return [each.task for each in rank(measurement.figures)[:FIRST]]

    with shown(store.progress):
        history = store.history(query, leading)
    say_skipped(history.measurement)
    tasks = rank(history.measurement.figures)
    runs = plural(sum(each.count for each in tasks), "run")
    return page(history, tasks, datetime.now(UTC)), f"{runs} of {plural(len(tasks), 'task')}"


def write(target: Path, content: bytes) -> None:
    """Put *content* at *target*: whole, or not at all. Raises `SourceError` where that fails."""
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():  # a pipe, a terminal
            target.write_bytes(content)
        else:
            scratch.write_bytes(content)
            scratch.replace(target)
    except OSError as error:
        raise SourceError(f"{target} can't be written ({error.strerror}): choose another --out.") from error
    finally:
        scratch.unlink(missing_ok=True)
