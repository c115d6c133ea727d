"""Find out until when the history answers, and from when on the logs do, so that each run counts once.

The history has whole hours of all logs that are in it. Up to the last hour of those that are gone, only it
knows all runs; from then on, the logs do, which also know more.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slowtask.errors import SourceError
from slowtask.parse.sources import Source
from slowtask.store import BadLines, FromHistory, Query
from slowtask.store.choice import Choice
from slowtask.store.duck import absolute_path, connect, escape_path
from slowtask.store.rollup.marks import Mark, find_mark, make_growth_message, read_ends
from slowtask.store.rollup.months import Month, read_months
from slowtask.store.rollup.spans import end_of_hour, floor_to
from slowtask.units import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """Where the history ends and the logs begin."""

    files: tuple[str, ...]  #: of the history, for DuckDB
    until: datetime  #: the beginning of an hour
    #: The logs that are in the history, too, by the time from which on their runs count.
    late: Mapping[datetime, Sequence[str]]
    gone: tuple[Mark, ...]  #: the logs of which only the history knows
    unfinished: bool  #: whether a rollup was interrupted, so that a log that is gone isn't in all its months

    def applies_to(self, query: Query) -> bool:
        """Whether the history has to answer *query*."""
        return query.since is None or query.since < self.until

    def align(self, query: Query) -> Query:
        """Move the limits of *query* to the beginning of their hours, as far as the history answers it."""
        since, until = (
            floor_to(each.astimezone(UTC), "hour") if each is not None and each < self.until else each
            for each in (query.since, query.until)
        )
        return replace(query, since=since, until=until)

    def describe(self, query: Query) -> FromHistory:
        """What a reader must know of an answer to *query*."""
        aligned = self.align(query)
        return FromHistory(
            until=min(self.until, aligned.until or self.until),
            since_moved=aligned.since if aligned.since != query.since else None,
            until_moved=aligned.until if aligned.until != query.until else None,
            unfinished=self.unfinished,
        )

    def choose(self, query: Query, name: str = "") -> Choice:
        """The choice of the runs in the logs that count for *query*; its parameters begin with *name*."""
        choice = Choice(self.align(query), name)
        for number, (since, files) in enumerate(self.late.items()):
            time, names = f"{name}late_{number}", f"{name}files_{number}"
            choice.condition += f" AND (ended >= ${time} OR NOT list_contains(${names}, filename))"
            choice.values |= {time: since, names: list(files)}
        return choice

    def count_bad(self, query: Query) -> BadLines:
        """The lines that weren't read when the logs of the period of *query* were rolled up."""
        bad = [
            mark
            for mark in self.gone
            if mark.bad and (query.since is None or end_of_hour(mark.end) > query.since)
        ]
        return BadLines(
            count=sum(mark.bad for mark in bad),
            examples=tuple(
                f"{mark.name}: {plural(mark.bad, 'line')} not read when it was rolled up" for mark in bad
            ),
        )


def find_seam(months: Sequence[Source], logs: Sequence[Source], folder: Path) -> Seam | None:
    """Find the seam between the files of a history and *logs*; None if the logs alone know all.

    DuckDB may use *folder*. Raises `SourceError`.
    """
    files = read_months([each.path for each in months if each.path])
    marks = list({mark: None for month in files for mark in month.marks})
    named = _find_named(logs, marks, folder)
    gone = [mark for mark in marks if mark not in named.values()]
    if not gone:
        return None
    until, having = max(end_of_hour(mark.end) for mark in gone), find_months(files)
    late: dict[datetime, list[str]] = defaultdict(list)
    for source, mark in named.items():
        late[min(until, _find_gap(mark, having[mark]) or until)] += _names_of(source)
    return Seam(
        files=tuple(escape_path(each.path) for each in files),
        until=until,
        late=late,
        gone=tuple(gone),
        unfinished=any(_find_gap(mark, having[mark]) for mark in gone),
    )


def _find_named(logs: Sequence[Source], marks: Sequence[Mark], folder: Path) -> dict[Source, Mark]:
    """The *logs* that are in the history, too. Raises `SourceError` if one has changed since."""
    named = {}
    with connect(folder) as connection:
        for source in logs:
            mark, same = find_mark(read_ends(source, connection), marks)
            if mark is not None:
                if not same:
                    raise SourceError(make_growth_message(source, mark))
                named[source] = mark
    return named


def find_months(files: Sequence[Month]) -> Mapping[Mark, set[str]]:
    """The months that have each log."""
    having: dict[Mark, set[str]] = defaultdict(set)
    for month in files:
        for mark in month.marks:
            having[mark].add(month.name)
    return having


def _find_gap(mark: Mark, having: Collection[str]) -> datetime | None:
    """From when on a log isn't in the history, if a rollup was interrupted: months are written in order."""
    missing = sorted({*mark.months}.difference(having))
    return datetime.fromisoformat(f"{missing[0]}-01T00:00:00+00:00") if missing else None


def _names_of(source: Source) -> list[Any]:
    """What the column `filename` may have for *source*."""
    return [source.name, absolute_path(source.path)] if source.path else [source.name]
