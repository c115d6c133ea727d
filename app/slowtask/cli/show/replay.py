"""A replay as a person sees it: really, replayed, and with the change, side by side; and as JSON."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import console, shortened
from slowtask.rank.whatif import CLOSE, Figures, Outcome, Row, Staff, missed, verdict
from slowtask.units import duration, plural, printable, size

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

NAME_MAX: Final = 28
QUEUES: Final = 20  #: rows

Cell = Callable[[Figures], str]


def show(outcome: Outcome, log: "Columns", job_bytes: int, took: float) -> None:
    """Print *outcome*, which took so many seconds, as wide as the terminal."""
    console().print(page(outcome, log, job_bytes, took))


def page(outcome: Outcome, log: "Columns", job_bytes: int, took: float) -> Group:
    """The header, the figures of all jobs, those of each queue, and the sentences."""
    parts: list[RenderableType] = [
        header(outcome, log, took),
        Text(),
        whole(outcome.whole, job_bytes),
        Text(),
    ]
    if len(outcome.queues) > 1:
        parts += [by_queue(outcome), Text()]
    return Group(*parts, Text(verdict(outcome), style="bold"), *notes(outcome, log, job_bytes))


def header(outcome: Outcome, log: "Columns", took: float) -> Text:
    """`1,204 runs of 3 tasks on 2 queues, 1 file, 0.9 s`."""
    runs = f"{plural(outcome.whole.jobs, 'run')} of {plural(len(log.tasks), 'task')}"
    queues = plural(len(log.queues), "queue")
    return Text(f"{runs} on {queues}, {log.source}, {took:.1f} s", style="dim")


def whole(row: Row, job_bytes: int) -> Table:
    """The figures of all jobs, a line each."""
    lines: tuple[tuple[str, Cell], ...] = (
        ("p50 wait", lambda each: duration(each.p50)),
        ("p95 wait", lambda each: duration(each.p95)),
        ("longest wait", lambda each: duration(each.longest)),
        ("depth at peak", lambda each: f"{each.depth:,}"),
        ("memory at peak", lambda each: size(each.depth * job_bytes)),
    )
    grid = _grid("", *_titles(row))
    for name, cell in lines:
        grid.add_row(name, *(cell(each) for each in _kinds(row)))
    return grid


def by_queue(outcome: Outcome) -> Table:
    """The p95 wait in each queue, those with most jobs first, and its depth after the change."""
    rows = sorted(outcome.queues.items(), key=lambda item: (-item[1].jobs, item[0]))
    grid = _grid("P95 WAIT", *_titles(outcome.whole), "DEPTH", "JOBS")
    for name, row in rows[:QUEUES]:
        kinds = _kinds(row)
        waits = (duration(each.p95) for each in kinds)
        grid.add_row(shortened(name, NAME_MAX), *waits, f"{kinds[-1].depth:,}", f"{row.jobs:,}")
    return grid


def notes(outcome: Outcome, log: "Columns", job_bytes: int) -> list[Text]:
    """What was assumed, and what is missing, a line each."""
    found = [
        *(group(each) for each in outcome.staff[:QUEUES]),
        f"A worker needs {duration(outcome.overhead)} between two jobs; a job that waits, {job_bytes} bytes.",
    ]
    if missed(outcome.whole) > CLOSE:
        found.append(
            f"The replay is {missed(outcome.whole):.0%}".replace("%", " %")
            + " off what really happened. Were there other workers? --workers-now. All the time? --since."
        )
    if len(outcome.queues) > QUEUES:
        found.append(f"{plural(len(outcome.queues) - QUEUES, 'more queue')}: --json.")
    if log.untold:
        found.append(f"{plural(log.untold, 'run')} left out: they don't tell how long they waited or took.")
    if log.bad.count:
        found.append(f"{plural(log.bad.count, 'line')} could not be parsed: slowtask top --bad shows them.")
    return [Text(each, style="dim") for each in found]


def group(staff: Staff) -> str:
    """`Workers on high, default (in this order): 4 → 8.`."""
    names = ", ".join(printable(each) for each in staff.queues)
    order = "" if len(staff.queues) == 1 else " (in this order)" if staff.ordered else " (oldest job first)"
    change = f"{staff.seen:,}" if staff.seen == staff.changed else f"{staff.seen:,} → {staff.changed:,}"
    return f"Workers on {names}{order}: {change}."


def _titles(row: Row) -> tuple[str, ...]:
    """The columns that *row* has."""
    return ("REALLY", "REPLAYED", "CHANGED")[: len(_kinds(row))]


def _kinds(row: Row) -> list[Figures]:
    """What *row* has: really, replayed, changed."""
    return [each for each in (row.really, row.replayed, row.changed) if each is not None]


def _grid(*titles: str) -> Table:
    """An empty table; the first column is of names."""
    grid = Table(box=None, padding=(0, 1), collapse_padding=False, pad_edge=True, header_style="dim")
    for place, title in enumerate(titles):
        bold = "bold" if title == "CHANGED" else ""
        grid.add_column(title, justify="right" if place else "left", no_wrap=True, style=bold)
    return grid


def json(outcome: Outcome, log: "Columns", job_bytes: int, file: TextIO) -> None:
    """Write *outcome* as one object; `changed` is null where nothing was."""
    whole = {
        "runs": outcome.whole.jobs,
        "left_out": log.untold,
        "workers": [asdict(each) for each in outcome.staff],
        "overhead": outcome.overhead,
        "job_bytes": job_bytes,
        "all": _plain(outcome.whole, job_bytes),
        "queues": {name: _plain(row, job_bytes) for name, row in outcome.queues.items()},
    }
    file.write(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n")


def _plain(row: Row, job_bytes: int) -> dict[str, Any]:
    """*row* as JSON has it, with the memory of its depths."""
    kinds = {"really": row.really, "replayed": row.replayed, "changed": row.changed}
    return {"jobs": row.jobs} | {
        kind: None if each is None else asdict(each) | {"memory": each.depth * job_bytes}
        for kind, each in kinds.items()
    }
