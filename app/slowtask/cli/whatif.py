"""`slowtask whatif`: a change, tried on paper."""

from collections.abc import Callable
from datetime import date, tzinfo
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.logs import period
from slowtask.cli.options import day, zone
from slowtask.cli.terminal import data
from slowtask.errors import SourceError, UsageError
from slowtask.parse.sources import resolve
from slowtask.rank.change import Change
from slowtask.rank.whatif import whatif as replayed
from slowtask.store import Query
from slowtask.units import plural

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

JOB_BYTES: Final = 575  #: measured, with RQ's and its place in the queue: bench/RESULTS.md
MOST: Final = 100_000  #: workers

HELP = """Try a change on paper: replay the log with it.

The jobs of the log arrive once more, at as many workers as were seen, and then at what you change.
SOURCE is a log file, folder, glob or -, as for slowtask top; but not an Elasticsearch.

\b
Eight workers:                        slowtask whatif worker.ndjson --workers 8
Eight that serve the queue mail:      slowtask whatif logs/ --workers mail:8
send_mail apart, two workers added:   slowtask whatif --own-queue send_mail:2
compute in half the time, and half
as many jobs again:                   slowtask whatif --faster compute:0.5 --arrivals 1.5
"""


class Pair(click.ParamType[tuple[str | None, float]]):
    """A name and a number, as send_mail:2; where it may be *bare*, also without the name."""

    name = "pair"

    def __init__(self, number: Callable[[str], float], *, bare: bool = False) -> None:
        self._number = number
        self._bare = bare

    def convert(
        self, value: str | tuple[str | None, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, float]:
        """The pair that *value* writes."""
        if isinstance(value, tuple):
            return value
        name, _, written = value.rpartition(":")
        try:
            number = self._number(written)
        except ValueError:
            number = 0
        if not 0 < number <= MOST or not (name or self._bare):
            self.fail(
                f"{value!a} isn't written like {'8 or mail:8' if self._bare else 'send_mail:2'}", param, ctx
            )
        return name or None, number


@click.command(help=HELP)
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--workers",
    type=Pair(int, bare=True),
    multiple=True,
    metavar="[QUEUE:]N",
    help="So many workers; with QUEUE those that serve it. Repeatable.",
)
@click.option(
    "--own-queue",
    "own",
    type=Pair(int),
    multiple=True,
    metavar="TASK:N",
    help="A queue for this task alone, and N workers more for it. Repeatable.",
)
@click.option(
    "--faster",
    type=Pair(float),
    multiple=True,
    metavar="TASK:FACTOR",
    help="The task's times are multiplied by it: 0.5 is half. Repeatable.",
)
@click.option(
    "--arrivals",
    type=click.FloatRange(min=0, max=MOST, min_open=True),
    default=1.0,
    metavar="FACTOR",
    help="The same jobs arrive so many times as fast.",
)
@click.option(
    "--workers-now",
    "now",
    type=Pair(int, bare=True),
    multiple=True,
    metavar="[QUEUE:]N",
    help="How many there were, where the log doesn't show it. Repeatable.",
)
@click.option(
    "--job-bytes",
    type=click.IntRange(min=1),
    default=JOB_BYTES,
    show_default=True,
    metavar="BYTES",
    help="What a waiting job takes in the broker: measured with RQ and small arguments.",
)
@click.option("--since", metavar="TIME", help="Runs that ended since, as for slowtask top.")
@click.option("--until", metavar="TIME", help="Runs that ended before.")
@click.option("--json", "as_json", is_flag=True, help="One object, times in seconds.")
@day
@zone
def whatif(  # noqa: D103 - HELP says it; click passes the options one by one
    *, sources: tuple[str, ...], since: str | None, until: str | None, day: date | None, zone: tzinfo,
    job_bytes: int, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    change = wanted(**options)
    start = perf_counter()
    log = read(sources, period(since, until, ()), day, zone)
    outcome = replayed(log, change)
    from slowtask.cli.show import replay as paper

    if as_json:
        paper.json(outcome, log, job_bytes, data())
    else:
        paper.show(outcome, log, job_bytes, perf_counter() - start)


def wanted(*, arrivals: float, **pairs: tuple[tuple[str | None, Any], ...]) -> Change:
    """The change that the options ask for. Raises `UsageError` where one names something twice."""
    for option, given in pairs.items():
        if len(dict(given)) < len(given):
            names = {"own": "own-queue", "now": "workers-now"}
            raise UsageError(f"--{names.get(option, option)} gives two numbers for one name: leave one out.")
    numbers: dict[str, Any] = {option: dict(given) for option, given in pairs.items()}
    return Change(arrivals=arrivals, **numbers)


def read(sources: tuple[str, ...], query: Query, day: date | None, zone: tzinfo) -> "Columns":
    """The runs to replay. Raises `SourceError` where there is none."""
    found = resolve(sources)
    from slowtask.cli.show.progress import shown
    from slowtask.store.files import Files

    store = Files(found, date=day, timezone=zone)
    with shown(store.progress):
        log = store.columns(query)
    if log.skipped:
        click.echo(f"slowtask: {plural(log.skipped, 'log')} left out: the packed form is read.", err=True)
    if not log.arrival:
        raise SourceError(nothing(log, query))
    return log


def nothing(log: "Columns", query: Query) -> str:
    """Why there is nothing to replay, and what to do."""
    if log.untold:
        runs = (
            f"None of the {plural(log.untold, 'run')} tells" if log.untold > 1 else "The one run doesn't tell"
        )
        return f"{runs} how long it waited and took, as stock logs don't: have the workers run with slowtask."
    if query != Query():
        return "No run matches --since and --until: widen them."
    return "The logs hold no runs: check that the workers run with slowtask, or name other files."
