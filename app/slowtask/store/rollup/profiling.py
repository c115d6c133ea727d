"""Read the profiles of tasks of logs and of the hours of a history, as one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from slowtask.store import Figures, Measurement, Query
from slowtask.store.choice import Choice, read_runs
from slowtask.store.measuring import make_figures
from slowtask.store.profile import Choose, Profile, match_names
from slowtask.store.reading import Rows
from slowtask.store.rollup.profile import FIELDS, Parts, Total, make_profile, make_slot
from slowtask.store.rollup.reading import RolledReading, slot_sql
from slowtask.store.rollup.spans import widest_span
from slowtask.store.slots import Unit, choose_width

ONLY: Final = " AND list_contains($tasks, task)"


class Profiling:
    """Reads the profiles of tasks of the runs of *query*, over time in at most *slots* slots."""

    def __init__(self, rolled: RolledReading, query: Query, slots: int) -> None:
        self._rolled = rolled
        self._reading = rolled.reading
        self._query = query
        self._slots = slots

    def read_named(self, wanted: str, choose: Choose) -> Profile:
        """Read the profile of the task that *wanted* names, or ends the name of. Raises `SlowtaskError`."""
        totals = self._read_totals()
        described = self._rolled.describe(self._query, [])
        task = choose(match_names(list(totals), wanted), described)
        return self._read(totals, [task], described)[0]

    def read_leading(self, measurement: Measurement, tasks: Sequence[str]) -> tuple[Profile, ...]:
        """Read the profiles of *tasks*, of which *measurement* has the figures."""
        totals = {
            each.task: Total(time=each.total, first=each.first, last=each.last)
            for each in measurement.figures
        }
        return tuple(self._read(totals, tasks, replace(measurement, figures=()))) if tasks else ()

    def _read(
        self, totals: dict[str, Total], tasks: Sequence[str], measurement: Measurement
    ) -> list[Profile]:
        """Read the profiles of *tasks*; *totals* are those of all."""
        first, last = min(totals[task].first for task in tasks), max(totals[task].last for task in tasks)
        width, unit = choose_width(first, last, self._slots)
        self._fill(tasks, width, unit)
        whole = sum(each.time for each in totals.values())
        return [make_profile(self._read_parts(task), measurement, whole, width, unit) for task in tasks]

    def _fill(self, tasks: Sequence[str], width: int, unit: Unit | None) -> None:
        """Make the table of the cells of *tasks*, each of one slot."""
        choice = self._rolled.choose(self._query)
        choice.condition += ONLY
        choice.where += ONLY
        choice.values["tasks"] = [*tasks]
        self._rolled.fill(
            [(self._query, choice, "true")],
            partial(read_runs, choice=choice),
            slot=slot_sql(width, unit),
            widest=widest_span(width, unit),
            errors=True,
        )
        self._reading.ask("rollup_tasks", {})

    def _read_totals(self) -> dict[str, Total]:
        """Read the run time of each task."""
        choice = self._rolled.choose(self._query)
        rows = [row for row in self._count_logs(choice) if row["sound"]] if self._reading.count else []
        selected = self._rolled.select([(self._query, choice, "true")])
        rows += self._rolled.ask("rollup_totals", selected, choice.values)
        totals: dict[str, Total] = {}
        for row in rows:
            each = Total(time=row["total"] or 0.0, first=row["first"], last=row["last"])
            totals[row["task"]] = totals[row["task"]] | each if row["task"] in totals else each
        return totals

    def _count_logs(self, choice: Choice) -> Rows:
        """Read the same of the logs alone."""

        def count() -> Rows:
            self._reading.fill("rollup_totals_logs", partial(read_runs, choice=choice), choice.values)
            return self._reading.ask("rollup_totals_found", {})

        return self._reading.ask_until_sound(count)

    def _read_parts(self, task: str) -> Parts:
        """Measure the cells of *task*, and each part of them."""
        self._reading.ask("rollup_task", {"task": task})
        bins = self._reading.ask("rollup_task_bins", {})
        times, waits = (
            {row["bin"]: row["count"] for row in bins if row["is_wait"] is is_wait}
            for is_wait in (False, True)
        )
        [whole] = self._measure("task")
        slots = [make_slot(int(each.task), each) for each in self._measure("epoch_us(start)")]
        return Parts(
            whole=whole,
            slots=sorted(slots, key=lambda each: each.at),
            fields={name: self._measure(name) for name in FIELDS},
            times=times,
            waits=waits,
            errors={row["error"]: row["count"] for row in self._reading.ask("rollup_task_errors", {})},
        )

    def _measure(self, part: str) -> list[Figures]:
        """The figures of the cells with each value of *part*, an expression of SQL."""
        self._reading.ask("rollup_part", {}, field=part)
        self._reading.ask("rollup_measured", {})
        return [make_figures(row) for row in self._reading.ask("measured", {})]
