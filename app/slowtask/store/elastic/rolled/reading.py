"""Read the cells of a query's time, as far as its runs are gone."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from elasticsearch import ApiError, NotFoundError

from slowtask.store import FromHistory, Query
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.document import read_cell, read_key
from slowtask.store.elastic.rolled.fetching import fetch_cells, make_cell_filters
from slowtask.store.elastic.rolled.hours import (
    HOUR,
    Counts,
    Kept,
    Limits,
    Seam,
    count_kept,
    count_runs,
    find_seam,
    hour_limits,
    make_range,
)
from slowtask.store.elastic.search import CELLS, Search
from slowtask.store.fields import TASK
from slowtask.store.rollup.known import KNOWN, require_known_fields
from slowtask.store.rollup.spans import Span

FORBIDDEN: Final = 403  #: HTTP status


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """The part of a query's time of which the cells know more than the runs."""

    search: Search  #: the cells
    query: Query
    seam: Seam

    @property
    def whole(self) -> bool:
        """Whether all of the query's time is read from cells."""
        return self.seam.closed == (hour_limits(self.query),)

    @property
    def note(self) -> FromHistory:
        """What a reader must know of the answer."""
        seam = self.seam
        return FromHistory(until=seam.until, since_moved=seam.since_moved, until_moved=seam.until_moved)

    def open(self, runs: Search) -> Search:
        """The *runs* of the rest of the time."""
        closed = [make_range(each) for each in self.seam.closed]
        return replace(runs, open=({"bool": {"must_not": closed}},))

    def fetch(self) -> Iterator[tuple[Key, Cell]]:
        """Fetch the cells."""
        if self.seam.pieces:
            for hit in fetch_cells(self.search, make_cell_filters(self.query, self.seam.pieces)):
                yield read_key(hit["_source"]), read_cell(hit["_source"])

    def fetch_groups(self) -> dict[str, Cell]:
        """Fetch the cells, merged by what the query groups by."""
        found: defaultdict[str, Cell] = defaultdict(Cell)
        for key, cell in self.fetch():
            found[self.group_of(key)].add(cell)
        return dict(found)

    def group_of(self, key: Key) -> str:
        """The task of *key*, or what the query groups by; `""` if that is unknown."""
        value: str | None = getattr(key, KNOWN[self.query.group or TASK])
        return value or ""


def find_rolled(runs: Search, query: Query, width: int = HOUR, widest: Span = "month") -> Rolled | None:
    """Find what is rolled up of the time of *query*, in slots of *width* ms; None: the *runs* know all.

    No cells wider than *widest* are read.

    Raises `UsageError` if *query* asks for what cells don't know.
    """
    cells, limits = runs.beside(CELLS), hour_limits(query)
    kept = count_readable(cells, limits) if cells else Kept()
    if not cells or not kept.hour:
        return None
    seam = find_seam(kept, count_present(runs, limits), query, width, widest)
    if seam is None:
        return None
    require_known_fields(query, seam.until)
    return Rolled(search=cells, query=query, seam=seam)


def find_end(runs: Search, query: Query) -> datetime | None:
    """Until when single runs are missing from the time of *query*, since they are rolled up; None: never."""
    rolled = find_rolled(runs, Query(since=query.since, until=query.until))
    return rolled.seam.until if rolled else None


def count_readable(cells: Search, limits: Limits) -> Kept:
    """Count what is in cells; nothing if this user may not read them: then there may be none at all."""
    try:
        return count_kept(cells, limits)
    except ApiError as error:
        if error.status_code == FORBIDDEN:
            return Kept()
        raise


def count_present(runs: Search, limits: Limits) -> Counts:
    """Count the *runs* of each hour; none where their stream is gone."""
    try:
        return count_runs(runs, limits)
    except NotFoundError:
        return {}
