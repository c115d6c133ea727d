"""`slowtask parse`: log lines in, events out."""

import sys
from datetime import date, tzinfo
from typing import BinaryIO, Final

import click
import msgspec

from slowtask.cli.options import day, zone
from slowtask.errors import UsageError
from slowtask.parse.events import events
from slowtask.parse.items import Tally, Unparsable
from slowtask.parse.sources import Source, resolve
from slowtask.record import event
from slowtask.units import plural, printable

SHOWN: Final = 80  #: characters of a line that can't be parsed

_encode = msgspec.json.Encoder().encode


@click.command
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@day
@zone
@click.option("--quiet", is_flag=True, help="Count what can't be parsed, don't list it.")
@click.pass_context
def parse(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    day: date | None,
    zone: tzinfo,
    quiet: bool,
) -> None:
    """Turn log lines into events, one JSON line each.

    SOURCE is a log file, a folder, a quoted glob or - for stdin, gzip or plain. It may hold slowtask's own
    lines, lines like `Time: … Task: … Task-time: …`, and what RQ's and Celery's workers log, also mixed.
    What can't be parsed goes to stderr, with file, line and reason.

    \b
    Example:  slowtask parse worker.log > runs.ndjson
              kubectl logs worker | slowtask parse - | head
    """
    tally = Tally()
    out = sys.stdout.buffer
    for source in resolve(sources):
        _print(source, day, zone, tally, out, quiet=quiet)
    click.echo(_summary(tally), err=True)
    if tally.lines and not tally.events:
        context.exit(1)


def _print(
    source: Source, day: date | None, zone: tzinfo, tally: Tally, out: BinaryIO, *, quiet: bool
) -> None:
    """Print the events of *source*; add to *tally*."""
    if source.kind == "parquet":
        raise UsageError(f"{source.name} is Parquet, and holds events already: slowtask top reads it.")
    mine = Tally()
    for item in events(source, date=day, timezone=zone, tally=mine):
        if not isinstance(item, Unparsable):
            out.write(_encode(event.fields(item)) + b"\n")
        elif not quiet:
            out.flush()  # where both go to one terminal, in order
            click.echo(_complaint(source, item), err=True)
    out.flush()
    tally.lines += mine.lines
    tally.events += mine.events
    tally.unparsable += mine.unparsable


def _complaint(source: Source, item: Unparsable) -> str:
    """`worker.log:12: not a known format: …`."""
    place = f"{printable(source.name)}:{item.line}: {printable(item.sentence)}"
    return f"{place}: {printable(item.text[:SHOWN])}" if item.text else place


def _summary(tally: Tally) -> str:
    """How many lines became what."""
    bad = tally.unparsable.total()
    reasons = "; ".join(f"{count:,} {reason.sentence}" for reason, count in tally.unparsable.most_common())
    counts = f"{plural(tally.events, 'event')} from {plural(tally.lines, 'line')}"
    return f"{counts}, {bad:,} not parsable: {reasons}" if bad else counts
