"""`slowtask diff`: what became of each task between two sets of runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from slowtask.cli.logs import INCOMPLETE, open_store, parse_period, warn_of_guesses, warn_of_skipped
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
from slowtask.cli.sides import Sides, Wanted, choose_sides, side_options
from slowtask.cli.terminal import utf8_stdout
from slowtask.errors import SourceError, UsageError
from slowtask.parse.custom import CustomFormat
from slowtask.store import Comparison, Query, Store
from slowtask.store.comparison import make_comparison
from slowtask.store.fields import short_name
from slowtask.units import printable

if TYPE_CHECKING:
    from slowtask.rank.diff import Diff

REGRESSED: Final = 1  #: exit status: a task got worse by --fail-over
TWO: Final = 2  #: logs that are compared
MAX_VALUES: Final = 10  #: of a field, that an error lists
LONG_AGO: Final = datetime.fromtimestamp(0, UTC)  #: no run is so old

#: The date of the first line, the time zone, and the format.
HowToRead = tuple[date | None, tzinfo, CustomFormat]


@click.command
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
    task counts as slower only if that is certain; another mix of short and long jobs is told apart from it.

    SOURCE is as for slowtask top. Two SOURCEs and none of --by, --at, --before and --against: the first log is
    compared with the second.

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
    sides, comparison = compare(sources, wanted, query, (day, zone, custom))
    from slowtask.rank.diff import diff as find_differences
    from slowtask.rank.diff import is_regression

    found = match_tasks(find_differences(comparison, sides.spans), tasks)
    if as_json:
        print_json(found, comparison, group)
    else:
        print_page(found, sides, comparison, group, limit)
    if fail_over is not None and any(is_regression(task, fail_over) for task in found.tasks):
        context.exit(REGRESSED)
    if comparison.before.bad or comparison.after.bad:
        context.exit(INCOMPLETE)


def compare(
    sources: tuple[str, ...], wanted: Wanted, query: Query, reading: HowToRead
) -> tuple[Sides, Comparison]:
    """Compare what the arguments ask for. Raises `SlowtaskError`, also if a side has no runs."""
    if len(sources) == TWO and not wanted.given:
        return compare_logs(sources, query, reading)
    if len(sources) > 1 and not wanted.given:
        raise UsageError("Name two logs, or say what to compare in them: --by, --at, --before or --against.")
    sides = choose_sides(wanted, query)
    store = open_store(sources, *reading)
    comparison = measure_sides(store, sides.before, sides.after)
    if not (comparison.before.figures and comparison.after.figures):
        raise SourceError(explain_empty(store, wanted, sides, comparison))
    return sides, comparison


def compare_logs(sources: tuple[str, ...], query: Query, reading: HowToRead) -> tuple[Sides, Comparison]:
    """Compare the first of two logs with the second. Raises `SlowtaskError`."""
    stores = [open_store((source,), *reading) for source in sources]
    nothing = replace(query, since=None, until=LONG_AGO)
    first, second = measure_sides(stores[0], query, nothing), measure_sides(stores[1], nothing, query)
    for name, measurement in zip(sources, (first.before, second.after), strict=True):
        if not measurement.figures:
            raise SourceError(f"{printable(name)} has no runs that match: nothing can be compared.")
    times = (
        {pair.task: pair.before.times for pair in first.pairs},
        {pair.task: pair.after.times for pair in second.pairs},
    )
    comparison = make_comparison(first.before, second.after, times)
    names = (printable(sources[0]), printable(sources[1]))
    return Sides(before=query, after=query, names=names), comparison


def measure_sides(store: Store, before: Query, after: Query) -> Comparison:
    """Measure both sides in *store*, with a progress bar if that takes long."""
    from slowtask.cli.show.progress import show_progress

    with show_progress(store.progress):
        comparison = store.compare(before, after)
    warn_of_skipped(max(comparison.before.skipped, comparison.after.skipped))
    return comparison


def explain_empty(store: Store, wanted: Wanted, sides: Sides, comparison: Comparison) -> str:
    """Say which side has no runs, and what to do."""
    name = sides.names[bool(comparison.before.figures)]
    if not wanted.by:
        return f"No run matches {name}: choose another time by --at, --before and --after, or --against."
    field = wanted.by[0]
    values = [each.task for each in store.measure(Query(group=field)).figures if each.task]
    known = ", ".join(map(printable, sorted(values)[:MAX_VALUES])) or "no value"
    more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
    return f"No run has {name}: these runs have {known}{more} as {short_name(field)}."


def match_tasks(found: "Diff", patterns: Sequence[str]) -> "Diff":
    """Keep the tasks whose name matches one of *patterns*; all without patterns. Raises `SourceError`."""
    kept = tuple(
        task for task in found.tasks if not patterns or any(fnmatchcase(task.task, each) for each in patterns)
    )
    if not kept:
        raise SourceError("No task has such a name: check --task, and quote its globs.")
    return replace(found, tasks=kept)


def print_json(found: "Diff", comparison: Comparison, group: str | None) -> None:
    """Print *found* as JSON, and say on stderr what is uncertain about it."""
    utf8_stdout().write(encode(found, group))
    warn_of_guesses([*comparison.before.guessed, *comparison.after.guessed])
    for sentence in {side.bad.sentence for side in (comparison.before, comparison.after) if side.bad}:
        click.echo(f"slowtask: {sentence}: slowtask top --bad lists which, and why.", err=True)


def print_page(found: "Diff", sides: Sides, comparison: Comparison, group: str | None, limit: int) -> None:
    """Print *found* for a person."""
    from slowtask.cli.show.console import make_console
    from slowtask.cli.show.diff import View, page

    view = View(diff=found, names=sides.names, comparison=comparison, group=group)
    console: Any = make_console()
    console.print(page(view, limit, console.width))


def encode(found: "Diff", group: str | None) -> str:
    """The tasks as a JSON array; with *group*, its name is the key of its value, null where it is unknown."""
    plain = [msgspec.to_builtins(task) for task in found.tasks]
    if group:
        plain = [{group: each.pop("task") or None, **each} for each in plain]
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n"
