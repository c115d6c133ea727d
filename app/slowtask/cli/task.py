"""`slowtask task`: all that the logs tell of one task, on one page."""

import os
from collections.abc import Sequence
from datetime import date, tzinfo
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.logs import (
    INCOMPLETE,
    explain_empty,
    open_store,
    parse_period,
    require_fields,
    warn_of_doubts,
    warn_of_skipped,
)
from slowtask.cli.options import (
    custom_options,
    date_option,
    queue_option,
    since_option,
    timezone_option,
    until_option,
    where_option,
)
from slowtask.cli.terminal import print_json
from slowtask.errors import SourceError
from slowtask.parse.custom import CustomFormat
from slowtask.store import Measurement, Query

if TYPE_CHECKING:
    from slowtask.rank.link import LinkPattern
    from slowtask.store.profile import Choose, Profile
    from slowtask.store.protocol import Store

SLOTS: Final = 12  #: of time, at most


@click.command
@click.argument("name", metavar="NAME")
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@since_option
@until_option
@queue_option
@where_option
@click.option("--json", "as_json", is_flag=True, help="Print one object, with times in seconds.")
@date_option
@timezone_option
@custom_options
@click.pass_context
def task(
    context: click.Context,
    name: str, sources: tuple[str, ...], *, since: str | None, until: str | None, queues: tuple[str, ...],
    where: tuple[tuple[str, str], ...], day: date | None, zone: tzinfo, custom: CustomFormat, as_json: bool,
) -> None:  # fmt: skip
    """Show on one page why a task is slow.

    Its run times as a histogram and over time; by queue, host, version and worker; how much of the time it
    computes, and how much it waits; what its jobs waited behind; how its runs ended, with which exceptions;
    and its ten longest runs, with the place of each in its log.

    NAME is the task's full name, or the end of it behind a dot, if no other task ends so.

    Of a history that slowtask rollup keeps, it shows what the hours tell: all but single runs, as one with
    the logs beside it.

    SOURCE is a log file, a folder, a quoted glob, - for stdin, or the URL of an Elasticsearch. Without one,
    SLOWTASK_LOG or slowtask.ndjson in this folder.

    \b
    Why is send_mail slow?
      slowtask task send_mail logs/
    Only since the last release, of one queue:
      slowtask task shop.mail.send logs/ --where version=1.5 --queue mail
    Over a year, of which the logs are gone:
      slowtask task send_mail logs/ history/ --since 365d
    On all machines, the last day:
      slowtask task send_mail https://elastic.example.org:9200 --since 1d
    For another program:
      slowtask task send_mail worker.ndjson --json

    \b
    Exit status:
      0  the page is complete
      1  there is no run, or a log can't be read
      2  an argument is wrong, or no task or several have that name
      3  there is a page, but lines that may tell of runs weren't read
    """
    query = parse_period(since, until, queues, where)
    store = open_store(sources, day, zone, custom)
    from slowtask.cli.show.progress import show_progress
    from slowtask.rank.link import read_link_pattern

    pattern, start = read_link_pattern(os.environ), perf_counter()
    with show_progress(store.progress):
        profile = store.profile(name, query, choose_task(store, name, query), SLOTS)
    print_profile(profile, pattern, perf_counter() - start, as_json=as_json)
    if profile.measurement.bad:
        context.exit(INCOMPLETE)


def choose_task(store: "Store", wanted: str, query: Query) -> "Choose":
    """Make what chooses the task *wanted* among names in *store*; it raises `SlowtaskError`."""
    from slowtask.rank.change import find_task

    def choose(names: Sequence[str], measurement: Measurement) -> str:
        if not names:
            require_fields(store, measurement, query)
            raise SourceError(explain_empty(measurement, query))
        return names[find_task(names, wanted, "")]

    return choose


def print_profile(profile: "Profile", pattern: "LinkPattern | None", took: float, *, as_json: bool) -> None:
    """Print *profile* for a person or as JSON, and what wasn't read."""
    warn_of_skipped(profile.measurement.skipped)
    if as_json:
        from slowtask.cli.show.task_json import make_object

        print_json(make_object(profile, pattern))
    else:
        from slowtask.cli.show.console import make_console
        from slowtask.cli.show.task import page

        console: Any = make_console()
        console.print(page(profile, pattern, took, console.width))
    warn_of_doubts(profile.measurement)
