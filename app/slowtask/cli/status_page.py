"""`slowtask status` as a person sees it: one screen: the broker, the queues, what to blame."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slowtask.broker import Held
from slowtask.cli.table import EIGHTHS, UNKNOWN, shortened, time
from slowtask.event import SECOND
from slowtask.findings import REMEDY, alarm_text, ending_text, forecast_text, policy_text, remedy_text
from slowtask.judge import Blame, Capacity, Overrun
from slowtask.rank import percent
from slowtask.units import duration, plural, printable, size
from slowtask.watch import QueueView, View

BAR: Final = 25  #: characters
SHOWN: Final = 4  #: limits
ROWS: Final = 10  #: of each table
RED, YELLOW = 0.8, 0.7  #: of the capacity, and of a queue's load over 1
NAME: Final = 36  #: characters
WORKER: Final = 16  #: likewise


def page(view: View, width: int) -> Group:
    """All of it, in *width* columns."""
    parts: list[RenderableType] = [*broker(view), Text(), queues(view.queues[:ROWS], width)]
    blamed = view.backlog
    if blamed:
        parts += [Text(), waiting(blamed[:ROWS])]
    if view.overruns:
        parts += [Text(), running(view.overruns[:ROWS])]
    advice = [Text(each.advice, style="bold") for each in view.queues if each.advice]
    return Group(*parts, *([Text()] if advice else []), *advice, *notes(view, blamed))


def broker(view: View) -> list[Text]:
    """`redis://… ████▊  83 %  of 1.0 GB   full in 14 min`, and what goes with it."""
    look, found = view.look, [limit(view, each) for each in view.capacities[:SHOWN]]
    found = found or [Text.assemble((printable(look.name), "bold"), "   how full it is isn't known")]
    if look.alarms:
        found.append(Text(alarm_text(view), style="bold red"))
    elif view.capacity and remedy_text(view, view.capacity):
        found.append(Text(f"CRITICAL: {ending_text(view, view.capacity)}. {REMEDY}", style="bold red"))
    elif view.capacity and (view.capacity.ratio >= YELLOW or view.capacity.forecast):
        found.append(Text(f"{ending_text(view, view.capacity)}: act before", style="dim"))
    owners = [f"{percent(each.share)} {each.name}" for each in view.owners[:4]]
    if owners:
        found.append(Text(f"the memory's keys: {', '.join(owners)}", style="dim"))
    if look.held and look.held.count:
        found.append(Text(held_text(look.held), style="dim"))
    memory = look.memory
    odd = memory and (not memory.limit or memory.policy not in (None, "noeviction"))
    if memory and odd and look.server == "redis":
        found.append(Text(policy_text(look.name, memory.policy, memory.limit), style="yellow"))
    found += [Text(each, style="yellow") for each in look.gaps]
    return found


def limit(view: View, capacity: Capacity) -> Text:
    """The bar of one limit; the broker's name is told with the first."""
    colour = "red" if capacity.ratio >= RED else "yellow" if capacity.ratio >= YELLOW else "green"
    first = capacity is view.capacities[0]
    name = Text(printable(view.look.name), style="bold" if first else "dim")
    plain = capacity.limit in ("memory", "machine") and not capacity.of
    what = "" if plain else f" {printable(capacity.name)}"
    most = f"{capacity.most:,} tasks" if capacity.limit == "length" else size(capacity.most)
    if capacity.limit == "disk":
        text = f"{size(capacity.most)} free, {size(capacity.used)} must stay"
    else:
        text = f"{percent(min(capacity.ratio, 1.0))} of {most}"
    line = Text.assemble(name, "   ", (bar(capacity.ratio), colour), f" {text}{what and f',{what}'}")
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
    grid = plain(
        "QUEUE", "WAITING", "OLDEST", "IN/s", "OUT/s", "WORKERS BUSY", "LOAD", "DRAINED IN", "FAILED"
    )
    for view in found:
        queue = view.queue
        grid.add_row(
            shortened(printable(queue.name), min(NAME, max(12, width // 4))),
            f"{queue.depth:,}",
            time(None if queue.oldest is None else queue.oldest / SECOND),
            rate(view.arrivals),
            rate(view.departures),
            UNKNOWN if queue.workers is None else f"{queue.busy}/{queue.workers}",
            loaded(view.load),
            time(view.drained_in),
            UNKNOWN if queue.failed is None else f"{queue.failed:,}",
        )
    return grid


def waiting(blamed: Sequence[Blame]) -> Table:
    """The backlog by task."""
    grid = plain("WHAT WAITS", "COUNT", "WORK", "SHARE")
    for each in blamed:
        count = (
            ("~ " if each.guessed else "")
            + f"{each.count:,}"
            + (f" ± {each.margin:,}" if each.margin else "")
        )
        share = UNKNOWN if each.share is None else percent(each.share)
        grid.add_row(shortened(printable(each.task), NAME + 10), count, time(each.work), share)
    return grid


def running(overruns: Sequence[Overrun]) -> Table:
    """The jobs that run for too long."""
    grid = plain("RUNNING TOO LONG", "SINCE", "USUALLY UNDER", "QUEUE", "JOB", "WORKER")
    for each in overruns:
        allowed = "no sign of life" if each.why == "lost" else duration(each.allowed or 0)
        grid.add_row(
            shortened(printable(each.job.task or each.job.id), NAME),
            time(each.took),
            allowed,
            printable(each.job.queue),
            printable(each.job.id)[:8],
            shortened(printable(each.job.worker or UNKNOWN), WORKER),
        )
    return grid


def plain(first: str, *others: str) -> Table:
    """A table like that of `slowtask top`: the first column to the left, the others to the right."""
    grid = Table(box=None, padding=(0, 1), pad_edge=True, header_style="dim")
    grid.add_column(first, no_wrap=True)
    for title in others:
        grid.add_column(title, justify="right", no_wrap=True)
    return grid


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
    found += view.look.notes
    return [Text(), *(Text(each, style="dim") for each in found)] if found else []
