"""`slowtask diff`: what became of each task between two sets of runs."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.compare import compare
from slowtask.cli.logs import INCOMPLETE, NO_TASK_MATCHES, parse_period, warn_of_doubts
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
from slowtask.cli.show.groups import key_by_field
from slowtask.cli.sides import SidesCommand, Wanted, side_options
from slowtask.cli.terminal import print_json
from slowtask.errors import SourceError
from slowtask.parse.custom import CustomFormat
from slowtask.rank.ranking import match_tasks

if TYPE_CHECKING:
    from slowtask.cli.show.diff import View

REGRESSED: Final = 1  #: exit status: a task got worse by --fail-over


@click.command(cls=SidesCommand)
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@side_options
@since_option
@until_option
@queue_option
@where_option
@group_option
@click.option(
    "--task", "tasks", metavar="GLOB", multiple=True, help="Show only these tasks, as 'shop.*'. Repeatable."
)
@click.option(
    "-n", "limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="COUNT",
    help="How many tasks to show, and all that got worse; 0 shows all.",
)  # fmt: skip
@click.option(
    "--fail-over", type=click.FloatRange(min=1.0), metavar="RATIO",
    help="Exit with 1 if a task got worse by RATIO times, as 1.2.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, with times in seconds.")
@date_option
@timezone_option
@custom_options
@click.pass_context
def diff(
    context: click.Context,
    sources: tuple[str, ...], wanted: Wanted, since: str | None, until: str | None, queues: tuple[str, ...],
    where: tuple[tuple[str, str], ...], group: str | None, tasks: tuple[str, ...], limit: int,
    fail_over: float | None, day: date | None, zone: tzinfo, custom: CustomFormat, *, as_json: bool,
) -> None:  # fmt: skip
    """Show which tasks got slower, and what that costs.

    Compares two logs, two values of a field, two periods, or the last hour with the same hour a week ago. A
    task counts as slower only if that is certain. If it only has more long jobs among its short ones, the
    output says so.

    SOURCE is as for slowtask top. Of two SOURCEs the first is compared with the second, unless --by, --at,
    --before or --against says what to compare in them.

    \b
    Two releases:
      slowtask diff logs/ --by version 1.4 1.5
    Before and after a deployment:
      slowtask diff logs/ --at 2026-11-26T14:00
    Now and a week ago, on all machines:
      slowtask diff https://elastic.example.org:9200 --since 1h --against 7d
    In CI, two logs of the same jobs:
      slowtask diff main.ndjson branch.ndjson --fail-over 1.2

    \b
    Exit status:
      0  nothing got worse by --fail-over, or it isn't given
      1  a task got worse by --fail-over, or a log can't be read
      2  an argument is wrong
      3  lines that may tell of runs weren't read, so the figures are incomplete
    """
    query = parse_period(since, until, queues, where, group)
    view = keep_tasks(compare(sources, wanted, query, (day, zone, custom)), tasks)
    print_view(view, limit, as_json=as_json)
    from slowtask.rank.diff import is_regression

    if fail_over is not None and any(is_regression(task, fail_over) for task in view.diff.tasks):
        context.exit(REGRESSED)
    if any(side.bad for side in view.sides):
        context.exit(INCOMPLETE)


def keep_tasks(view: "View", patterns: Sequence[str]) -> "View":
    """Keep the tasks whose name matches one of *patterns*; all without patterns. Raises `SourceError`."""
    kept = match_tasks(view.diff.tasks, patterns)
    if not kept:
        raise SourceError(NO_TASK_MATCHES)
    return replace(view, diff=replace(view.diff, tasks=tuple(kept)))


def print_view(view: "View", limit: int, *, as_json: bool) -> None:
    """Print *view* for a person, or as JSON with what is uncertain on stderr."""
    if as_json:
        print_json([key_by_field(asdict(task), view.group) for task in view.diff.tasks])
        warn_of_doubts(*view.sides)
        return
    from slowtask.cli.show.console import make_console
    from slowtask.cli.show.diff import page

    console: Any = make_console()
    console.print(page(view, limit, console.width))
