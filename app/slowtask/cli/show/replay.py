"""Render a replay: what really happened, the replay and the change side by side, or JSON."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import make_console, shorten
from slowtask.rank.whatif import MAX_REPLAY_ERROR, Figures, Outcome, Row, Staff, replay_error, verdict
from slowtask.units import duration, plural, printable, size

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

MAX_NAME_WIDTH: Final = 28  #: characters
MAX_QUEUES: Final = 20  #: rows

Cell = Callable[[Figures], str]  #: what a cell shows of the figures of its column


def print_outcome(outcome: Outcome, log: "Columns", job_bytes: int, took: float) -> None:
    """Print *outcome*, which took *took* seconds, as wide as the terminal."""
    make_console().print(page(outcome, log, job_bytes, took))


def page(outcome: Outcome, log: "Columns", job_bytes: int, took: float) -> Group:
    """The whole output: a header, a table of all jobs, a table of the queues, the verdict, and notes."""
    parts: list[RenderableType] = [
        header(outcome, log, took),
        Text(),
        all_jobs_table(outcome.whole, job_bytes),
        Text(),
    ]
    if len(outcome.queues) > 1:
        parts += [queues_table(outcome), Text()]
    return Group(*parts, Text(verdict(outcome), style="bold"), *notes(outcome, log, job_bytes))


def header(outcome: Outcome, log: "Columns", took: float) -> Text:
    """What was replayed: `1,204 runs of 3 tasks on 2 queues, 1 file, 0.9 s`."""
    runs = f"{plural(outcome.whole.jobs, 'run')} of {plural(len(log.tasks), 'task')}"
    queues = plural(len(log.queues), "queue")
    return Text(f"{runs} on {queues}, {log.source}, {took:.1f} s", style="dim")


def all_jobs_table(row: Row, job_bytes: int) -> Table:
    """The waits, the depth and the memory of all jobs, a line each."""
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


def queues_table(outcome: Outcome) -> Table:
    """The p95 wait in each queue and its depth after the change; the queue with most jobs comes first."""
    rows = sorted(outcome.queues.items(), key=lambda item: (-item[1].jobs, item[0]))
    grid = _grid("P95 WAIT", *_titles(outcome.whole), "DEPTH", "JOBS")
    for name, row in rows[:MAX_QUEUES]:
        kinds = _kinds(row)
        waits = (duration(each.p95) for each in kinds)
        grid.add_row(shorten(name, MAX_NAME_WIDTH), *waits, f"{kinds[-1].depth:,}", f"{row.jobs:,}")
    return grid


def notes(outcome: Outcome, log: "Columns", job_bytes: int) -> list[Text]:
    """The assumptions of the replay, how well it fits, and what is missing, a line each."""
    lines = [
        *(workers_line(staff) for staff in outcome.staff[:MAX_QUEUES]),
        f"Assumed: {duration(outcome.overhead)} between two jobs of a worker, {job_bytes} bytes per job.",
    ]
    if replay_error(outcome.whole) > MAX_REPLAY_ERROR:
        off = f"{replay_error(outcome.whole):.0%}".replace("%", " %")
        lines.append(
            f"Don't rely on this: the replay is {off} off what really happened. If the number of workers is"
            " wrong, set --workers-now. If it changed during the log, choose a time with --since and --until."
        )
    if len(outcome.queues) > MAX_QUEUES:
        lines.append(f"{plural(len(outcome.queues) - MAX_QUEUES, 'more queue')}: --json shows all.")
    if log.left_out:
        lines.append(f"{plural(log.left_out, 'run')} left out: the log has no wait or no run time for them.")
    if log.bad:
        lines.append(f"{log.bad.sentence}: slowtask top --bad lists which, and why.")
    return [Text(line, style="dim") for line in lines]


def workers_line(staff: Staff) -> str:
    """How many workers serve the same queues: `Workers on high, default (in this order): 4 → 8.`."""
    names = ", ".join(printable(queue) for queue in staff.queues)
    order = "" if len(staff.queues) == 1 else " (in this order)" if staff.ordered else " (oldest job first)"
    change = f"{staff.seen:,}" if staff.seen == staff.changed else f"{staff.seen:,} → {staff.changed:,}"
    return f"Workers on {names}{order}: {change}."


def _titles(row: Row) -> tuple[str, ...]:
    """The titles of the columns of *row*."""
    return ("REALLY", "REPLAYED", "CHANGED")[: len(_kinds(row))]


def _kinds(row: Row) -> list[Figures]:
    """The figures of *row*: really, replayed and, if something was changed, changed."""
    return [each for each in (row.really, row.replayed, row.changed) if each is not None]


def _grid(*titles: str) -> Table:
    """Make a table whose first column is aligned left; the column of the change is bold."""
    grid = Table(box=None, padding=(0, 1), collapse_padding=False, pad_edge=True, header_style="dim")
    for place, title in enumerate(titles):
        bold = "bold" if title == "CHANGED" else ""
        grid.add_column(title, justify="right" if place else "left", no_wrap=True, style=bold)
    return grid


def make_object(outcome: Outcome, log: "Columns", job_bytes: int) -> dict[str, Any]:
    """Make of *outcome* one object; without a change, each `changed` is null."""
    return {
        "runs": outcome.whole.jobs,
        "left_out": log.left_out,
        "workers": [asdict(staff) for staff in outcome.staff],
        "overhead": outcome.overhead,
        "job_bytes": job_bytes,
        "all": _plain(outcome.whole, job_bytes),
        "queues": {name: _plain(row, job_bytes) for name, row in outcome.queues.items()},
    }


def _plain(row: Row, job_bytes: int) -> dict[str, Any]:
    """*row* for JSON; the memory at peak is added to each of its figures."""
    kinds = {"really": row.really, "replayed": row.replayed, "changed": row.changed}
    return {"jobs": row.jobs} | {
        kind: None if each is None else asdict(each) | {"memory": each.depth * job_bytes}
        for kind, each in kinds.items()
    }
