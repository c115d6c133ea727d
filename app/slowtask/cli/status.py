"""`slowtask status`: how full the broker is, which queue is in trouble, and which task is to blame."""

import importlib.util
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.alert import STATES
from slowtask.errors import SlowtaskError, UsageError
from slowtask.sample import State
from slowtask.settings import DEFAULT_REDIS

if TYPE_CHECKING:
    from slowtask.broker.rq import Rq
    from slowtask.judge import Typical
    from slowtask.watch import Limits, View, Watch

LOOKS: Final = 7  #: that one status is made from: a slope needs so many
#: Nagios's and cron's: ok, warning, critical, unknown.
STATUS: Final[Mapping[State, int]] = {"ok": 0, "warning": 1, "critical": 2}
UNKNOWN: Final = 3

HELP = """Show how full the broker is, the queues in order of trouble, and what to blame.

Reading changes nothing on the queues, and runs nothing that stands on them. Run times come from the logs that
--runs names (as `slowtask top` takes them), by default the log of the worker with these settings.

\b
Once:                       slowtask status --redis-url redis://queue:6379
As it goes on, q quits:     slowtask status --watch
For cron and Nagios:        slowtask status --check

The Redis: --redis-url, else SLOWTASK_REDIS_URL, RQ_REDIS_URL, redis://localhost:6379.
"""


@click.command(help=HELP)
@click.option("--redis-url", metavar="URL", help="RQ's Redis.")
@click.option("--runs", metavar="SOURCE", multiple=True, help="Logs of runs. Repeatable.")
@click.option(
    "--capacity", type=click.FloatRange(0.01, 1), default=0.8, show_default=True, help="Critical from."
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=3.0, show_default=True, help="How long to look."
)
@click.option("--watch", is_flag=True, help="A live view; q quits.")
@click.option("--json", "as_json", is_flag=True, help="An object, times in seconds.")
@click.option("--check", is_flag=True, help="One line, and status 0 ok, 1 warning, 2 critical, 3 unknown.")
@click.pass_context
def status(  # noqa: D103, PLR0913 - HELP says it; click passes the options one by one
    context: click.Context, *, redis_url: str | None, runs: tuple[str, ...], capacity: float, seconds: float,
    watch: bool, as_json: bool, check: bool,
) -> None:  # fmt: skip
    if watch + as_json + check > 1:
        raise UsageError("--watch, --json and --check don't go together: choose one.")
    from slowtask.watch import Limits  # noqa: PLC0415 - only when called

    limits = Limits(capacity=capacity)
    url = redis_url or address(os.environ)
    if check:
        context.exit(checked(url, runs, limits, seconds))
    watcher = watching(url, runs, limits)
    if watch:
        from slowtask.cli.status_live import live  # noqa: PLC0415 - only when asked for

        live(watcher)
        return
    show(looked(watcher, seconds), as_json=as_json)


def address(environment: Mapping[str, str]) -> str:
    """The Redis that *environment* names."""
    return environment.get("SLOWTASK_REDIS_URL") or environment.get("RQ_REDIS_URL") or DEFAULT_REDIS


def watching(url: str, runs: tuple[str, ...], limits: "Limits") -> "Watch":
    """A watch of RQ on the Redis at *url*. Raises `UsageError`."""
    from slowtask.watch import Watch  # noqa: PLC0415 - slow to import

    known = times(runs)
    return Watch(broker(url), limits, lambda: known)


def broker(url: str) -> "Rq":
    """RQ's queues on the Redis at *url*. Raises `UsageError`."""
    if importlib.util.find_spec("redis") is None:
        raise UsageError("this needs redis-py: pip install 'slowtask[rq]'.")
    from slowtask.broker.redis import opened  # noqa: PLC0415 - slow to import
    from slowtask.broker.rq import Rq  # noqa: PLC0415 - see above

    return Rq(opened(url), url, os.environ.get("RQ_KEY_PREFIX") or "rq")


def times(runs: tuple[str, ...]) -> "Mapping[str, Typical]":
    """What tasks take, by the logs *runs*. Raises `SlowtaskError` where they were named and can't be read."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - with the rest

    from slowtask.cli.top import opened  # noqa: PLC0415 - DuckDB, not before it is needed
    from slowtask.rank import rank  # noqa: PLC0415 - with the rest
    from slowtask.store import Query  # noqa: PLC0415 - with the rest
    from slowtask.typical import typical  # noqa: PLC0415 - with the rest

    try:
        figures = opened(runs, None, UTC).measure(Query(since=datetime.now(UTC) - timedelta(days=7))).figures
    except SlowtaskError:
        if runs:
            raise
        return {}
    return typical([asdict(task) for task in rank(figures)])


def looked(watcher: "Watch", seconds: float) -> "View":
    """What several looks in *seconds* show: rates and a forecast need more than one. Raises `BrokerError`."""
    view = watcher.look()
    for _ in range(LOOKS - 1):
        time.sleep(seconds / (LOOKS - 1))
        view = watcher.look()
    return view


def show(view: "View", *, as_json: bool) -> None:
    """Print *view*."""
    if as_json:
        from slowtask.cli.status_json import plain  # noqa: PLC0415 - only when asked for

        sys.stdout.write(plain(view))
        return
    from slowtask.cli.status_page import page  # noqa: PLC0415 - rich is slow to import
    from slowtask.cli.table import console  # noqa: PLC0415 - see above

    target: Any = console()
    target.print(page(view, target.width))


def checked(url: str, runs: tuple[str, ...], limits: "Limits", seconds: float) -> int:
    """Print the worst finding in one line; returns the exit status."""
    from slowtask.findings import findings  # noqa: PLC0415 - with the rest

    try:
        view = looked(watching(url, runs, limits), seconds)
    except SlowtaskError as error:
        click.echo(f"UNKNOWN: {error}")
        return UNKNOWN
    found = findings(view, limits)
    worst = max(found, key=lambda each: STATES.index(each.state or "ok"), default=None)
    if worst is None:
        click.echo("OK: no queues, and no limit to reach.")
        return 0
    with suppress(UnicodeEncodeError):
        click.echo(f"{(worst.state or 'ok').upper()}: {worst.message}")
    return STATUS[worst.state or "ok"]
