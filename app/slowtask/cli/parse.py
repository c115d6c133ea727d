"""`slowtask parse`: convert log lines to events."""

import sys
from datetime import date, tzinfo
from typing import BinaryIO, Final

import click
import msgspec

from slowtask.cli.options import date_option, timezone_option
from slowtask.errors import UsageError
from slowtask.parse.events import events
from slowtask.parse.items import Tally, Unparsable
from slowtask.parse.sources import Source, resolve
from slowtask.record import event
from slowtask.units import plural, printable

MAX_QUOTED_CHARACTERS: Final = 80  #: of a line that can't be parsed

_encode = msgspec.json.Encoder().encode


@click.command
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@date_option
@timezone_option
@click.option("--quiet", is_flag=True, help="Only count the lines that can't be parsed, don't list them.")
@click.pass_context
def parse(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    day: date | None,
    zone: tzinfo,
    quiet: bool,
) -> None:
    """Convert log lines to events, one JSON object per line.

    SOURCE is a log file, a folder, a quoted glob, or - for stdin, plain or gzipped. Without one, SLOWTASK_LOG
    or slowtask.ndjson in this folder. A log may hold slowtask's own lines, lines like `Time: … Task: …
    Task-time: …`, and the lines of RQ's and Celery's workers, in any mixture.

    Events go to stdout. Lines that can't be parsed go to stderr, each with its file, line number and reason.

    \b
    Convert a log:
      slowtask parse worker.log > runs.ndjson
    Read from a pipe:
      kubectl logs worker | slowtask parse - | head

    \b
    Exit status:
      0  at least one line was parsed, or there were no lines
      1  no line could be parsed, or a file can't be read
      2  an argument is wrong
    """
    tally = Tally()
    out = sys.stdout.buffer
    for source in resolve(sources):
        _print_events(source, day, zone, tally, out, quiet=quiet)
    click.echo(_summary(tally), err=True)
    if tally.lines and not tally.events:
        context.exit(1)


def _print_events(
    source: Source, day: date | None, zone: tzinfo, tally: Tally, out: BinaryIO, *, quiet: bool
) -> None:
    """Print the events of *source* and add its counts to *tally*."""
    if source.kind == "parquet":
        raise UsageError(f"{source.name} is a Parquet file, which needs no parsing: slowtask top reads it.")
    counts = Tally()
    for item in events(source, date=day, timezone=zone, tally=counts):
        if not isinstance(item, Unparsable):
            out.write(_encode(event.fields(item)) + b"\n")
        elif not quiet:
            out.flush()  # keeps the order if stdout and stderr are one terminal
            click.echo(_complaint(source, item), err=True)
    out.flush()
    tally.lines += counts.lines
    tally.events += counts.events
    tally.unparsable += counts.unparsable


def _complaint(source: Source, item: Unparsable) -> str:
    """Where a line is, why it can't be parsed, and its text: `worker.log:12: not a known format: …`."""
    place = f"{printable(source.name)}:{item.line}: {printable(item.sentence)}"
    return f"{place}: {printable(item.text[:MAX_QUOTED_CHARACTERS])}" if item.text else place


def _summary(tally: Tally) -> str:
    """How many lines became events, and how many of the others had each reason."""
    bad = tally.unparsable.total()
    reasons = "; ".join(f"{count:,} {reason.sentence}" for reason, count in tally.unparsable.most_common())
    counts = f"{plural(tally.events, 'event')} from {plural(tally.lines, 'line')}"
    return f"{counts}, {bad:,} not parsable: {reasons}" if bad else counts
