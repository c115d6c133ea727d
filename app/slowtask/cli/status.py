"""`slowtask status`: how full the broker is, which queue is in trouble, and which task is to blame."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.brokers import addresses, brokers, named
from slowtask.cli.runs import read_runs
from slowtask.cli.terminal import data
from slowtask.errors import SlowtaskError, UsageError
from slowtask.record.sample import State
from slowtask.watch.alarm import STATES

if TYPE_CHECKING:
    from slowtask.watch.alarm import Finding
    from slowtask.watch.settings import Thresholds
    from slowtask.watch.view import View, Watch

POLLS: Final = 7  #: that one status is made from: a slope needs so many
#: Nagios's and cron's: ok, warning, critical, unknown.
STATUS: Final[Mapping[State, int]] = {"ok": 0, "warning": 1, "critical": 2}
UNKNOWN: Final = 3

HELP = """Show how full the broker is, the queues in order of trouble, and what to blame.

Reading changes nothing on the queues, and runs nothing that stands on them. Run times come from the logs that
--runs names (as `slowtask top` takes them), by default the log of the worker with these settings.

\b
Once:                       slowtask status --redis-url redis://queue:6379
As it goes on, q quits:     slowtask status --watch
Celery's, on RabbitMQ:      slowtask status --celery-url amqp://monitor@queue:5672/shop
For cron and Nagios:        slowtask status --check

\b
RQ's Redis:       --redis-url, else SLOWTASK_REDIS_URL, RQ_REDIS_URL
Celery's broker:  --celery-url, else SLOWTASK_CELERY_URL, CELERY_BROKER_URL
Where both are named, both are shown; where none is, RQ on redis://localhost:6379.
"""


@click.command(help=HELP)
@addresses
@click.option("--runs", metavar="SOURCE", multiple=True, help="Logs of runs. Repeatable.")
@click.option(
    "--capacity", type=click.FloatRange(0.01, 1), default=0.8, show_default=True, help="Critical from."
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=3.0, show_default=True, help="How long to poll."
)
@click.option("--watch", is_flag=True, help="A live view; q quits.")
@click.option("--json", "as_json", is_flag=True, help="An object, times in seconds; of two brokers an array.")
@click.option("--check", is_flag=True, help="One line, and status 0 ok, 1 warning, 2 critical, 3 unknown.")
@click.pass_context
def status(  # noqa: D103 - HELP says it; click passes the options one by one
    context: click.Context, /, *, runs: tuple[str, ...], capacity: float, seconds: float, watch: bool,
    as_json: bool, check: bool, **urls: str | None,
) -> None:  # fmt: skip
    if watch + as_json + check > 1:
        raise UsageError("--watch, --json and --check don't go together: choose one.")
    from slowtask.watch.settings import Thresholds

    thresholds, places = Thresholds(capacity=capacity), named(urls, os.environ)
    if check:
        context.exit(checked(places, runs, thresholds, seconds))
    watches = watching(places, runs, thresholds)
    if watch:
        from slowtask.cli.show.status_live import live

        live(watches)
        return
    show(looked(watches, seconds), as_json=as_json)


def watching(urls: Mapping[str, str], runs: tuple[str, ...], thresholds: "Thresholds") -> "list[Watch]":
    """A watch of each broker that *urls* name. Raises `UsageError`."""
    from slowtask.watch.view import Watch

    known, of_queue = read_runs(runs), cache(partial(mix, runs))
    return [Watch(each, thresholds, lambda: known, of_queue) for each in brokers(urls)]


def mix(runs: tuple[str, ...], queue: str) -> Mapping[str, int]:
    """How many runs of each task the logs *runs* have of *queue*."""
    return {name: each.count for name, each in read_runs(runs, (queue,)).items()}


def looked(watches: "Sequence[Watch]", seconds: float) -> "list[View]":
    """What several polls in *seconds* show: rates and a forecast need more than one. Raises `BrokerError`."""
    views = [each.poll() for each in watches]
    for _ in range(POLLS - 1):
        time.sleep(seconds / (POLLS - 1))
        views = [each.poll() for each in watches]
    return views


def show(views: "Sequence[View]", *, as_json: bool) -> None:
    """Print *views*."""
    if as_json:
        from slowtask.cli.show.status_json import plain

        data().write(plain(views))
        return
    from slowtask.cli.show.console import console
    from slowtask.cli.show.status import page

    target: Any = console()
    for place, view in enumerate(views):
        target.print(*([""] if place else []), page(view, target.width))


def checked(urls: Mapping[str, str], runs: tuple[str, ...], thresholds: "Thresholds", seconds: float) -> int:
    """Print the worst finding in one line; returns the exit status."""
    from slowtask.watch.findings import findings

    try:
        views = looked(watching(urls, runs, thresholds), seconds)
    except SlowtaskError as error:
        click.echo(f"UNKNOWN: {error}")
        return UNKNOWN
    found = [each for view in views for each in findings(view, thresholds)]
    worst = max(found, key=weight, default=None)
    if worst is None:
        click.echo("OK: no queues, and no limit to reach.")
        return 0
    click.echo(f"{(worst.state or 'ok').upper()}: {worst.message}")
    return STATUS[worst.state or "ok"]


def weight(finding: "Finding") -> tuple[int, bool]:
    """What is worst; of what is well, how full the broker is is told."""
    return STATES.index(finding.state or "ok"), finding.name == "broker-capacity"
