"""Render the status of a broker for a terminal: its limits, its queues, and what to blame."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import EIGHTHS, UNKNOWN, make_table, shorten, time_text
from slowtask.record.event import SECOND
from slowtask.units import duration, percent, plural, printable
from slowtask.watch.broker import Queue, Unacknowledged
from slowtask.watch.judge import Capacity, Overrun, TaskBacklog
from slowtask.watch.view import QueueView, View
from slowtask.watch.words import (
    REMEDY,
    describe_alarms,
    describe_ending,
    describe_policy,
    format_forecast,
    needs_memory,
)

BAR_WIDTH: Final = 25  #: characters
MAX_LIMITS: Final = 4
MAX_OWNERS: Final = 4  #: groups of keys that use the memory
MAX_ROWS: Final = 10  #: of each table
RED, YELLOW = 0.8, 0.7  #: used shares of a limit, and loads, from which they are coloured
MAX_NAME_WIDTH: Final = 36  #: characters
MAX_WORKER_WIDTH: Final = 16  #: characters
MIN_NAME_WIDTH: Final = 20  #: characters; for it, other columns are left out
WIDE: Final = 100  #: columns from which titles are long
#: A column: its title, its priority (a narrow terminal leaves out the lowest first), and its cells.
Column = tuple[str, int, Sequence[str | Text]]


def page(view: View, width: int) -> Group:
    """The whole output in *width* columns."""
    parts: list[RenderableType] = [*broker_lines(view), Text(), queues_table(view.queues[:MAX_ROWS], width)]
    backlog = view.backlog
    if backlog:
        parts += [Text(), backlog_table(backlog[:MAX_ROWS], width)]
    if view.overruns:
        parts += [Text(), overruns_table(view.overruns[:MAX_ROWS], width)]
    advice = [Text(queue.advice, style="bold") for queue in view.queues if queue.advice]
    return Group(*parts, *([Text()] if advice else []), *advice, *notes(view, backlog))


def broker_lines(view: View) -> list[Text]:
    """The limits of the broker, an alarm or a warning, what uses its memory, and what is misconfigured."""
    poll, limits = view.poll, [limit_line(view, capacity) for capacity in view.capacities[:MAX_LIMITS]]
    lines = limits or [Text.assemble((printable(poll.name), "bold"), "   no limit is known")]
    lines += state_lines(view)
    owners = [f"{percent(owner.share)} {owner.name}" for owner in view.owners[:MAX_OWNERS]]
    if owners:
        lines.append(Text(f"memory is used by: {', '.join(owners)}", style="dim"))
    if poll.unacknowledged and poll.unacknowledged.count:
        lines.append(Text(held_text(poll.unacknowledged), style="dim"))
    memory = poll.memory
    unsafe = memory and (not memory.limit or memory.policy not in (None, "noeviction"))
    if memory and unsafe and poll.server == "redis":
        lines.append(Text(describe_policy(poll.name, memory.policy, memory.limit), style="yellow"))
    return lines + [Text(gap, style="yellow") for gap in poll.gaps]


def state_lines(view: View) -> list[Text]:
    """What an alarm, a reached limit or a limit that is near means, in one line at most."""
    capacity = view.capacity
    if view.poll.alarms:
        return [Text(describe_alarms(view), style="bold red")]
    if capacity and needs_memory(view, capacity):
        return [Text(f"CRITICAL: {describe_ending(view, capacity)} {REMEDY}", style="bold red")]
    if capacity and (capacity.ratio >= YELLOW or capacity.forecast):
        return [Text(describe_ending(view, capacity), style="dim")]
    return []


def limit_line(view: View, capacity: Capacity) -> Text:
    """The bar of one limit: `redis://queue   ████▊···  83 % of 1.0 GB   full in 14m 0s at this rate`."""
    colour = "red" if capacity.ratio >= RED else "yellow" if capacity.ratio >= YELLOW else "green"
    first = capacity is view.capacities[0]
    name = Text(printable(view.poll.name), style="bold" if first else "dim")
    plain = capacity.limit.is_memory and not capacity.limit.belongs_to
    what = "" if plain else f", {printable(capacity.limit.name)}"
    line = Text.assemble(name, "   ", (bar(capacity.ratio), colour), f" {capacity.limit.usage}{what}")
    if capacity.forecast and not capacity.full:
        line.append(f"   full in {format_forecast(capacity.forecast)} at this rate", style="bold red")
    return line


def held_text(held: Unacknowledged) -> str:
    """The tasks that workers hold: `with workers: 4 tasks (running, …), the first for 2m 3s`."""
    since = "" if held.oldest is None else f", the first for {duration(held.oldest / SECOND)}"
    return f"with workers: {plural(held.count, 'task')} (running, prefetched or not yet due){since}"


def bar(ratio: float) -> str:
    """*ratio* as a bar of fixed width."""
    eighths = round(min(ratio, 1.0) * BAR_WIDTH * 8)
    full = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    return full.ljust(BAR_WIDTH, "·")


def queues_table(views: Sequence[QueueView], width: int) -> RenderableType:
    """The queues, those in trouble first."""
    if not views:
        return Text("No queue has been used yet.", style="dim")
    queues = [view.queue for view in views]
    return fit_table(
        ("QUEUE", [queue.name for queue in queues], MAX_NAME_WIDTH),
        [
            ("WAITING", 9, [f"{queue.depth:,}" for queue in queues]),
            ("OLDEST", 8, [time_text(None if q.oldest is None else q.oldest / SECOND) for q in queues]),
            ("IN/s", 3, [rate_text(view.arrivals) for view in views]),
            ("OUT/s", 4, [rate_text(view.departures) for view in views]),
            ("WORKERS BUSY" if width >= WIDE else "BUSY", 7, [busy_text(queue) for queue in queues]),
            ("LOAD", 6, [load_text(view.load) for view in views]),
            ("DRAINED IN", 2, [time_text(view.drained_in) for view in views]),
            ("FAILED", 1, [UNKNOWN if q.failed is None else f"{q.failed:,}" for q in queues]),
        ],
        width,
    )


def busy_text(queue: Queue) -> str:
    """How many of the workers of *queue* are busy: `1/2`."""
    return UNKNOWN if queue.workers is None else f"{queue.busy}/{queue.workers}"


def backlog_table(backlog: Sequence[TaskBacklog], width: int) -> Table:
    """The waiting jobs and their work, by task."""
    return fit_table(
        ("WHAT WAITS", [each.task for each in backlog], MAX_NAME_WIDTH + 10),
        [
            ("COUNT", 3, [count_text(task) for task in backlog]),
            ("WORK", 2, [time_text(task.work) for task in backlog]),
            ("SHARE", 1, [UNKNOWN if task.share is None else percent(task.share) for task in backlog]),
        ],
        width,
    )


def count_text(task: TaskBacklog) -> str:
    """How many jobs wait, and how exactly that is known: `~ 1,204 ± 14`."""
    margin = f" ± {task.margin:,}" if task.margin else ""
    return f"{'~ ' * task.guessed}{task.count:,}{margin}"


def overruns_table(overruns: Sequence[Overrun], width: int) -> Table:
    """The jobs that run too long."""
    jobs = [overrun.job for overrun in overruns]
    return fit_table(
        ("RUNNING TOO LONG", [job.task or job.id for job in jobs], MAX_NAME_WIDTH),
        [
            ("SINCE", 5, [time_text(overrun.took) for overrun in overruns]),
            ("USUALLY UNDER", 4, [usual_text(overrun) for overrun in overruns]),
            ("QUEUE", 1, [shorten(printable(job.queue), MAX_WORKER_WIDTH) for job in jobs]),
            ("JOB", 2, [printable(job.id)[:8] for job in jobs]),
            ("WORKER", 0, [shorten(printable(job.worker or UNKNOWN), MAX_WORKER_WIDTH) for job in jobs]),
        ],
        width,
    )


def usual_text(overrun: Overrun) -> str:
    """How long runs of this task usually take at most, or that the worker sends no heartbeat any more."""
    return "no heartbeat" if overrun.why == "lost" else duration(overrun.allowed or 0)


def fit_table(names: tuple[str, Sequence[str], int], columns: Sequence[Column], width: int) -> Table:
    """Make a table that fits *width* without cutting a figure.

    If there is no room for all *columns*, those of the lowest priority are left out. *names* are the title,
    the cells and the maximal width of the first column, which gets the rest of the width and is shortened to
    it.
    """
    title, cells, longest = names
    wanted = max(len(title), min(longest, MIN_NAME_WIDTH, max(map(len, cells))))
    columns = list(columns)
    while columns and wanted + 2 + sum(map(column_width, columns)) > width:
        columns.remove(min(columns, key=lambda column: column[1]))
    left = max(8, min(longest, width - 2 - sum(map(column_width, columns))))
    table = make_table(title, *(column[0] for column in columns))
    for row, name in enumerate(cells):
        table.add_row(shorten(printable(name), left), *(column[2][row] for column in columns))
    return table


def column_width(column: Column) -> int:
    """The width of *column* with the space around it."""
    title, _, cells = column
    texts = [cell if isinstance(cell, Text) else Text(cell) for cell in cells]
    return 2 + max(len(title), *(text.cell_len for text in texts))


def rate_text(number: float | None) -> str:
    """*number* per second."""
    return UNKNOWN if number is None else f"{number:.3g}"


def load_text(load: float | None) -> Text:
    """The share of the workers' time that the arriving jobs need; red from 100 %."""
    if load is None:
        return Text(UNKNOWN)
    style = "bold red" if load >= 1 else "yellow" if load >= RED else ""
    return Text(f"{load:.0%}".replace("%", " %"), style=style)


def notes(view: View, backlog: Sequence[TaskBacklog]) -> list[Text]:
    """Explain the marks that the tables have, and what is missing, a line each."""
    lines = []
    if len(view.queues) > MAX_ROWS:
        lines.append(f"{plural(len(view.queues) - MAX_ROWS, 'more queue')}: --json shows all.")
    if any(task.work is None for task in backlog):
        lines.append(
            f"{UNKNOWN}: run time unknown, since no log has runs of this task: name logs with --runs."
        )
    if any(task.margin for task in backlog):
        lines.append("±: estimated from a random sample, with 95 % confidence.")
    if any(task.guessed for task in backlog):
        lines.append("~: estimated from the queue's last runs, since waiting tasks can't be read.")
    lines += view.poll.notes
    return [Text(), *(Text(line, style="dim") for line in lines)] if lines else []
