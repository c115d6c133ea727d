"""`slowtask status`: say what is wrong with the queues, why, and what to do."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.brokers import add_url_options, choose_urls, open_brokers
from slowtask.cli.terminal import print_json
from slowtask.errors import SlowtaskError, UsageError
from slowtask.units import printable
from slowtask.watch.verdict import LEVELS, Level

if TYPE_CHECKING:
    from slowtask.watch.settings import MonitorSettings, Thresholds
    from slowtask.watch.view import View, Watch

POLLS: Final = 7  #: for one status; a forecast needs so many
SECONDS: Final = 3.0  #: for one status
DELAYED_SECONDS: Final = (
    6.0  #: for one where workers report every two seconds: two reports of each fit into it
)
#: The exit status of `--check`, as Nagios and cron read it.
EXIT_STATUS: Final[Mapping[Level, int]] = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}


@click.command
@add_url_options
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file of slowtask monitor: its addresses, logs of runs, limits and targets count here too.",
)  # fmt: skip
@click.option(
    "--runs", metavar="SOURCE", multiple=True,
    help="A log to take run times from: what slowtask top takes. Repeatable. Default: SLOWTASK_LOG or"
    " slowtask.ndjson in this folder.",
)  # fmt: skip
@click.option(
    "--capacity", type=click.FloatRange(0.01, 1), metavar="SHARE",
    help="Critical when this share of a limit is used. Default: 0.8, or that of --config.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), metavar="SECONDS",
    help="How long to measure rates and growth. Default: 3, for Celery 6, since its workers report every 2.",
)  # fmt: skip
@click.option("--watch", is_flag=True, help="Show a live view; q quits.")
@click.option(
    "--json", "as_json", is_flag=True,
    help="Print an object, with times in seconds; for two brokers an array of objects.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Print one line and set the exit status, for cron and Nagios.")
@click.pass_context
def status(
    context: click.Context, /, *, config: Path | None, runs: tuple[str, ...], capacity: float | None,
    seconds: float | None, watch: bool, as_json: bool, check: bool, **urls: str | None,
) -> None:  # fmt: skip
    """Say what is wrong with the queues, why, and what to do.

    The first line is the verdict: are flow, workers and broker well, and if not, the cause and the next step.
    Below it are the limits of the broker with a forecast, the queues in order of trouble, what runs now and
    what waits. It only reads: no queue is changed, no job is unpickled.

    If you give one URL, only that broker is shown; if you give both, both are. Without any URL it is RQ's
    Redis at redis://localhost:6379.

    \b
    RQ:
      slowtask status --redis-url redis://queue:6379
    Celery on RabbitMQ:
      slowtask status --celery-url amqp://monitor@queue:5672/shop
    Live:
      slowtask status --watch
    For cron and Nagios:
      slowtask status --check
    With the limits and targets of the monitor:
      slowtask status --check --config /etc/slowtask.toml

    \b
    Exit status of --check:
      0  ok
      1  warning
      2  critical
      3  unknown: the broker can't be read, or shows too little
    """
    if watch + as_json + check > 1:
        raise UsageError("only one of --watch, --json and --check can be used at a time.")
    settings = load_settings(config)
    thresholds = choose_thresholds(settings, capacity)
    chosen, runs = choose_urls(urls, os.environ, settings), runs or (settings.runs if settings else ())
    if check:
        context.exit(print_worst(chosen, runs, thresholds, seconds))
    if watch:
        from slowtask.cli.advice import AdviceReader
        from slowtask.cli.show.status_live import run_live
        from slowtask.watch.advice import Adviser

        adviser = Adviser(AdviceReader(runs))
        run_live(make_watches(chosen, runs, thresholds, adviser.say), thresholds)
        return
    print_views(poll(make_watches(chosen, runs, thresholds), seconds), thresholds, as_json=as_json)


def load_settings(config: Path | None) -> "MonitorSettings | None":
    """Load the monitor's settings from the file *config*, if there is one. Raises `UsageError`."""
    from slowtask.watch.settings import load

    return load(config, os.environ) if config else None


def choose_thresholds(settings: "MonitorSettings | None", capacity: float | None) -> "Thresholds":
    """Return the thresholds of *settings*, else the usual ones; *capacity* counts if it is given."""
    import msgspec

    from slowtask.watch.settings import Thresholds

    thresholds = settings or Thresholds()
    return thresholds if capacity is None else msgspec.structs.replace(thresholds, capacity=capacity)


def make_watches(
    urls: Mapping[str, str],
    runs: tuple[str, ...],
    thresholds: "Thresholds",
    advise: "Callable[[str], str | None] | None" = None,
) -> "list[Watch]":
    """Make a watch of each broker in *urls*; without *advise*, one poll may replay. Raises `UsageError`."""
    from slowtask.cli.advice import make_advise
    from slowtask.cli.runs import RunsNow
    from slowtask.watch.view import Watch

    known = RunsNow(runs)
    advise = advise or make_advise(runs)
    return [
        Watch(broker, thresholds, known, known.mix, known.history, advise=advise)
        for broker in open_brokers(urls, getattr(thresholds, "celery_queues", ()))
    ]


def poll(watches: "Sequence[Watch]", seconds: float | None) -> "list[View]":
    """Poll several times within *seconds*, as rates and forecasts need it, and return the last views.

    Raises `BrokerError`.
    """
    views = [watch.poll() for watch in watches]
    if seconds is None:
        seconds = max(DELAYED_SECONDS if view.poll.workers_delayed else SECONDS for view in views)
    for _ in range(POLLS - 1):
        time.sleep(seconds / (POLLS - 1))
        views = [watch.poll() for watch in watches]
    return views


def print_views(views: "Sequence[View]", thresholds: "Thresholds", *, as_json: bool) -> None:
    """Print *views* for a person or as JSON."""
    if as_json:
        from slowtask.cli.show.status_json import make_objects

        print_json(make_objects(views, thresholds))
        return
    from slowtask.cli.show.console import make_console
    from slowtask.cli.show.status import page

    console: Any = make_console()
    for place, view in enumerate(views):
        console.print(*([""] if place else []), page(view, thresholds, console.width))


def print_worst(
    urls: Mapping[str, str], runs: tuple[str, ...], thresholds: "Thresholds", seconds: float | None
) -> int:
    """Print the worst verdict in one line; returns the exit status of `--check`."""
    from slowtask.watch.summary import judge_view

    try:
        views = poll(make_watches(urls, runs, thresholds), seconds)
    except SlowtaskError as error:
        click.echo(f"UNKNOWN: {printable(str(error))}")
        return EXIT_STATUS["unknown"]
    worst = max((judge_view(view, thresholds) for view in views), key=lambda each: LEVELS.index(each.level))
    click.echo(f"{worst.level.upper()}: {printable(worst.message)}")
    return EXIT_STATUS[worst.level]
