"""`slowtask report`: write the ranking and charts to one HTML file."""

import os
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from slowtask.cli.compare import compare_runs, make_view, measure_sides
from slowtask.cli.last import Period, Unit, find_period, last_option, require_alone
from slowtask.cli.logs import explain_empty, open_store, parse_period, require_fields, warn_of_skipped
from slowtask.cli.options import (
    custom_options,
    date_option,
    group_option,
    queue_option,
    since_option,
    timezone_option,
    until_option,
    where_option,
)
from slowtask.cli.sides import SidesCommand, Wanted, choose_sides, side_options
from slowtask.cli.terminal import print_message
from slowtask.errors import SourceError, UsageError
from slowtask.parse.custom import CustomFormat
from slowtask.parse.sources import Source, find_rotated, resolve
from slowtask.rank.ranking import rank
from slowtask.store import Measurement, Query
from slowtask.units import plural, printable, size
from slowtask.watch.settings import MonitorSettings

if TYPE_CHECKING:
    from slowtask.cli.show.diff import View
    from slowtask.store.protocol import Store

STDOUT: Final = "-"
FILE: Final = "report.html"


@click.command(cls=SidesCommand)
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--out", metavar="FILE",
    help="The file to write; - is stdout. Default: report.html, and slowtask-2026-11-25.html or such for"
    " --last, which also takes a folder.",
)  # fmt: skip
@last_option
@side_options
@since_option
@until_option
@queue_option
@where_option
@group_option
@date_option
@timezone_option
@custom_options
def report(
    sources: tuple[str, ...], out: str | None, last: Unit | None, wanted: Wanted,
    since: str | None, until: str | None, queues: tuple[str, ...], where: tuple[tuple[str, str], ...],
    group: str | None, day: date | None, zone: tzinfo, custom: CustomFormat,
) -> None:  # fmt: skip
    """Write the ranking and charts to one HTML file.

    The file opens without a network: keep it, mail it, or attach it to a ticket. An existing file is replaced
    when the new one is complete.

    SOURCE is a log file, a folder, a quoted glob, - for stdin, or the URL of an Elasticsearch, with the
    monitor's samples and alerts in it. Without one, SLOWTASK_LOG or slowtask.ndjson in this folder, and
    slowtask-monitor.ndjson if this folder has that file.

    \b
    From all logs here:
      slowtask report
    One queue, the last week:
      slowtask report logs/ --since 7d --queue mail --out mail.html
    From all machines, the last day:
      slowtask report https://elastic.example.org:9200 --since 1d
    With what changed since the last release, as slowtask diff says it:
      slowtask report logs/ --by version 1.4 1.5
    Every night by cron: yesterday, and what changed since a week before:
      slowtask report logs/ --last day --out reports/

    It needs: pip install 'slowtask-cli[report]'.
    """
    require_alone(last, wanted, since, until)
    period = find_period(last, datetime.now(UTC), zone) if last else None
    if period:
        since, until = period.since, period.until
    query = parse_period(since, until, queues, where, group)
    out = period.file(out) if period else out or FILE
    target = None if out == STDOUT else check_target(Path(out))
    store = open_store(sources, day, zone, custom, beside=[] if sources else monitor_samples())
    html, contents = make_report(store, query, period or wanted)
    content = html.encode()
    if target is None:
        sys.stdout.buffer.write(content)
    else:
        write_file(target, content)
        click.echo(f"{printable(str(out))}: {contents}, {size(len(content))}")


def check_target(out: Path) -> Path:
    """Return the file that *out* names, links followed. Raises `UsageError` if it can't be written."""
    target = out.resolve()  # so that a link stays a link
    if target.is_dir():
        raise UsageError(f"{out} is a folder: name a file, as in --out {out / 'report.html'}.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}: make it first.")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"This user can't write to the folder {out.parent}: choose another with --out.")
    return target


def monitor_samples() -> list[Source]:
    """The monitor's log in this folder with its rotated files, if there is one."""
    logs = find_rotated(Path(MonitorSettings().log))
    return resolve([str(log) for log in logs]) if logs else []


def make_report(store: "Store", query: Query, wanted: Wanted | Period) -> tuple[str, str]:
    """Make the report of the runs in *store*. Returns its HTML, and its contents in a few words.

    *wanted* says what is compared. Raises `SlowtaskError`.
    """
    from slowtask.cli.show.groups import count_nouns, noun_of
    from slowtask.cli.show.progress import show_progress
    from slowtask.cli.show.report.page import page
    from slowtask.cli.show.report.panels import COLOURED
    from slowtask.cli.show.report.profiles import PROFILED
    from slowtask.cli.show.report.renderer import Renderer
    from slowtask.rank.link import read_link_pattern

    pattern = read_link_pattern(os.environ)

    def leading_tasks(measurement: Measurement) -> list[str]:
        require_fields(store, measurement, query)
        if not measurement.figures:
            raise SourceError(explain_no_runs(measurement, query, wanted))
        return [task.task for task in rank(measurement.figures)[:COLOURED]]

    with Renderer() as render:
        with show_progress(store.progress):
            history = store.history(query, leading_tasks, profiled=0 if query.group else PROFILED)
        changes = find_changes(store, wanted, query)
        if not changes:
            warn_of_skipped(history.measurement.skipped)
        tasks = rank(history.measurement.figures)
        runs = plural(sum(task.count for task in tasks), "run")
        html = page(
            history, tasks, datetime.now(UTC), store.alerts(query), query.group, changes, pattern, render
        )
    return html, f"{runs} of {count_nouns(sum(bool(task.task) for task in tasks), noun_of(query.group))}"


def explain_no_runs(measurement: Measurement, query: Query, wanted: Wanted | Period) -> str:
    """Say why there is nothing to report on."""
    if isinstance(wanted, Period):
        return f"There are no runs of {wanted.name}, so no report was written."
    return explain_empty(measurement, query)


def find_changes(store: "Store", wanted: Wanted | Period, query: Query) -> "View | None":
    """What changed, if that is asked; of a period also None if there are no runs to compare it with."""
    if isinstance(wanted, Wanted):
        return compare_runs(store, wanted, query) if wanted.given else None
    sides = choose_sides(wanted.wanted, replace(query, since=None, until=None))
    comparison = measure_sides(store, sides.before, sides.after)
    if not comparison.before.figures:
        print_message(f"{wanted.name} has no runs a week before to be compared with.")
        return None
    return make_view(comparison, query, sides.names, sides.spans)


def write_file(target: Path, content: bytes) -> None:
    """Replace *target* by *content*, entirely or not at all. Raises `SourceError`."""
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
