"""`slowtask top`: rank tasks by the worker time they used."""

from datetime import date, tzinfo
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from slowtask.cli.columns import columns_option
from slowtask.cli.logs import (
    INCOMPLETE,
    Options,
    make_view,
    measure,
    open_store,
    parse_period,
    require_fields,
    warn_of_doubts,
)
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
from slowtask.cli.review import ReviewFile, accept_tasks, apply_review
from slowtask.cli.show import export
from slowtask.cli.show.doubts import describe_others
from slowtask.cli.terminal import print_json, utf8_stdout
from slowtask.errors import UsageError
from slowtask.parse.custom import CustomFormat
from slowtask.rank.ranking import ORDERS, Order
from slowtask.store import Measurement

if TYPE_CHECKING:
    from slowtask.cli.show.ranking import View


@click.command
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--by", type=click.Choice(ORDERS), default="total", show_default=True, help="How to order the tasks."
)
@since_option
@until_option
@queue_option
@where_option
@group_option
@click.option(
    "--task", "tasks", metavar="GLOB", multiple=True,
    help="Show only these tasks, as 'shop.*'; shares still refer to all. Repeatable.",
)  # fmt: skip
@click.option(
    "-n", "limit", type=click.IntRange(min=0), metavar="COUNT",
    help="Show exactly so many tasks; 0 shows all. Default: those with 95 % of the worker time, at most 20,"
    " and those that stand out; with --json and --csv all.",
)  # fmt: skip
@columns_option
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, with times in seconds.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the same as CSV.")
@click.option("--watch", is_flag=True, help="Show a live view; a key changes the order, q quits.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=2.0, show_default=True, metavar="SECONDS",
    help="How often --watch reads the logs again.",
)  # fmt: skip
@click.option(
    "--review", "review", metavar="FILE",
    help="Hide the tasks that somebody has reviewed, unless they got worse. FILE lists the reviews; tasks"
    " that are shown for the first time are added to it.",
)  # fmt: skip
@click.option(
    "--accept", metavar="TASK", multiple=True,
    help="Write the present figures of TASK to the file of --review, so that it is hidden again."
    " Repeatable.",
)  # fmt: skip
@click.option("--bad", is_flag=True, help="List the lines that weren't read, instead of the tasks.")
@date_option
@timezone_option
@custom_options
@click.pass_context
def top(
    context: click.Context,
    sources: tuple[str, ...], by: Order, since: str | None, until: str | None, queues: tuple[str, ...],
    where: tuple[tuple[str, str], ...], group: str | None,
    tasks: tuple[str, ...], limit: int | None, columns: tuple[str, ...], interval: float,
    review: str | None, accept: tuple[str, ...], day: date | None, zone: tzinfo, custom: CustomFormat,
    *, as_json: bool, as_csv: bool, bad: bool, watch: bool,
) -> None:  # fmt: skip
    """Rank tasks by the worker time they used.

    SOURCE is a log file (also .gz, or .parquet from slowtask pack), a folder, a quoted glob, - for stdin, or
    the URL of an Elasticsearch. Without one, SLOWTASK_LOG or slowtask.ndjson in this folder.

    \b
    The ten tasks with the longest runs:
      slowtask top worker.log -n 10 --by max
    One queue, the last hour, live:
      slowtask top --since 1h --queue mail --watch
    For another program:
      slowtask top logs/ --json
    All machines, the last day:
      slowtask top https://elastic.example.org:9200 --since 1d
    Only tasks that nobody has reviewed yet, and those that got worse:
      slowtask top logs/ --review review.toml

    \b
    Exit status:
      0  the ranking is complete
      1  there is nothing to rank, or a log can't be read
      2  an argument is wrong
      3  there is a ranking, but lines that may tell of runs weren't read
    """
    require_one_mode(as_json=as_json, as_csv=as_csv, bad=bad, watch=watch)
    require_one_mode(review=review is not None, bad=bad, watch=watch)
    require_table(columns, as_json=as_json, as_csv=as_csv)
    require_one_kind_of_rows(group, tasks)
    file = open_review(review, accept)
    query = parse_period(since, until, queues, where, group)
    store = open_store(sources, day, zone, custom)
    options = Options(by=by, tasks=tasks, limit=limit, columns=columns)
    if watch:
        from slowtask.cli.show.ranking_live import run_live

        run_live(store, partial(parse_period, since, until, queues, where, group), options, interval)
    elif bad:
        print_bad_lines(measure(store, query, workers=False))
    else:
        start = perf_counter()
        measurement = measure(store, query, workers=not (as_json or as_csv))
        require_fields(store, measurement, query)
        view = make_view(measurement, query, options, perf_counter() - start)
        if file is not None:
            accept_tasks(view, file, accept)
            view = apply_review(view, file, limit)
        print_ranking(view, options, file, as_json=as_json, as_csv=as_csv)
        if measurement.bad:
            context.exit(INCOMPLETE)


def require_one_mode(**modes: bool) -> None:
    """Raise `UsageError` if more than one of *modes* is on."""
    options = ["--" + name.removeprefix("as_") for name, on in modes.items() if on]
    if len(options) > 1:
        raise UsageError(f"{' and '.join(options)} can't be combined: choose one.")


def require_table(columns: tuple[str, ...], *, as_json: bool, as_csv: bool) -> None:
    """Raise `UsageError` if *columns* are chosen where no table is printed."""
    if columns and (as_json or as_csv):
        raise UsageError("--columns is for the table: --json and --csv always have all keys.")


def open_review(name: str | None, accept: tuple[str, ...]) -> ReviewFile | None:
    """Read the file *name*. Raises `UsageError`, also if there is something to *accept* but no file."""
    if name is not None:
        return ReviewFile(Path(name))
    if accept:
        raise UsageError("--accept changes the file of --review: name one.")
    return None


def require_one_kind_of_rows(group: str | None, tasks: tuple[str, ...]) -> None:
    """Raise `UsageError` if *tasks* are to be shown where the rows are values of *group*."""
    if group is not None and tasks:
        raise UsageError("--task shows tasks, but --group-by ranks others: use --where task=NAME.")


def print_ranking(
    view: "View", options: Options, file: ReviewFile | None, *, as_json: bool, as_csv: bool
) -> None:
    """Print *view* for a person, as JSON or as CSV; these also have what *file* says of each task."""
    if as_json or as_csv:
        tasks = view.tasks[: options.limit or None]
        rows = export.make_rows(tasks, view.group)
        if file is not None and view.review is not None:
            rows = export.add_reviews(
                rows, [task.task for task in tasks], file.entries(view.group), view.review
            )
        if as_json:
            print_json(rows)
        else:
            export.write_csv(rows, utf8_stdout())
        warn_of_doubts(view.measurement)
    else:
        from slowtask.cli.show.console import make_console
        from slowtask.cli.show.ranking import page

        console: Any = make_console()
        console.print(page(view, options.limit, console.width))


def print_bad_lines(measurement: Measurement) -> None:
    """Print the first lines that weren't read, how many there are, and how many other programs wrote."""
    bad = measurement.bad
    for example in bad.examples:
        click.echo(example)
    more = max(0, bad.count - len(bad.examples))
    rest = f"; {more:,} are not shown." if more else "."
    click.echo(f"{bad.sentence or 'All lines that may tell of runs were read'}{rest}", err=True)
    if others := describe_others(measurement.others.items()):
        click.echo(f"{others}.", err=True)
