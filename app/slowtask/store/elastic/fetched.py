"""Fetch runs into a table of DuckDB's, so that the statements of `sql/` answer what aggregations can't.

That takes a while for each million runs, so there is a bound; memory holds only a few pages of them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from slowtask.errors import SourceError
from slowtask.parse.rows import COLUMNS, CsvNames
from slowtask.store import Query
from slowtask.store.columns import Columns
from slowtask.store.duck import connect
from slowtask.store.elastic.aggregations import (
    DURATION,
    MICROSECONDS,
    QUEUE,
    WAIT,
    WORKER,
    Filter,
    make_filters,
)
from slowtask.store.elastic.fetch import TIME, Page, fetch_pages
from slowtask.store.elastic.search import Search
from slowtask.store.fields import TASK
from slowtask.store.measuring import pick_columns
from slowtask.store.parsed import ParsedFiles
from slowtask.store.profile import Profile
from slowtask.store.profiling import read_holders
from slowtask.store.reading import Reading

MAX_RUNS: Final = 5_000_000  #: to replay: a minute of fetching, and 240 MB of memory
MAX_BEHIND: Final = 200_000  #: to find out what the jobs of a task waited behind: some seconds
HEADER: Final = ",".join(COLUMNS) + "\n"
#: The columns behind the worker, which nothing that replays runs reads.
TAIL: Final = "," * (len(COLUMNS) - COLUMNS.index("worker") - 1) + "\n"

#: Takes how many runs have been fetched, and how many there are.
Note = Callable[[int, int], None]


def read_columns(search: Search, query: Query, note: Note) -> Columns:
    """Read the runs of *query* with a known wait and run time. Raises `SourceError` if they are too many."""
    filters = make_filters(query)
    known = [*filters, *({"exists": {"field": field}} for field in (WAIT, DURATION))]
    total, count = search.count(filters), search.count(known)
    if not total:
        search.require()
    if count > MAX_RUNS:
        raise SourceError(
            f"There are {count:,} runs, and at most {MAX_RUNS:,} can be fetched from an Elasticsearch: choose"
            " a shorter time by --since and --until."
        )
    if not count:
        return Columns(left_out=total)
    with open_fetched(search, known, query.group or TASK, lambda done: note(done, count)) as reading:
        columns = pick_columns(reading, Query(group=TASK))  # what is unknown is then ""
    return replace(columns, left_out=columns.left_out + max(0, total - count))


def add_behind(search: Search, profiles: Sequence[Profile], query: Query, note: Note) -> tuple[Profile, ...]:
    """Add to *profiles* what the jobs of each task waited behind, which needs the runs of all tasks.

    If these are too many to fetch, the profiles say so.
    """
    if not any(each.summary.waited for each in profiles):
        return tuple(profiles)
    filters = make_filters(query)
    count = search.count(filters)
    if count > MAX_BEHIND:
        return tuple(replace(each, uncounted=count) for each in profiles)
    with open_fetched(search, filters, TASK, lambda done: note(done, count)) as reading:
        found = read_holders(reading, [each.task for each in profiles], Query())
        return tuple(replace(each, behind=behind) for each, behind in zip(profiles, found, strict=True))


@contextmanager
def open_fetched(
    search: Search, filters: list[Filter], group: str, note: Callable[[int], None]
) -> Iterator[Reading]:
    """Give a block the runs of *filters*, whose task is their value of the field *group*."""
    with TemporaryDirectory(prefix="slowtask-") as name:
        path = Path(name) / "fetched.csv"
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(HEADER)
            done = 0
            for page in fetch_pages(search, filters, (TIME, DURATION, WAIT, group, QUEUE, WORKER)):
                file.writelines(make_rows(page, group))
                note(done := done + len(page[TIME]))
        parsed = ParsedFiles(Path(name), date=None, timezone=UTC)
        parsed.add(path)
        with connect(Path(name), "macros", "slots") as connection:
            yield Reading(connection, parsed, {})


def make_rows(page: Page, group: str) -> Iterator[str]:
    """Make the rows of a CSV file as the parser writes it, of what a replay needs."""
    names = CsvNames()
    numbers = (page[TIME], page[DURATION], page[WAIT])
    texts = (page[group], page[QUEUE], page[WORKER])
    for time, took, wait, task, queue, worker in zip(*numbers, *texts, strict=True):
        yield (
            f"{time * MICROSECONDS},{_plain(took)},,{_plain(wait)},success,"
            f"{names[task or '']},{names[queue or '']},{names[worker or '']}{TAIL}"
        )


def _plain(value: Any) -> Any:
    """*value*, or nothing if it is unknown."""
    return "" if value is None else value
