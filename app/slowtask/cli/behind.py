"""`slowtask behind`: which tasks kept the workers busy while the jobs of others waited."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.logs import (
    NO_RUN_MATCHES,
    make_unknown_field_error,
    open_store,
    parse_period,
    require_fields,
    warn_of_guesses,
    warn_of_history,
    warn_of_skipped,
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
from slowtask.cli.show.groups import key_by_field, noun_of
from slowtask.cli.terminal import print_json
from slowtask.errors import SourceError
from slowtask.parse.custom import CustomFormat
from slowtask.store import Measurement, Query

if TYPE_CHECKING:
    from slowtask.rank.behind import Behind

NO_WAITS: Final = "No job in these logs waited, so none waited behind another."
NO_KNOWN_WAITS: Final = (
    "No run in these logs has a wait: slowtask's workers record it, stock logs don't have it."
)


@click.command
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@since_option
@until_option
@queue_option
@where_option
@group_option
@click.option(
    "-n", "limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="COUNT",
    help="How many tasks to show; 0 shows all.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, with times in seconds.")
@date_option
@timezone_option
@custom_options
def behind(
    sources: tuple[str, ...], *, since: str | None, until: str | None, queues: tuple[str, ...],
    where: tuple[tuple[str, str], ...], group: str | None, limit: int,
    day: date | None, zone: tzinfo, custom: CustomFormat, as_json: bool,
) -> None:  # fmt: skip
    """Show which tasks kept the jobs of others waiting.

    For each task: how long its jobs waited in all, and which tasks kept the workers of that queue busy
    meanwhile.

    SOURCE is a log file, a folder, a quoted glob, - for stdin, or the URL of an Elasticsearch. Without one,
    SLOWTASK_LOG or slowtask.ndjson in this folder. The logs must be slowtask's own: the stock logs of RQ and
    Celery have no waits.

    \b
    Who kept mail waiting since yesterday?
      slowtask behind logs/ --since 1d --queue mail
    Which tenant keeps the others waiting?
      slowtask behind logs/ --group-by tenant
    On all machines, the last hour:
      slowtask behind https://elastic.example.org:9200 --since 1h
    For another program:
      slowtask behind worker.ndjson --json
    """
    query = parse_period(since, until, queues, where, group)
    store = open_store(sources, day, zone, custom)
    from slowtask.rank.behind import rank_waits

    columns = store.columns(query)
    warn_of_history(store, query)
    warn_of_skipped(columns.skipped)
    warn_of_guesses(columns.guessed)
    if not columns.arrival and not columns.left_out and replace(query, group=None) != Query():
        require_fields(store, Measurement(figures=(), bad=columns.bad, source=columns.source), query)
        raise SourceError(NO_RUN_MATCHES)
    if group and columns.tasks and not any(columns.tasks):
        raise make_unknown_field_error(group, store.fields(query))
    rows = [row for row in rank_waits(columns) if row.waited > 0]
    if not rows:
        raise SourceError(NO_WAITS if columns.arrival else NO_KNOWN_WAITS)
    print_rows(rows[: limit or None], group, as_json=as_json)


def print_rows(rows: Sequence["Behind"], group: str | None, *, as_json: bool) -> None:
    """Print *rows* as a table or as JSON, of tasks or of the values of *group*."""
    if as_json:
        plain = [{**asdict(row), "held": dict(row.held)} for row in rows]
        print_json([key_by_field(each, group) for each in plain])
        return
    from slowtask.cli.show.behind import table
    from slowtask.cli.show.console import make_console

    console: Any = make_console()
    console.print(table(rows, console.width, noun_of(group)))
