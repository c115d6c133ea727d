"""What commands that read logs share: the period, the store that a source names, the ranking."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING

import click

from slowtask.cli.when import moment
from slowtask.errors import SourceError, UsageError
from slowtask.parse.sources import is_address, resolve
from slowtask.rank.ranking import Order, named, rank
from slowtask.store import Measurement, Query, Store
from slowtask.store.elastic.access import Access
from slowtask.units import plural

if TYPE_CHECKING:
    from slowtask.cli.show.ranking import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for."""

    by: Order
    tasks: tuple[str, ...]
    limit: int


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
        from slowtask.store.elastic.store import Elastic
    except ImportError:
        raise UsageError(
            "Reading Elasticsearch needs its client: pip install 'slowtask[elasticsearch]'."
        ) from None

    return Elastic(access)


def files(sources: tuple[str, ...], day: date | None, zone: tzinfo) -> Store:
    """The store of the files that *sources* name, each run once. Raises `SlowtaskError`."""
    found = resolve(sources)
    from slowtask.store.files import Files

    return Files(found, date=day, timezone=zone)


def look(measurement: Measurement, query: Query, options: Options, took: float) -> "View":
    """The ranking, *took* seconds to measure. Raises `SourceError` where there is nothing to rank."""
    from slowtask.cli.show.ranking import View

    tasks = named(rank(measurement.figures, options.by), options.tasks)
    if not tasks:
        raise SourceError(nothing(measurement, query))
    return View(tasks=tasks, by=options.by, measurement=measurement, took=took)


def measured(store: Store, query: Query) -> Measurement:
    """What *store* answers, with its progress on a terminal when it takes long."""
    from slowtask.cli.show.progress import shown

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
