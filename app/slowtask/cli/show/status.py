"""Render the status of a broker for a terminal: the verdict, its limits, its queues, what runs and waits."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import UNKNOWN, draw_bar, make_table, shorten, time_text
from slowtask.record.event import SECOND
from slowtask.units import duration, percent, plural, printable
from slowtask.watch.broker import Running, Unacknowledged
from slowtask.watch.judge import Capacity, Overrun, TaskBacklog, run_time
from slowtask.watch.settings import Thresholds
from slowtask.watch.summary import judge_view
from slowtask.watch.verdict import Answer, Finding, Level, Verdict
from slowtask.watch.view import QueueView, View
from slowtask.watch.words import format_forecast

BAR_WIDTH: Final = 25  #: characters
MAX_LIMITS: Final = 4
MAX_OWNERS: Final = 4  #: groups of keys that use the memory
MAX_ROWS: Final = 10  #: of each table
RED, YELLOW = 0.8, 0.7  #: used shares of a limit, and loads, from which they are coloured
MAX_NAME_WIDTH: Final = 36  #: characters
MAX_WORKER_WIDTH: Final = 16  #: characters
MIN_NAME_WIDTH: Final = 20  #: characters; for it, other columns are left out
WIDE: Final = 100  #: columns from which titles are long
MAX_CAUSES: Final = 3  #: of each part
NEAR: Final = 900.0  #: seconds left, from which on a forecast is coloured
STYLES: Final[Mapping[Level, str]] = {
    "ok": "green",
    "unknown": "yellow",
    "warning": "yellow",
    "critical": "red",
}
#: A column: its title, its priority (a narrow terminal leaves out the lowest first), and its cells.
Column = tuple[str, int, Sequence[str | Text]]


def page(view: View, thresholds: Thresholds, width: int) -> Group:
    """The whole output in *width* columns."""
    parts: list[RenderableType] = [
        *verdict_lines(judge_view(view, thresholds)),
        Text(),
        *broker_lines(view, width),
        Text(),
        queues_table(view.queues[:MAX_ROWS], width),
    ]
    backlog = view.backlog
    if view.running:
        parts += [Text(), running_table(view, width)]
    if backlog:
        parts += [Text(), backlog_table(backlog[:MAX_ROWS], width)]
    return Group(*parts, *notes(view, backlog))


def verdict_lines(verdict: Verdict) -> list[RenderableType]:
    """The verdict: the leading cause with its commands, and a line for each part."""
    style = STYLES[verdict.level]
    says = f": {verdict.message}" if verdict.first else ""
    lines: list[RenderableType] = [Text(f"{verdict.level.upper()}{says}", style=f"bold {style}")]
    if verdict.first:
        lines += [Text(f"  {command}", style="dim") for command in verdict.first.commands]
    return [*lines, Text(), parts_table(verdict)]


def parts_table(verdict: Verdict) -> Table:
    """A row for each part of the verdict: how it is, and why."""
    table = Table.grid(padding=(0, 2), expand=False)
    for answer in verdict.answers:
        table.add_row(
            answer.part, Text(answer.level, style=STYLES[answer.level]), answer_text(answer, verdict.first)
        )
    return table


def answer_text(answer: Answer, first: Finding | None) -> Text:
    """What is wrong with one part, the leading cause by its name only; or what holds while nothing is."""
    if not answer.findings:
        return Text(answer.message, style="dim")
    sentences = [
        f"{finding.name}, as above" if finding is first else finding.message
        for finding in answer.findings[:MAX_CAUSES]
    ]
    more = len(answer.findings) - MAX_CAUSES
    return Text(
        "\n".join([*sentences, f"and {plural(more, 'more cause')}: see --json"][: None if more > 0 else -1])
    )


def broker_lines(view: View, width: int) -> list[Text]:
    """The limits of the broker, what uses its memory, and what workers hold."""
    poll = view.poll
    limits = [limit_line(view, capacity, width) for capacity in view.capacities[:MAX_LIMITS]]
    lines = limits or [Text.assemble((printable(poll.name), "bold"), "   no limit is known")]
    owners = [f"{percent(owner.share)} {owner.name}" for owner in view.owners[:MAX_OWNERS]]
    if owners:
        lines.append(Text(f"memory is used by: {', '.join(owners)}", style="dim"))
    if poll.unacknowledged and poll.unacknowledged.count:
        lines.append(Text(held_text(poll.unacknowledged), style="dim"))
    return lines


def limit_line(view: View, capacity: Capacity, width: int) -> Text:
    """The bar of one limit: `redis://queue   ████▊···  83 % of 1.0 GB   full in 14m 0s at this rate`."""
    colour = "red" if capacity.ratio >= RED else "yellow" if capacity.ratio >= YELLOW else "green"
    first = capacity is view.capacities[0]
    name = Text(printable(view.poll.name), style="bold" if first else "dim")
    plain = capacity.limit.is_memory and not capacity.limit.belongs_to
    what = "" if plain else f", {printable(capacity.limit.name)}"
    line = Text.assemble(name, "   ", (bar(capacity.ratio), colour), f" {capacity.limit.usage}{what}")
    if line.cell_len > width:
        line = Text.assemble(name, f"   {capacity.limit.usage}{what}")
    if capacity.forecast and not capacity.full:
        text = f"full in {format_forecast(capacity.forecast)} at this rate"
        line.append("\n  " if line.cell_len + len(text) + 3 > width else "   ")
        line.append(text, style="yellow" if capacity.forecast.seconds < NEAR else "dim")
    return line


def held_text(held: Unacknowledged) -> str:
    """The tasks that workers hold: `with workers: 4 tasks (running, …), the first for 2m 3s`."""
    since = "" if held.oldest is None else f", the first for {duration(held.oldest / SECOND)}"
    return f"with workers: {plural(held.count, 'task')} (running, prefetched or not yet due){since}"


def bar(ratio: float) -> str:
    """*ratio* as a bar of fixed width."""
    return draw_bar(round(min(ratio, 1.0) * BAR_WIDTH * 8)).ljust(BAR_WIDTH, "·")


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
            ("WORKERS BUSY" if width >= WIDE else "BUSY", 7, [busy_text(view) for view in views]),
            *needed_column(views),
            ("LOAD", 6, [load_text(view.load) for view in views]),
            ("DRAINED IN", 2, [time_text(view.drained_in) for view in views]),
            ("FAILED", 1, [UNKNOWN if q.failed is None else f"{q.failed:,}" for q in queues]),
        ],
        width,
    )


def busy_text(view: QueueView) -> str:
    """How many of the live workers of a queue are busy: `1/2`."""
    return UNKNOWN if view.workers is None else f"{view.busy}/{view.workers}"


def needed_column(views: Sequence[QueueView]) -> list[Column]:
    """The workers that each queue needs, if that is known of any: not within the seconds of one status."""
    if all(view.needed is None for view in views):
        return []
    return [("NEEDED", 3, [UNKNOWN if view.needed is None else str(view.needed) for view in views])]


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


def running_table(view: View, width: int) -> Table:
    """What runs now, the longest first; those that run too long are coloured."""
    jobs = view.running[:MAX_ROWS]
    late = {each.job.id: each for each in view.overruns}
    return fit_table(
        ("WHAT RUNS", [job.task or job.id for job in jobs], MAX_NAME_WIDTH),
        [
            ("SINCE", 5, [since_text(job, view, late.get(job.id)) for job in jobs]),
            ("USUALLY UNDER", 4, [usual_text(job, view, late.get(job.id)) for job in jobs]),
            ("QUEUE", 1, [shorten(printable(job.queue), MAX_WORKER_WIDTH) for job in jobs]),
            ("JOB", 0, [printable(job.id)[:8] for job in jobs]),
            ("WORKER", 2, [shorten(printable(job.worker or UNKNOWN), MAX_WORKER_WIDTH) for job in jobs]),
        ],
        width,
    )


def since_text(job: Running, view: View, overrun: Overrun | None) -> Text:
    """How long *job* has run."""
    text = time_text(run_time(job, view.poll.time))
    text.stylize("bold yellow" if overrun else "")
    return text


def usual_text(job: Running, view: View, overrun: Overrun | None) -> Text:
    """How long runs of this task usually take at most, or that its worker sends no heartbeat any more."""
    if overrun and overrun.why == "lost":
        return Text("no heartbeat")
    usual = view.usual(job.task)
    return time_text(overrun.allowed if overrun else usual.p99 if usual else None)


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
