"""What the commands that read logs share: parse the period, open the store, measure and rank."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from slowtask.cli.show.doubts import describe_guess, describe_history
from slowtask.cli.terminal import print_message
from slowtask.cli.when import parse_time
from slowtask.errors import SourceError, UsageError
from slowtask.install import install_command
from slowtask.parse.custom import CustomFormat
from slowtask.parse.sources import Source, is_address, resolve
from slowtask.rank.ranking import Order, match_tasks, rank
from slowtask.store import Guess, Measurement, Query
from slowtask.store.elastic.access import Access
from slowtask.store.fields import SHORT_NAMES, TASK, label_of, short_name
from slowtask.units import capitalize, plural, printable

if TYPE_CHECKING:
    from slowtask.cli.show.ranking import View
    from slowtask.store.elastic.store import Elastic
    from slowtask.store.files import Files
    from slowtask.store.protocol import Store

MAX_NAMED_FIELDS: Final = 30  #: in a message
INCOMPLETE: Final = 3  #: exit status: lines that may tell of runs weren't read
NO_RUN_MATCHES: Final = "No run matches --since, --until, --queue and --where: widen them."
NO_TASK_MATCHES: Final = "No task has such a name: check --task, and quote its globs."
NO_RUNS_YET: Final = "The logs hold no runs yet: "
NO_OWN_RUNS: Final = f"{NO_RUNS_YET}check that the workers run with slowtask, or name other files."
NO_STOCK_RUNS: Final = (
    f"{NO_RUNS_YET}check that the workers log at the level INFO and have run jobs, or name other files."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to order and cut the ranking."""

    by: Order
    tasks: tuple[str, ...]  #: globs; without any, all tasks
    limit: int | None  #: tasks to show; 0: all; None: those that matter
    columns: tuple[str, ...] = ()  #: those to show; none: those that say something and fit


def parse_period(
    since: str | None, until: str | None, queues: tuple[str, ...],
    where: tuple[tuple[str, str], ...] = (), group: str | None = None,
) -> Query:  # fmt: skip
    """Make a query of the options, where `1h` counts from now. Raises `UsageError`."""
    now = datetime.now(UTC)
    first = parse_time(since, now, "--since") if since else None
    last = parse_time(until, now, "--until") if until else None
    if first and last and first >= last:
        raise UsageError("--since isn't before --until, so no run can match: change one of them.")
    return Query(since=first, until=last, queues=queues, where=where, group=None if group == TASK else group)


def open_store(
    sources: tuple[str, ...], day: date | None, zone: tzinfo, custom: CustomFormat,
    *, beside: Sequence[Source] = (),
) -> "Store":  # fmt: skip
    """Open what *sources* name: log files, with those *beside* them, or one Elasticsearch.

    Raises `SlowtaskError`.
    """
    if not any(map(is_address, sources)):
        return open_files([*resolve(sources, custom), *beside], day, zone)
    if len(sources) > 1:
        raise UsageError("An Elasticsearch can't be combined with other sources: name it alone.")
    return open_elastic(sources[0])


def open_elastic(address: str) -> "Elastic":
    """Open the Elasticsearch at *address*. Raises `UsageError`."""
    access = Access.from_address(address)
    try:
        from slowtask.store.elastic.store import Elastic
    except ImportError:
        raise UsageError(
            f"Reading Elasticsearch needs its client: {install_command('elasticsearch')}."
        ) from None

    return Elastic(access)


def open_files(logs: Sequence[Source], day: date | None, zone: tzinfo) -> "Files":
    """Open log files. DuckDB is slow to import: a wrong path should be reported before that."""
    from slowtask.store.files import Files

    return Files(logs, date=day, timezone=zone)


def require_fields(store: "Store", measurement: Measurement, query: Query) -> None:
    """Raise `SourceError` if no run has a field that *query* names; it says which fields the runs have."""
    if query.where and not measurement.figures:
        known = store.fields(replace(query, where=()))
        for field, _ in query.where:
            if field not in known and (label_of(field) or field in SHORT_NAMES.values()):
                raise make_unknown_field_error(field, known)
    if query.group and measurement.figures and not any(each.task for each in measurement.figures):
        raise make_unknown_field_error(query.group, store.fields(query))


def make_unknown_field_error(field: str, known: Sequence[str]) -> SourceError:
    """The error for a *field* that no run has, beside those that are *known*."""
    name, names = short_name(field), [short_name(each) for each in known]
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {printable(near[0])}?" if near and near[0] != name else ""
    if not names:
        return SourceError(NO_RUN_MATCHES)
    others = printable(", ".join(names[:MAX_NAMED_FIELDS]))
    return SourceError(f"No run has a value of {printable(name)!a}.{hint} The runs have: {others}.")


def make_view(measurement: Measurement, query: Query, options: Options, took: float) -> "View":
    """Rank *measurement*, which took *took* seconds. Raises `SourceError` if there is nothing to rank."""
    from slowtask.cli.show.ranking import View

    tasks = match_tasks(rank(measurement.figures, options.by), options.tasks)
    if not tasks:
        raise SourceError(explain_empty(measurement, query))
    return View(
        tasks=tasks, by=options.by, measurement=measurement, took=took, group=query.group,
        columns=options.columns,
    )  # fmt: skip


def measure(store: "Store", query: Query, *, workers: bool = True) -> Measurement:
    """Measure the runs in *store*, and count *workers*, with a progress bar if that takes long."""
    from slowtask.cli.show.progress import show_progress

    with show_progress(store.progress):
        measurement = store.measure(query, workers=workers)
    warn_of_skipped(measurement.skipped)
    return measurement


def warn_of_skipped(logs: int) -> None:
    """Say on stderr that so many *logs* were skipped, since their Parquet files were read."""
    if logs:
        print_message(f"{plural(logs, 'log')} skipped: the Parquet file made from it was read.")


def warn_of_history(store: "Store", query: Query) -> None:
    """Say on stderr that a history among the sources of *store* isn't read for *query*."""
    if files := getattr(store, "month_files", ()):  # of log files, not of an Elasticsearch
        names = plural(len(files), "file")
        print_message(f"{names} of slowtask rollup not read: the history holds no single runs.")
    find_end = getattr(store, "find_end_of_history", None)  # of an Elasticsearch
    if find_end and (end := find_end(query)):
        print_message(f"runs before {end:%Y-%m-%d %H:%M} UTC not read: the history holds no single runs.")


def warn_of_guesses(guessed: Sequence[Guess]) -> None:
    """Say on stderr of which logs the dates were guessed."""
    if guessed:
        print_message(f"{describe_guess(guessed)}.")


def warn_of_doubts(*measurements: Measurement) -> None:
    """Say on stderr of which logs the dates were guessed, and which lines weren't read."""
    warn_of_guesses([guess for each in measurements for guess in each.guessed])
    for sentence in dict.fromkeys(describe_history(each.history) for each in measurements if each.history):
        print_message(f"{sentence}.")
    for sentence in dict.fromkeys(each.bad.sentence for each in measurements if each.bad):
        print_message(f"{sentence}: slowtask top --bad lists which, and why.")


def explain_empty(measurement: Measurement, query: Query) -> str:
    """Say why there is nothing to rank, and what to do."""
    if measurement.figures:
        return NO_TASK_MATCHES
    if query != Query():
        moved = describe_history(measurement.history)
        return f"{NO_RUN_MATCHES} {capitalize(moved)}." if moved else NO_RUN_MATCHES
    if measurement.bad:
        return f"The logs hold no runs, and {measurement.bad.sentence}: slowtask top --bad says why."
    return NO_STOCK_RUNS if measurement.stock else NO_OWN_RUNS
