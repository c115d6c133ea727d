"""`slowtask top`: which tasks hold the workers."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from slowtask.cli import export
from slowtask.cli.options import day, zone
from slowtask.cli.terminal import data
from slowtask.elastic.access import Access, is_address
from slowtask.errors import SourceError, UsageError
from slowtask.rank import ORDERS, Order, named, rank
from slowtask.sources import resolve
from slowtask.store import Measurement, Query, Store
from slowtask.units import plural
from slowtask.when import moment

if TYPE_CHECKING:
    from slowtask.cli.table import View

HELP = """Rank tasks by the time they took.

SOURCE is a log file, also .gz or packed in .parquet, a folder of them, a quoted glob, or - for stdin;
or the address of one Elasticsearch. Without one, the log of the worker with these settings.

\b
The ten tasks that take longest:          slowtask top worker.log -n 10 --by max
One queue's last hour, as it goes on:     slowtask top --since 1h --queue mail --watch
Their figures for another program:        slowtask top logs/ --json
All machines' last day:                   slowtask top https://elastic.example.org:9200 --since 1d
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for."""

    by: Order
    tasks: tuple[str, ...]
    limit: int


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
def top(  # noqa: D103, PLR0913, PLR0917 - HELP says it; click passes the options one by one
    sources: tuple[str, ...], by: Order, since: str | None, until: str | None, queues: tuple[str, ...],
    tasks: tuple[str, ...], limit: int, interval: float, day: date | None, zone: tzinfo,
    *, as_json: bool, as_csv: bool, bad: bool, watch: bool,
) -> None:  # fmt: skip
    alone(as_json=as_json, as_csv=as_csv, bad=bad, watch=watch)
    query = period(since, until, queues)
    store = opened(sources, day, zone)
    options = Options(by=by, tasks=tasks, limit=limit)
    if watch:
        from slowtask.cli.watch import live  # noqa: PLC0415 - only when asked for

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


def period(since: str | None, until: str | None, queues: tuple[str, ...]) -> Query:
    """The query that the options mean now. Raises `UsageError`."""
    now = datetime.now(UTC)
    first = moment(since, now, "--since") if since else None
    last = moment(until, now, "--until") if until else None
    if first and last and first >= last:
        raise UsageError("--since isn't before --until: nothing lies between them.")
    return Query(since=first, until=last, queues=queues)


def opened(sources: tuple[str, ...], day: date | None, zone: tzinfo) -> Store:
    """The store that *sources* name: log files, or one Elasticsearch. Raises `SlowtaskError`."""
    if not any(map(is_address, sources)):
        return files(sources, day, zone)
    if len(sources) > 1:
        raise UsageError("An Elasticsearch is ranked by itself: name either log files or one address.")
    return elastic(sources[0])


def elastic(address: str) -> Store:
    """The store at *address*. Raises `UsageError`."""
    access = Access.named(address)
    try:
        from slowtask.store.elastic import Elastic  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise UsageError(
            "Reading Elasticsearch needs its client: pip install 'slowtask[elasticsearch]'."
        ) from None

    return Elastic(access)


def files(sources: tuple[str, ...], day: date | None, zone: tzinfo) -> Store:
    """The store of the files that *sources* name, each run once. Raises `SlowtaskError`."""
    found = resolve(sources)
    from slowtask.store.files import Files  # noqa: PLC0415 - DuckDB is slow to import: mistakes come first

    return Files(found, date=day, timezone=zone)


def look(measurement: Measurement, query: Query, options: Options, took: float) -> "View":
    """The ranking, *took* seconds to measure. Raises `SourceError` where there is nothing to rank."""
    from slowtask.cli.table import View  # noqa: PLC0415 - rich is slow to import

    tasks = named(rank(measurement.figures, options.by), options.tasks)
    if not tasks:
        raise SourceError(nothing(measurement, query))
    return View(tasks=tasks, by=options.by, measurement=measurement, took=took)


def measured(store: Store, query: Query) -> Measurement:
    """What *store* answers, with its progress on a terminal when it takes long."""
    from slowtask.cli.progress import shown  # noqa: PLC0415 - see `files`

    with shown(store.progress):
        found = store.measure(query)
    say_skipped(found)
    return found


def say_skipped(found: Measurement) -> None:
    """Tell of logs that were left out because their packed form was read."""
    if found.skipped:
        click.echo(f"slowtask: {plural(found.skipped, 'log')} left out: the packed form is read.", err=True)


def nothing(measurement: Measurement, query: Query) -> str:
    """Why there is nothing to rank, and what to do."""
    if measurement.figures:
        return "No task has such a name: check --task, and quote its globs."
    if query != Query():
        return "No run matches --since, --until and --queue: widen them."
    if measurement.bad.count:
        return (
            f"No line holds a run; {measurement.bad.count:,} can't be parsed: slowtask top --bad shows them."
        )
    return "The logs hold no runs yet: check that the workers run with slowtask, or name other files."


def show(view: "View", options: Options, *, as_json: bool, as_csv: bool) -> None:
    """Print *view*."""
    shown = view.tasks[: options.limit or None]
    if as_json:
        export.json(shown, data())
    elif as_csv:
        export.csv(shown, data())
    else:
        from slowtask.cli.table import console, page  # noqa: PLC0415 - rich is slow to import

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
