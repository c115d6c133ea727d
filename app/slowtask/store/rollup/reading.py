"""Measure, compare and count the hours of a history together with the runs of logs, as one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from slowtask.errors import SourceError
from slowtask.store import Comparison, Measurement, Query
from slowtask.store.choice import Choice, read_runs, read_sides
from slowtask.store.comparison import make_comparison
from slowtask.store.duck import read_sql
from slowtask.store.fields import TASK
from slowtask.store.history import History, choose_slot_width, read_history
from slowtask.store.measuring import make_figures
from slowtask.store.reading import Reading, Rows, Select
from slowtask.store.rollup.keeping import count_cells
from slowtask.store.rollup.known import KNOWN, require_known_fields
from slowtask.store.rollup.seam import Seam
from slowtask.store.rollup.spans import Piece, Span, cover, widest_span
from slowtask.store.slots import HOUR, Unit
from slowtask.units import plural

NO_START: Final = "NULL::TIMESTAMPTZ"  #: a ranking needs no times


class RolledReading:
    """Reads logs, and before the seam the history. It answers as `slowtask.store.measuring` does."""

    def __init__(self, reading: Reading, seam: Seam) -> None:
        self.reading = reading
        self._seam = seam

    def measure(self, query: Query, *, workers: bool = True) -> Measurement:
        """Measure each task, and count the *workers*. Raises `SlowtaskError`."""
        choice = self.choose(query)
        self.fill([(query, choice, "true")], partial(read_runs, choice=choice), seats=workers)
        self.reading.ask("rollup_measured", {})
        rows = self.reading.ask("measured", {})
        known = workers and TASK not in dict(query.where)  # the history doesn't know who ran which task
        [seats] = self.reading.ask("seats", {}) if rows and known else [{"workers": None}]
        return replace(self.describe(query, rows), workers=seats["workers"])

    def compare(self, before: Query, after: Query) -> Comparison:
        """Measure each task on both sides, and count its run times by bins. Raises `SlowtaskError`."""
        first, second = self.choose(before, "before_"), self.choose(after, "after_")
        sides = [(before, first, "false"), (after, second, "true")]
        self.fill(sides, partial(read_sides, before=first, after=second))
        self.reading.ask("rollup_measured", {})
        self.reading.ask("rollup_times", {})
        rows = self.reading.ask("measured", {})
        times: tuple[dict[str, dict[int, int]], dict[str, dict[int, int]]] = ({}, {})
        for row in self.reading.ask("times", {}):
            times[row["side"]][row["task"]] = dict(zip(row["slots"], row["counts"], strict=True))
        halves = [[row for row in rows if row["side"] is side] for side in (False, True)]
        return make_comparison(self.describe(before, halves[0]), self.describe(after, halves[1]), times)

    def fields(self) -> tuple[str, ...]:
        """The fields by which cells can be grouped."""
        return tuple(sorted(KNOWN))

    def history(self, measurement: Measurement, query: Query, tasks: Sequence[str]) -> History:
        """Count runs over time, in slots of at least an hour. Raises `SlowtaskError`."""
        if not measurement.figures:
            raise SourceError("The logs and the history hold no runs: there is nothing to show.")
        first = min(each.first for each in measurement.figures)
        last = max(each.last for each in measurement.figures)
        runs = sum(each.count for each in measurement.figures)
        width = self._note(query, tasks, choose_slot_width(first, last, runs))
        [span] = self.reading.ask("history_span", {})
        needed = choose_slot_width(span["first"] * width, span["last"] * width, runs)
        if needed > width:
            width = self._note(query, tasks, needed)  # samples go on longer than runs
        return read_history(measurement, tasks, width, lambda name: self.reading.ask(name, {}))

    def _note(self, query: Query, tasks: Sequence[str], width: int) -> int:
        """Fill the table of history.sql with slots of *width* µs, or of an hour; return their width."""
        width = max(HOUR, width)
        choice, slot = self.choose(query), slot_sql(width, None)
        sides = [(query, choice, "true")]
        widest = widest_span(width, None)
        self.fill(sides, partial(read_runs, choice=choice), slot=slot, widest=widest, errors=True)
        samples = self.select(sides, "depth", "capacity")
        if self.reading.count:
            self.reading.read_chosen("rollup_samples", choice, {}, samples=True)
        self.ask("rollup_sampled" if self.reading.count else "rollup_no_samples", samples, choice.values)
        self.reading.ask("rollup_noted", {"tasks": [*tasks], "width": width})
        return width

    def fill(  # noqa: PLR0913 - each caller needs other parts
        self,
        sides: Sequence[tuple[Query, Choice, str]],
        select: Select,
        *,
        slot: str = NO_START,
        widest: Span = "month",
        seats: bool = False,
        errors: bool = False,
    ) -> None:
        """Make the table `cells` of the runs of all *sides*, and `busy` of the *seats*."""
        values = {name: value for _, choice, _ in sides for name, value in choice.values.items()}
        if self.reading.count:
            kinds = ("time", "wait", *["error"] * errors, *["seat"] * seats)
            count_cells(self.reading, select, values, slot.format("ended"), *kinds)
        else:
            self.reading.ask("rollup_none", {"months": [*self._seam.files]})
        self.ask("rollup_load", self.select(sides, slot=slot.format("start"), widest=widest), values)
        self.ask("rollup_busy", self.select(sides if seats else [], "workers"), values)
        if seats and self.reading.count:
            self.reading.ask("rollup_busy_logs", {})

    def ask(self, statement: str, rows: str, values: Mapping[str, Any]) -> Rows:
        """Run *statement* over the *rows* of the history."""
        sql = read_sql(statement).replace("FROM history_rows", f"FROM ({rows})")
        return self.reading.ask_sql(sql, {**values, "months": [*self._seam.files]})

    def select(
        self,
        sides: Sequence[tuple[Query, Choice, str]],
        *kinds: str,
        slot: str = "start",
        widest: Span = "month",
    ) -> str:
        """The SQL of the rows of the history for all *sides*: cells, or rows of other *kinds* by hour."""
        parts = [
            self._select_piece(choice, side, slot, piece, kinds or (piece.span,))
            for query, choice, side in sides
            for piece in self._cover(query, "hour" if kinds else widest)
        ]
        return " UNION ALL ".join(parts) or f"{self._select_all('true', 'start', 'task')} WHERE false"

    def _select_piece(self, choice: Choice, side: str, slot: str, piece: Piece, kinds: Sequence[str]) -> str:
        """The SQL of the rows of one piece of the period."""
        tests = [f"kind IN ({', '.join(map(repr, kinds))})", f"start < {_literal(piece.end)}", choice.where]
        if piece.begin is not None:
            tests.append(f"start >= {_literal(piece.begin)}")
        return f"{self._select_all(side, slot, choice.group or 'task')} WHERE {' AND '.join(tests)}"

    @staticmethod
    def _select_all(side: str, slot: str, task: str) -> str:
        """The SQL of all rows of the history."""
        return f"SELECT * REPLACE ({slot} AS start, {task} AS task), {side} AS side FROM rolled($months)"  # noqa: S608 - our own columns

    def _cover(self, query: Query, widest: Span) -> list[Piece]:
        """The cells of the history that cover the period of *query*, up to the seam."""
        aligned = self._seam.align(query)
        return cover(aligned.since, min(self._seam.until, aligned.until or self._seam.until), widest)

    def choose(self, query: Query, name: str = "") -> Choice:
        """The choice of runs of *query*. Raises `UsageError` if the history can't make it."""
        require_known_fields(query, self._seam.until)
        return self._seam.choose(query, name)

    def describe(self, query: Query, rows: Rows) -> Measurement:
        """The figures of *rows*, and what was read for them."""
        found = self.reading.describe()
        return replace(
            found,
            figures=tuple(map(make_figures, rows)),
            bad=found.bad + self._seam.count_bad(query),
            source=plural(self.reading.count + len(self._seam.files), "file"),
            history=self._seam.describe(query),
        )


def slot_sql(width: int, unit: Unit | None) -> str:
    """The SQL of where the slot of a time, `{}`, begins. Slots are *width* µs wide, or of a *unit*."""
    if unit:
        return f"date_trunc('{unit}', {{}})"
    return f"make_timestamptz(epoch_us({{}}) // {width} * {width})"


def _literal(time: datetime) -> str:
    """*time* in SQL, by which DuckDB leaves out what it needn't read."""
    return f"TIMESTAMPTZ '{time.isoformat()}'"
