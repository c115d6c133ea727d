"""Compare what the options of `slowtask diff` and `slowtask report` choose."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Final

from slowtask.cli.logs import make_unknown_field_error, open_store, warn_of_skipped
from slowtask.cli.sides import Wanted, choose_sides
from slowtask.errors import SourceError, UsageError
from slowtask.parse.custom import CustomFormat
from slowtask.store import Comparison, Query
from slowtask.store.comparison import make_comparison
from slowtask.store.fields import short_name
from slowtask.units import printable

if TYPE_CHECKING:
    from slowtask.cli.show.diff import View
    from slowtask.store.protocol import Store

VERSION: Final = "service.version"
TWO: Final = 2  #: logs that are compared
MAX_VALUES: Final = 10  #: of a field, that an error lists
LONG_AGO: Final = datetime.fromtimestamp(0, UTC)  #: no run is so old

#: The date of the first line, the time zone, and the format.
HowToRead = tuple[date | None, tzinfo, CustomFormat]


def compare(sources: tuple[str, ...], wanted: Wanted, query: Query, reading: HowToRead) -> "View":
    """Compare what the arguments ask for. Raises `SlowtaskError`, also if a side has no runs."""
    if len(sources) == TWO and not wanted.given:
        return compare_logs(sources, query, reading)
    if len(sources) > 1 and not wanted.given:
        raise UsageError("Name two logs, or say what to compare in them: --by, --at, --before or --against.")
    return compare_runs(open_store(sources, *reading), wanted, query)


def compare_runs(store: "Store", wanted: Wanted, query: Query) -> "View":
    """Compare two sets of runs of one store. Raises `SlowtaskError`, also if a side has no runs."""
    if wanted.by and not any(wanted.by[1:]):
        wanted = replace(wanted, by=(wanted.by[0], *find_values(store, query, wanted.by[0])))
    sides = choose_sides(wanted, query)
    comparison = measure_sides(store, sides.before, sides.after)
    if not (comparison.before.figures and comparison.after.figures):
        place = int(bool(comparison.before.figures))
        raise explain_empty(store, query, wanted, ("before", "after")[place], sides.names[place])
    return make_view(comparison, query, sides.names, sides.spans)


def find_values(store: "Store", query: Query, field: str) -> tuple[str, str]:
    """Find the two values of *field* to compare, the one that came first before the other.

    Of more than two versions they are the two newest. Raises `SlowtaskError` for more than two of others, or
    fewer.
    """
    figures = [
        each for each in store.measure(replace(query, group=field), workers=False).figures if each.task
    ]
    values = [each.task for each in sorted(figures, key=lambda each: each.first)]
    name = short_name(field)
    if not values:
        raise make_unknown_field_error(field, store.fields(query))
    if len(values) == 1:
        raise SourceError(
            f"All runs have {name} {printable(values[0])}: there is nothing to compare it with."
        )
    if len(values) > TWO and field != VERSION:
        raise UsageError(f"Name two values behind --by {name}: these runs have {list_values(values)}.")
    return values[-2], values[-1]


def compare_logs(sources: tuple[str, ...], query: Query, reading: HowToRead) -> "View":
    """Compare the first of two logs with the second. Raises `SlowtaskError`."""
    stores = [open_store((source,), *reading) for source in sources]
    nothing = replace(query, since=None, until=LONG_AGO)
    first, second = measure_sides(stores[0], query, nothing), measure_sides(stores[1], nothing, query)
    for source, measurement in zip(sources, (first.before, second.after), strict=True):
        if not measurement.figures:
            raise SourceError(
                f"{printable(source)} has no runs that match: name another log, or choose other runs."
            )
    times = (
        {pair.task: pair.before.times for pair in first.pairs},
        {pair.task: pair.after.times for pair in second.pairs},
    )
    names = (printable(sources[0]), printable(sources[1]))
    return make_view(make_comparison(first.before, second.after, times), query, names)


def measure_sides(store: "Store", before: Query, after: Query) -> Comparison:
    """Measure both sides in *store*, with a progress bar if that takes long."""
    from slowtask.cli.show.progress import show_progress

    with show_progress(store.progress):
        comparison = store.compare(before, after)
    warn_of_skipped(max(comparison.before.skipped, comparison.after.skipped))
    return comparison


def make_view(
    comparison: Comparison, query: Query, names: tuple[str, str], spans: tuple[float, float] | None = None
) -> "View":
    """Judge the two sides, and make what is shown of them."""
    from slowtask.cli.show.diff import View
    from slowtask.rank.diff import diff

    return View(diff=diff(comparison, spans), names=names, comparison=comparison, group=query.group)


def explain_empty(store: "Store", query: Query, wanted: Wanted, side: str, name: str) -> SourceError:
    """Say that the *side* before or after, which is called *name*, has no runs, and what to do."""
    if wanted.by:
        return explain_missing(store, wanted.by[0], name)
    from slowtask.cli.show.ranking import span

    runs = f"ended {side} {name}" if wanted.at else f"matches {name}"
    figures = store.measure(replace(query, since=None, until=None), workers=False).figures
    known = f" There are runs of {span(figures)}." if figures else " There are none at any other time."
    return SourceError(
        f"No run {runs}: choose other runs by --by, --at, --before and --after, or --against.{known}"
    )


def explain_missing(store: "Store", field: str, name: str) -> SourceError:
    """Say that no run has the value of *field* that *name* holds, and which values there are."""
    values = sorted(
        each.task for each in store.measure(Query(group=field), workers=False).figures if each.task
    )
    if not values:
        return make_unknown_field_error(field, store.fields(Query()))
    return SourceError(f"No run has {name}: these runs have {list_values(values)} as {short_name(field)}.")


def list_values(values: Sequence[str]) -> str:
    """The first of *values*, and how many more there are."""
    more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
    return ", ".join(map(printable, values[:MAX_VALUES])) + more
