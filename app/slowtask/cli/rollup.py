"""`slowtask rollup`: keep the figures of each hour, so that they last longer than the logs."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.every import Period, repeat
from slowtask.cli.logs import warn_of_guesses
from slowtask.cli.options import custom_options, date_option, timezone_option
from slowtask.cli.pack import delete_log, is_live
from slowtask.cli.rollup_elastic import is_elastic, refuse_file_options, roll_up_elastic
from slowtask.cli.terminal import print_json, print_message
from slowtask.errors import SlowtaskError, UsageError
from slowtask.parse.custom import CustomFormat
from slowtask.parse.sources import Source, resolve
from slowtask.record.event import iso, moment
from slowtask.units import plural, printable

if TYPE_CHECKING:
    from slowtask.store.rollup.writing import Rolled

ALERTS: Final = b'"slowtask.alert"'  #: in lines that the history doesn't hold
CHUNK: Final = 1 << 20  #: bytes
NO_ROTATED_LOG: Final = "no rotated log to roll up. The log that is being written is left alone."
NO_LOG: Final = "no log to roll up, only files of slowtask rollup."


@click.command
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", default=Path("slowtask-history"),
    show_default=True, help="Where the history is. It is made if there is none.",
)  # fmt: skip
@click.option("--remove", is_flag=True, help="Delete each log once all its lines are in the history.")
@click.option(
    "--every", type=Period(), metavar="PERIOD",
    help="Stay, and do it again every PERIOD, such as 15m, 1h or 1d.",
)  # fmt: skip
@click.option(
    "--touch", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="With --every: touch FILE after each round without an error, for a health check.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print an array with an object for each log.")
@date_option
@timezone_option
@custom_options
def rollup(
    sources: tuple[str, ...], out: Path, day: date | None, zone: tzinfo, custom: CustomFormat,
    *, remove: bool, every: timedelta | None, touch: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Keep the figures of each hour, for longer than the logs.

    Reads each rotated log once and writes a file for each month to FOLDER. slowtask top, diff and report read
    these files together with the logs, and without them once they are deleted. A year takes at most a
    hundredth of what its logs take.

    SOURCE is a log, also .gz or packed, a folder, or a quoted glob. The log that a worker is writing is left
    alone, and so is a log that is in the history already.

    It may also be the URL of an Elasticsearch: then the hours that have new runs are rolled up there, into
    data streams of their own.

    \b
    Every night, after logrotate:
      slowtask rollup /var/log/shop/ --out /var/lib/shop-history
    As a service, every hour, in an Elasticsearch:
      slowtask rollup https://elastic.example.org:9200 --every 1h
    Rank a year:
      slowtask top /var/log/shop/ /var/lib/shop-history --since 365d

    \b
    Exit status:
      0  every log is in the history, or there was none;
         with --every, it was ended by SIGTERM or Ctrl-C
      1  a log, or some of its lines, couldn't be read; stderr says which and why
      2  an argument is wrong
    """
    if is_elastic(sources):
        refuse_file_options()
        work = partial(roll_up_elastic, sources[0], as_json=as_json)
    else:
        work = partial(roll_up_logs, sources, out, day, zone, custom, remove=remove, as_json=as_json)
    if every:
        repeat(work, "slowtask rollup", every, touch)
    elif touch:
        raise UsageError("--touch is for --every: leave it out, or say how often.")
    else:
        work()


def roll_up_logs(
    sources: Sequence[str], out: Path, day: date | None, zone: tzinfo, custom: CustomFormat,
    *, remove: bool, as_json: bool,
) -> None:  # fmt: skip
    """Add the logs that *sources* name to the history in *out*, and print what was read.

    Raises `SlowtaskError`, also if some lines couldn't be read.
    """
    from slowtask.store.rollup.writing import History, lock_folder

    chosen = choose_logs(sources, custom)
    with lock_folder(out):
        rolled = []
        for each in History(folder=out, day=day, timezone=zone).add(chosen):
            rolled.append(each)
            if not as_json:
                print_result(each)
            finish(each, remove=remove)
    if as_json:
        print_json([make_row(each) for each in rolled])
    failed = sum(not is_complete(each) for each in rolled)
    if failed:
        raise SlowtaskError(f"{failed} of {plural(len(rolled), 'log')} not rolled up in full.")


def choose_logs(sources: Sequence[str], custom: CustomFormat) -> list[Source]:
    """The logs that *sources* name, without the one that is written and the history's own files."""
    from slowtask.store.rollup.months import is_month_file

    logs = [
        each
        for each in resolve(sources, custom)
        if not (each.kind == "parquet" and each.path is not None and is_month_file(each.path))
    ]
    if any(each.path is None for each in logs):
        raise UsageError("stdin can't be rolled up: name log files.")
    chosen = [each for each in logs if not is_live(each)]
    if not chosen:
        print_message(NO_ROTATED_LOG if logs else NO_LOG)
    return chosen


def is_complete(rolled: "Rolled") -> bool:
    """Whether all lines that may tell of runs are in the history."""
    return rolled.error is None and not (rolled.read and rolled.read.bad)


def print_result(rolled: "Rolled") -> None:
    """Print one line for a log that was read now."""
    if rolled.known or rolled.error:
        return
    if rolled.mark is None:
        click.echo(f"{printable(rolled.source.name)}: no runs")
        return
    begin, end = (iso(moment(time))[:16].replace("T", " ") for time in (rolled.mark.begin, rolled.mark.end))
    runs = plural(rolled.mark.runs, "run")
    click.echo(f"{printable(rolled.source.name)}: {runs}, {begin} to {end} UTC")


def finish(rolled: "Rolled", *, remove: bool) -> None:
    """Say what is wrong with a log, and delete it if all of it is in the history and that is wanted."""
    name = printable(rolled.source.name)
    if rolled.error:
        print_message(str(rolled.error))
        return
    if rolled.read:
        warn_of_guesses(rolled.read.guessed)
    if rolled.read and rolled.read.bad:
        print_message(f"{name}: {rolled.read.bad.sentence}.")
    if remove and (reason := find_reason_to_stay(rolled)):
        print_message(f"{name} stays: {reason}.")
    elif remove and rolled.source.path:
        delete_log(rolled.source.path)


def find_reason_to_stay(rolled: "Rolled") -> str | None:
    """Why a log isn't deleted; None if nothing of it would be lost but single runs."""
    if rolled.mark is None:
        return "it holds no runs"
    if rolled.mark.bad:
        return "some of its lines can't be parsed"
    if rolled.read and sum(rolled.read.others.values()):
        return "it holds lines of other programs"
    return "it holds alerts, which the history doesn't" if holds_alerts(rolled.source) else None


def holds_alerts(source: Source) -> bool:
    """Whether there may be a line of slowtask's with an alert."""
    if source.kind == "parquet":
        return False
    with source.open() as stream:
        tail = b""
        while chunk := stream.read(CHUNK):
            if ALERTS in tail + chunk:
                return True
            tail = chunk[-len(ALERTS) :]
    return False


def make_row(rolled: "Rolled") -> Mapping[str, Any]:
    """The JSON object of one log."""
    mark = rolled.mark
    return {
        "log": rolled.source.name,
        "runs": mark.runs if mark else None,
        "begin": iso(moment(mark.begin)) if mark else None,
        "end": iso(moment(mark.end)) if mark else None,
        "months": list(mark.months) if mark else [],
        "bad": mark.bad if mark else None,
        "known": rolled.known,
        "error": str(rolled.error) if rolled.error else None,
    }
