"""`slowtask top`: which tasks hold the workers."""

from datetime import date, tzinfo
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from slowtask.cli.logs import Options, look, measured, opened, period
from slowtask.cli.options import day, zone
from slowtask.cli.show import export
from slowtask.cli.terminal import data
from slowtask.errors import UsageError
from slowtask.rank.ranking import ORDERS, Order
from slowtask.store import Measurement
from slowtask.units import plural

if TYPE_CHECKING:
    from slowtask.cli.show.ranking import View

HELP = """Rank tasks by the time they took.

SOURCE is a log file, also .gz or packed in .parquet, a folder of them, a quoted glob, or - for stdin;
or the address of one Elasticsearch. Without one, the log of the worker with these settings.

\b
The ten tasks that take longest:          slowtask top worker.log -n 10 --by max
One queue's last hour, as it goes on:     slowtask top --since 1h --queue mail --watch
Their figures for another program:        slowtask top logs/ --json
All machines' last day:                   slowtask top https://elastic.example.org:9200 --since 1d
"""


@click.command(help=HELP)
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option("--by", type=click.Choice(ORDERS), default="total", show_default=True, help="The order.")
@click.option(
    "--since", metavar="TIME", help="Runs that ended since: 90s, 15m, 1h, 7d, 2w ago, or a date or time."
)
@click.option("--until", metavar="TIME", help="Runs that ended before. UTC, unless the time has an offset.")
@click.option("--queue", "queues", metavar="NAME", multiple=True, help="Only this queue. Repeatable.")
@click.option("--task", "tasks", metavar="GLOB", multiple=True, help="Show only these: 'shop.*'. Repeatable.")
@click.option("-n", "limit", type=click.IntRange(min=0), default=20, show_default=True, help="Tasks; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="An array of objects, times in seconds.")
@click.option("--csv", "as_csv", is_flag=True, help="The same as CSV.")
@click.option("--watch", is_flag=True, help="A live view, ordered by a key; q quits.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=2.0, show_default=True, metavar="SECONDS",
    help="How often --watch reads again.",
)  # fmt: skip
@click.option("--bad", is_flag=True, help="List the lines that can't be parsed instead.")
@day
@zone
def top(  # noqa: D103 - HELP says it; click passes the options one by one
    sources: tuple[str, ...], by: Order, since: str | None, until: str | None, queues: tuple[str, ...],
    tasks: tuple[str, ...], limit: int, interval: float, day: date | None, zone: tzinfo,
    *, as_json: bool, as_csv: bool, bad: bool, watch: bool,
) -> None:  # fmt: skip
    alone(as_json=as_json, as_csv=as_csv, bad=bad, watch=watch)
    query = period(since, until, queues)
    store = opened(sources, day, zone)
    options = Options(by=by, tasks=tasks, limit=limit)
    if watch:
        from slowtask.cli.show.ranking_live import live

        live(store, partial(period, since, until, queues), options, interval)
    elif bad:
        show_bad(measured(store, query))
    else:
        start = perf_counter()
        measurement = measured(store, query)
        view = look(measurement, query, options, perf_counter() - start)
        show(view, options, as_json=as_json, as_csv=as_csv)


def alone(**modes: bool) -> None:
    """Raise `UsageError` where two of *modes* are wanted at once."""
    wanted = ["--" + name.removeprefix("as_") for name, on in modes.items() if on]
    if len(wanted) > 1:
        raise UsageError(f"{' and '.join(wanted)} don't go together: choose one.")


def show(view: "View", options: Options, *, as_json: bool, as_csv: bool) -> None:
    """Print *view*."""
    shown = view.tasks[: options.limit or None]
    if as_json:
        export.json(shown, data())
    elif as_csv:
        export.csv(shown, data())
    else:
        from slowtask.cli.show.console import console
        from slowtask.cli.show.ranking import page

        target: Any = console()
        target.print(page(view, options.limit, target.width))


def show_bad(measurement: Measurement) -> None:
    """Print the first lines that can't be parsed, and how many there are."""
    for example in measurement.bad.examples:
        click.echo(example)
    more = measurement.bad.count - len(measurement.bad.examples)
    click.echo(
        f"{plural(measurement.bad.count, 'line')} could not be parsed"
        + (f"; {more:,} are not shown." if more else "."),
        err=True,
    )
