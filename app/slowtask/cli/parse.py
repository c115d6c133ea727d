"""`slowtask parse`: convert log lines to events."""

import sys
from datetime import date, tzinfo
from typing import BinaryIO, Final

import click
import msgspec

from slowtask.cli.explain import explain_line
from slowtask.cli.options import custom_options, date_option, timezone_option
from slowtask.cli.show.doubts import describe_guess, describe_others
from slowtask.errors import UsageError
from slowtask.parse.custom import CustomFormat
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
@custom_options
@click.option(
    "--explain", "line", metavar="LINE",
    help="Show how this line is read, instead: what each part of it is, and what comes of it. - is stdin.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Only count the lines that can't be parsed, don't list them.")
@click.pass_context
def parse(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    day: date | None,
    zone: tzinfo,
    custom: CustomFormat,
    line: str | None,
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
    Why is a line read as it is, or not at all?
      grep -m 1 send_mail worker.log | slowtask parse --explain -

    \b
    Exit status:
      0  at least one line was parsed, or there were no lines
      1  no line could be parsed, or a file can't be read
      2  an argument is wrong
    """
    if line is not None:
        if sources:
            raise UsageError("--explain explains one line: leave out the sources.")
        context.exit(not explain_line(line, day, zone, custom))
    tally = Tally()
    out = sys.stdout.buffer
    for source in resolve(sources, custom):
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
    tally.skipped += counts.skipped
    tally.guessed += counts.guessed


def _complaint(source: Source, item: Unparsable) -> str:
    """Where a line is, why it can't be parsed, and its text: `worker.log:12: not a known format: …`."""
    place = f"{printable(source.name)}:{item.line}: {printable(item.sentence)}"
    return f"{place}: {printable(item.text[:MAX_QUOTED_CHARACTERS])}" if item.text else place


def _summary(tally: Tally) -> str:
    """How many lines became events, and in one line with that: what of the others, and of the dates."""
    bad = tally.unparsable.total()
    reasons = "; ".join(f"{count:,} {reason.sentence}" for reason, count in tally.unparsable.most_common())
    parts = [
        f"{plural(tally.events, 'event')} from {plural(tally.lines, 'line')}"
        + (f", {bad:,} not parsable: {reasons}" if bad else ""),
        describe_others(tally.skipped.items()),
        describe_guess(tally.guessed),
    ]
    return "; ".join(part for part in parts if part)
