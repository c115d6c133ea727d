"""Read the profiles of tasks of logs and of the hours of a history, as one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from slowtask.store import Figures, Measurement, Query
from slowtask.store.choice import Choice, read_runs
from slowtask.store.measuring import make_figures
from slowtask.store.profile import Choose, Profile, Slot, match_names
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
        return [make_profile(each, measurement, whole, width, unit) for each in self._read_parts(tasks)]

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

    def _read_parts(self, tasks: Sequence[str]) -> list[Parts]:
        """Measure the cells of each of *tasks*, and each part of them."""
        measured = self._measure_parts(tasks)
        bins, errors = (self._reading.ask(f"rollup_task_{name}", {}) for name in ("bins", "errors"))
        return [
            Parts(
                whole=measured[place, "task"][0],
                slots=make_slots(measured[place, "start"]),
                fields={name: measured[place, name] for name in FIELDS},
                times=_count_bins(bins, task, is_wait=False),
                waits=_count_bins(bins, task, is_wait=True),
                errors={row["error"]: row["count"] for row in errors if row["task"] == task},
            )
            for place, task in enumerate(tasks)
        ]

    def _measure_parts(self, tasks: Sequence[str]) -> Mapping[tuple[int, str], list[Figures]]:
        """The figures of each of *tasks*, of its slots, queues and versions, by its place and their part."""
        self._reading.ask("rollup_parts", {"tasks": [*tasks]})
        self._reading.ask("rollup_measured", {})
        parts: defaultdict[tuple[int, str], list[Figures]] = defaultdict(list)
        for row in self._reading.ask("measured", {}):
            parts[row["side"]["task"], row["side"]["part"]].append(make_figures(row))
        return parts


def make_slots(found: Sequence[Figures]) -> list[Slot]:
    """The slots of the figures *found*, each of which has the time in the place of a task."""
    return sorted((make_slot(int(each.task), each) for each in found), key=lambda each: each.at)


def _count_bins(rows: Rows, task: str, *, is_wait: bool) -> dict[int, int]:
    """How many run times or waits of *task* are in each bin."""
    return {row["bin"]: row["count"] for row in rows if row["task"] == task and row["is_wait"] is is_wait}
