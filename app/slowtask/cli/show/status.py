"""`slowtask status` as a person sees it: one screen: the broker, the queues, what to blame."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.cli.show.console import EIGHTHS, UNKNOWN, plain, shortened, time
from slowtask.record.event import SECOND
from slowtask.units import duration, percent, plural, printable
from slowtask.watch.broker import Held, Queue
from slowtask.watch.judge import Blame, Capacity, Overrun
from slowtask.watch.view import QueueView, View
from slowtask.watch.words import REMEDY, alarm_text, ending_text, forecast_text, policy_text, remedy_text

BAR: Final = 25  #: characters
SHOWN: Final = 4  #: limits
ROWS: Final = 10  #: of each table
RED, YELLOW = 0.8, 0.7  #: of the capacity, and of a queue's load over 1
NAME: Final = 36  #: characters
WORKER: Final = 16  #: likewise
NARROW: Final = 20  #: characters that a name has, where a column is left out for it
WIDE: Final = 100  #: columns, from which on titles are long
#: A column: its title, what it is worth (the least is left out first), and its cells.
Given = tuple[str, int, Sequence[str | Text]]


def page(view: View, width: int) -> Group:
    """All of it, in *width* columns."""
    parts: list[RenderableType] = [*broker(view), Text(), queues(view.queues[:ROWS], width)]
    blamed = view.backlog
    if blamed:
        parts += [Text(), waiting(blamed[:ROWS], width)]
    if view.overruns:
        parts += [Text(), running(view.overruns[:ROWS], width)]
    advice = [Text(each.advice, style="bold") for each in view.queues if each.advice]
    return Group(*parts, *([Text()] if advice else []), *advice, *notes(view, blamed))


def broker(view: View) -> list[Text]:
    """`redis://… ████▊  83 %  of 1.0 GB   full in 14 min`, and what goes with it."""
    poll, found = view.poll, [limit(view, each) for each in view.capacities[:SHOWN]]
    found = found or [Text.assemble((printable(poll.name), "bold"), "   how full it is isn't known")]
    if poll.alarms:
        found.append(Text(alarm_text(view), style="bold red"))
    elif view.capacity and remedy_text(view, view.capacity):
        found.append(Text(f"CRITICAL: {ending_text(view, view.capacity)}. {REMEDY}", style="bold red"))
    elif view.capacity and (view.capacity.ratio >= YELLOW or view.capacity.forecast):
        found.append(Text(f"{ending_text(view, view.capacity)}: act before", style="dim"))
    owners = [f"{percent(each.share)} {each.name}" for each in view.owners[:4]]
    if owners:
        found.append(Text(f"the memory's keys: {', '.join(owners)}", style="dim"))
    if poll.held and poll.held.count:
        found.append(Text(held_text(poll.held), style="dim"))
    memory = poll.memory
    odd = memory and (not memory.limit or memory.policy not in (None, "noeviction"))
    if memory and odd and poll.server == "redis":
        found.append(Text(policy_text(poll.name, memory.policy, memory.limit), style="yellow"))
    found += [Text(each, style="yellow") for each in poll.gaps]
    return found


def limit(view: View, capacity: Capacity) -> Text:
    """The bar of one limit; the broker's name is told with the first."""
    colour = "red" if capacity.ratio >= RED else "yellow" if capacity.ratio >= YELLOW else "green"
    first = capacity is view.capacities[0]
    name = Text(printable(view.poll.name), style="bold" if first else "dim")
    plain = capacity.limit.is_memory and not capacity.limit.of
    what = "" if plain else f", {printable(capacity.limit.name)}"
    line = Text.assemble(name, "   ", (bar(capacity.ratio), colour), f" {capacity.limit.amount}{what}")
    if capacity.forecast and not capacity.full:
        line.append(f"   full in {forecast_text(capacity.forecast)} at this rate", style="bold red")
    return line


def held_text(held: Held) -> str:
    """`with workers: 4 tasks, running, fetched ahead or not yet due; the first for 2m 3s`."""
    since = "" if held.oldest is None else f"; the first for {duration(held.oldest / SECOND)}"
    return f"with workers: {plural(held.count, 'task')}, running, fetched ahead or not yet due{since}"


def bar(ratio: float) -> str:
    """*ratio* as a bar of fixed width."""
    eighths = round(min(ratio, 1.0) * BAR * 8)
    full = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    return full.ljust(BAR, "·")


def queues(found: Sequence[QueueView], width: int) -> RenderableType:
    """The queues, in order of trouble."""
    if not found:
        return Text("No queue has been used yet.", style="dim")
    seen = [each.queue for each in found]
    return fitted(
        ("QUEUE", [queue.name for queue in seen], NAME),
        [
            ("WAITING", 9, [f"{queue.depth:,}" for queue in seen]),
            ("OLDEST", 8, [time(None if q.oldest is None else q.oldest / SECOND) for q in seen]),
            ("IN/s", 3, [rate(each.arrivals) for each in found]),
            ("OUT/s", 4, [rate(each.departures) for each in found]),
            ("WORKERS BUSY" if width >= WIDE else "BUSY", 7, [busy(queue) for queue in seen]),
            ("LOAD", 6, [loaded(each.load) for each in found]),
            ("DRAINED IN", 2, [time(each.drained_in) for each in found]),
            ("FAILED", 1, [UNKNOWN if q.failed is None else f"{q.failed:,}" for q in seen]),
        ],
        width,
    )


def busy(queue: Queue) -> str:
    """`1/2`: workers of *queue* that are busy."""
    return UNKNOWN if queue.workers is None else f"{queue.busy}/{queue.workers}"


def waiting(blamed: Sequence[Blame], width: int) -> Table:
    """The backlog by task."""
    return fitted(
        ("WHAT WAITS", [each.task for each in blamed], NAME + 10),
        [
            ("COUNT", 3, [counted(each) for each in blamed]),
            ("WORK", 2, [time(each.work) for each in blamed]),
            ("SHARE", 1, [UNKNOWN if each.share is None else percent(each.share) for each in blamed]),
        ],
        width,
    )


def counted(blame: Blame) -> str:
    """`~ 1,204 ± 14`."""
    margin = f" ± {blame.margin:,}" if blame.margin else ""
    return f"{'~ ' * blame.guessed}{blame.count:,}{margin}"


def running(overruns: Sequence[Overrun], width: int) -> Table:
    """The jobs that run for too long."""
    jobs = [each.job for each in overruns]
    return fitted(
        ("RUNNING TOO LONG", [job.task or job.id for job in jobs], NAME),
        [
            ("SINCE", 5, [time(each.took) for each in overruns]),
            ("USUALLY UNDER", 4, [usual(each) for each in overruns]),
            ("QUEUE", 1, [shortened(printable(job.queue), WORKER) for job in jobs]),
            ("JOB", 2, [printable(job.id)[:8] for job in jobs]),
            ("WORKER", 0, [shortened(printable(job.worker or UNKNOWN), WORKER) for job in jobs]),
        ],
        width,
    )


def usual(overrun: Overrun) -> str:
    """What its task takes, or that it is lost."""
    return "no sign of life" if overrun.why == "lost" else duration(overrun.allowed or 0)


def fitted(first: tuple[str, Sequence[str], int], columns: Sequence[Given], width: int) -> Table:
    """A table in *width* columns that cuts no figure: where there is no room, the least worth is left out.

    *first* are the title, the names and how long those may be; they get what is left, and are shortened.
    """
    title, names, longest = first
    wanted = max(len(title), min(longest, NARROW, max(map(len, names))))
    columns = list(columns)
    while columns and wanted + 2 + sum(map(room, columns)) > width:
        columns.remove(min(columns, key=lambda each: each[1]))
    left = max(8, min(longest, width - 2 - sum(map(room, columns))))
    grid = plain(title, *(each[0] for each in columns))
    for place, name in enumerate(names):
        grid.add_row(shortened(printable(name), left), *(cells[place] for _, _, cells in columns))
    return grid


def room(column: Given) -> int:
    """How wide *column* is, with the space around it."""
    title, _, given = column
    cells = [each if isinstance(each, Text) else Text(each) for each in given]
    return 2 + max(len(title), *(each.cell_len for each in cells))


def rate(number: float | None) -> str:
    """*number* a second."""
    return UNKNOWN if number is None else f"{number:.3g}"


def loaded(load: float | None) -> Text:
    """How much of the workers' time arrives; red from 100 % on."""
    if load is None:
        return Text(UNKNOWN)
    style = "bold red" if load >= 1 else "yellow" if load >= RED else ""
    return Text(f"{load:.0%}".replace("%", " %"), style=style)


def notes(view: View, blamed: Sequence[Blame]) -> list[Text]:
    """What else there is to know, a line each."""
    found = []
    if len(view.queues) > ROWS:
        found.append(f"{plural(len(view.queues) - ROWS, 'more queue')}: --json shows all.")
    if any(each.work is None for each in blamed):
        found.append(f"{UNKNOWN}: no log of runs tells how long that takes; name one by --runs.")
    if any(each.margin for each in blamed):
        found.append("±: estimated from jobs at random, right 95 times in 100.")
    if any(each.guessed for each in blamed):
        found.append("~: what waits can't be seen: as the last runs of the queue were.")
    found += view.poll.notes
    return [Text(), *(Text(each, style="dim") for each in found)] if found else []
