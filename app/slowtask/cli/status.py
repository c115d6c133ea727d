"""`slowtask status`: show how full the broker is, which queue is in trouble, and which task is to blame."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.brokers import add_url_options, choose_urls, open_brokers
from slowtask.cli.terminal import utf8_stdout
from slowtask.errors import SlowtaskError, UsageError
from slowtask.record.sample import State
from slowtask.watch.alerts import STATES

if TYPE_CHECKING:
    from slowtask.watch.alerts import Finding
    from slowtask.watch.settings import Thresholds
    from slowtask.watch.view import View, Watch

POLLS: Final = 7  #: for one status; a forecast needs so many
#: The exit status of `--check`, as Nagios and cron read it.
EXIT_STATUS: Final[Mapping[State, int]] = {"ok": 0, "warning": 1, "critical": 2}
UNKNOWN: Final = 3


@click.command
@add_url_options
@click.option(
    "--runs", metavar="SOURCE", multiple=True,
    help="A log to take run times from: what slowtask top takes. Repeatable. Default: SLOWTASK_LOG or"
    " slowtask.ndjson in this folder.",
)  # fmt: skip
@click.option(
    "--capacity", type=click.FloatRange(0.01, 1), default=0.8, show_default=True, metavar="SHARE",
    help="Critical when this share of a limit is used.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=3.0, show_default=True, metavar="SECONDS",
    help="How long to measure rates and growth.",
)  # fmt: skip
@click.option("--watch", is_flag=True, help="Show a live view; q quits.")
@click.option(
    "--json", "as_json", is_flag=True,
    help="Print an object, with times in seconds; for two brokers an array of objects.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Print one line and set the exit status, for cron and Nagios.")
@click.pass_context
def status(
    context: click.Context, /, *, runs: tuple[str, ...], capacity: float, seconds: float, watch: bool,
    as_json: bool, check: bool, **urls: str | None,
) -> None:  # fmt: skip
    """Show how full the broker is and which tasks fill it.

    The output shows the most-used limit with a forecast, the queues in order of trouble, the waiting work of
    each task, and the jobs that run too long. It only reads: no queue is changed, no job is unpickled.

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

    \b
    Exit status of --check:
      0  ok
      1  warning
      2  critical
      3  unknown: the broker can't be read
    """
    if watch + as_json + check > 1:
        raise UsageError("only one of --watch, --json and --check can be used at a time.")
    from slowtask.watch.settings import Thresholds

    thresholds, chosen = Thresholds(capacity=capacity), choose_urls(urls, os.environ)
    if check:
        context.exit(print_worst(chosen, runs, thresholds, seconds))
    watches = make_watches(chosen, runs, thresholds)
    if watch:
        from slowtask.cli.show.status_live import run_live

        run_live(watches)
        return
    print_views(poll(watches, seconds), as_json=as_json)


def make_watches(urls: Mapping[str, str], runs: tuple[str, ...], thresholds: "Thresholds") -> "list[Watch]":
    """Make a watch of each broker in *urls*. Raises `UsageError`."""
    from slowtask.cli.runs import RunsNow
    from slowtask.watch.view import Watch

    known = RunsNow(runs)
    return [Watch(broker, thresholds, known, known.mix, known.history) for broker in open_brokers(urls)]


def poll(watches: "Sequence[Watch]", seconds: float) -> "list[View]":
    """Poll several times within *seconds*, as rates and forecasts need it, and return the last views.

    Raises `BrokerError`.
    """
    views = [watch.poll() for watch in watches]
    for _ in range(POLLS - 1):
        time.sleep(seconds / (POLLS - 1))
        views = [watch.poll() for watch in watches]
    return views


def print_views(views: "Sequence[View]", *, as_json: bool) -> None:
    """Print *views* for a person or as JSON."""
    if as_json:
        from slowtask.cli.show.status_json import encode_views

        utf8_stdout().write(encode_views(views))
        return
    from slowtask.cli.show.console import make_console
    from slowtask.cli.show.status import page

    console: Any = make_console()
    for place, view in enumerate(views):
        console.print(*([""] if place else []), page(view, console.width))


def print_worst(
    urls: Mapping[str, str], runs: tuple[str, ...], thresholds: "Thresholds", seconds: float
) -> int:
    """Print the worst finding in one line; returns the exit status of `--check`."""
    from slowtask.watch.findings import findings

    try:
        views = poll(make_watches(urls, runs, thresholds), seconds)
    except SlowtaskError as error:
        click.echo(f"UNKNOWN: {error}")
        return UNKNOWN
    worst = max(
        (finding for view in views for finding in findings(view, thresholds)), key=severity, default=None
    )
    if worst is None:
        click.echo("OK: the broker has no queues yet, and no limit that can be reached.")
        return 0
    click.echo(f"{(worst.state or 'ok').upper()}: {worst.message}")
    return EXIT_STATUS[worst.state or "ok"]


def severity(finding: "Finding") -> tuple[int, bool]:
    """A sort key: the worst state last; among equals, the broker's capacity."""
    return STATES.index(finding.state or "ok"), finding.name == "broker-capacity"
