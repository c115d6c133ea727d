"""`slowtask whatif`: replay a log, first as it was and then with a change."""

from collections.abc import Callable
from datetime import date, tzinfo
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.logs import open_store, parse_period, warn_of_guesses, warn_of_history, warn_of_skipped
from slowtask.cli.options import custom_options, date_option, since_option, timezone_option, until_option
from slowtask.cli.terminal import print_json
from slowtask.errors import SourceError, UsageError
from slowtask.parse.custom import CustomFormat
from slowtask.rank.change import Change
from slowtask.rank.whatif import try_change
from slowtask.store import Query
from slowtask.units import plural

if TYPE_CHECKING:
    from slowtask.store.columns import Columns
    from slowtask.store.protocol import Store

#: Memory of a waiting RQ job with small arguments and its place in the queue, as measured: bench/RESULTS.md.
JOB_BYTES: Final = 575
MAX_NUMBER: Final = 100_000  #: of workers, and of factors


class NamedNumber(click.ParamType[tuple[str | None, float]]):
    """A name and a number, written as send_mail:2; with *bare*, the name may be missing."""

    name = "pair"

    def __init__(self, number: Callable[[str], float], *, bare: bool = False) -> None:
        self._number = number
        self._bare = bare

    def convert(
        self, value: str | tuple[str | None, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, float]:
        """Convert *value* to a name, or None, and a number; or fail with an example."""
        if isinstance(value, tuple):
            return value
        name, _, digits = value.rpartition(":")
        try:
            number = self._number(digits)
        except ValueError:
            number = 0
        if not 0 < number <= MAX_NUMBER or not (name or self._bare):
            example = "8 or mail:8" if self._bare else "send_mail:2"
            self.fail(f"{value!a} isn't written like {example}", param, ctx)
        return name or None, number


@click.command
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--workers", type=NamedNumber(int, bare=True), multiple=True, metavar="[QUEUE:]N",
    help="Replay with N workers; with QUEUE, N of those that serve it. Repeatable.",
)  # fmt: skip
@click.option(
    "--own-queue", "own", type=NamedNumber(int), multiple=True, metavar="TASK:N",
    help="Give the task its own queue, with N additional workers. Repeatable.",
)  # fmt: skip
@click.option(
    "--faster", type=NamedNumber(float), multiple=True, metavar="TASK:FACTOR",
    help="Multiply the task's run times by FACTOR: 0.5 is half as long. Repeatable.",
)  # fmt: skip
@click.option(
    "--arrivals", type=click.FloatRange(min=0, max=MAX_NUMBER, min_open=True), default=1.0, metavar="FACTOR",
    help="Let the same jobs arrive FACTOR times as fast.",
)  # fmt: skip
@click.option(
    "--workers-now", "now", type=NamedNumber(int, bare=True), multiple=True, metavar="[QUEUE:]N",
    help="How many workers there were, if the log doesn't show it. Repeatable.",
)  # fmt: skip
@click.option(
    "--job-bytes", type=click.IntRange(min=1), default=JOB_BYTES, show_default=True, metavar="BYTES",
    help="Memory that a waiting job takes in the broker. The default is measured: RQ, small arguments.",
)  # fmt: skip
@click.option(
    "--advise", is_flag=True,
    help="Try changes, and print for each crowded queue the cheapest that helps.",
)  # fmt: skip
@since_option
@until_option
@click.option("--json", "as_json", is_flag=True, help="Print one object, with times in seconds.")
@date_option
@timezone_option
@custom_options
def whatif(
    *, sources: tuple[str, ...], since: str | None, until: str | None, day: date | None, zone: tzinfo,
    custom: CustomFormat, job_bytes: int, advise: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Replay a log with a change, such as more workers.

    The jobs of the log are replayed with the workers that the log shows, and then with your change. The
    output compares what really happened, the replay, and the change.

    SOURCE is a log file, a folder, a quoted glob, - for stdin, or the URL of an Elasticsearch. Without one,
    SLOWTASK_LOG or slowtask.ndjson in this folder. The logs must be slowtask's own: the stock logs of RQ and
    Celery have no waits.

    \b
    Eight workers:
      slowtask whatif worker.ndjson --workers 8
    Eight workers on the queue mail:
      slowtask whatif logs/ --workers mail:8
    A queue of its own for send_mail, with two more workers:
      slowtask whatif --own-queue send_mail:2
    compute in half the time, jobs arriving 1.5 times as fast:
      slowtask whatif --faster compute:0.5 --arrivals 1.5
    What would have helped in the last hour?
      slowtask whatif --advise --since 1h
    The same on all machines:
      slowtask whatif https://elastic.example.org:9200 --advise --since 1h
    """
    change = make_change(**options)
    if advise and change.any:
        raise UsageError("--advise tries changes of its own: leave the others out, but for --workers-now.")
    start = perf_counter()
    query = parse_period(since, until, ())
    log = read_log(open_store(sources, day, zone, custom), query)
    if advise:
        from slowtask.cli.advice import print_advice

        print_advice(log, change.now, as_json=as_json)
        return
    outcome = try_change(log, change)
    from slowtask.cli.show.replay import make_object, print_outcome

    if as_json:
        print_json(make_object(outcome, log, job_bytes))
    else:
        print_outcome(outcome, log, job_bytes, perf_counter() - start)


def make_change(*, arrivals: float, **pairs: tuple[tuple[str | None, Any], ...]) -> Change:
    """Make the change that the options describe. Raises `UsageError` if one gives a name two numbers."""
    for option, given in pairs.items():
        if len(dict(given)) < len(given):
            names = {"own": "own-queue", "now": "workers-now"}
            raise UsageError(f"--{names.get(option, option)} gives two numbers for one name: remove one.")
    numbers: dict[str, Any] = {option: dict(given) for option, given in pairs.items()}
    return Change(arrivals=arrivals, **numbers)


def read_log(store: "Store", query: Query) -> "Columns":
    """Read the runs to replay. Raises `SourceError` if there are none."""
    from slowtask.cli.show.progress import show_progress

    with show_progress(store.progress):
        log = store.columns(query)
    warn_of_history(store, query)
    warn_of_skipped(log.skipped)
    warn_of_guesses(log.guessed)
    if not log.arrival:
        raise SourceError(explain_empty(log, query))
    return log


def explain_empty(log: "Columns", query: Query) -> str:
    """Say why there is nothing to replay, and what to do."""
    if log.left_out:
        runs = "The one run doesn't" if log.left_out == 1 else f"None of the {plural(log.left_out, 'run')}"
        verb = "have" if log.left_out == 1 else "has"
        return f"{runs} {verb} a wait and a run time, as in stock logs: run the workers with slowtask."
    if query != Query():
        return "No run matches --since and --until: widen them."
    if log.bad:
        return f"The logs hold no runs, and {log.bad.sentence}: slowtask top --bad says why."
    return "The logs hold no runs: name the logs of workers that run with slowtask."
