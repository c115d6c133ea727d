"""SEE: the charts of a report: what each shows, or why it isn't there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from slowtask.cli.show.report import moments
from slowtask.cli.show.report.chart import SHARE, TIME, Chart
from slowtask.cli.show.report.scale import decades, even
from slowtask.cli.show.report.series import Slots, Value, lines, stacks, tips
from slowtask.record.event import SECOND
from slowtask.store.history import Failures, History
from slowtask.units import duration, percent, plural, printable

FIRST: Final = 8  #: so many tasks, queues and brokers have a colour
EXCEPTIONS: Final = 10
FULL: Final = 0.8  #: of a broker's memory: act now
LEAST: Final = 1000  #: ns: what a logarithmic axis can show
NO_SAMPLES: Final = (
    "Left out: the files hold no samples of a {}. slowtask monitor writes them, into slowtask-monitor.ndjson."
)
LONGEST: Final = 120  #: characters of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart with its words."""

    title: str
    text: str  #: what it shows; without a chart, why there is none
    chart: Chart | None = None


def panels(history: History) -> list[Panel]:
    """All of them, in the order of the page."""
    return [each(history) for each in (work, task_time, waits, failures, depth, memory)]


def name(text: str) -> str:
    """*text* from a log, safe and short enough to show."""
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def work(history: History) -> Panel:
    """The workers' time, by task."""
    title = "Worker time"
    values = [
        Value(at=each.at, name=each.task and name(each.task), value=each.total / SECOND)
        for each in history.tasks
    ]
    if not any(each.value for each in values):
        return Panel(title=title, text="Left out: no run has a known time.")
    names, slots = _tasks(history), _slots(history)
    data = stacks(values, names, slots)
    highest = max(row["top"] for row in data["points"])
    text = f"How long the runs that ended in each {moments.width(history.width)} held the workers."
    return Panel(
        title=title,
        text=text,
        chart=Chart(
            kind="stack", names=names, label=TIME, ticks=even(highest), span=slots.span,
            data={**data, "tips": tips([each for each in values if each.value], slots, duration)},
        ),
    )  # fmt: skip


def task_time(history: History) -> Panel:
    """The 95th percentile of each of the first tasks."""
    title = "Task-time"
    values = [
        Value(at=each.at, name=name(each.task), value=each.p95 / SECOND)
        for each in history.tasks
        if each.task is not None and each.p95 is not None and each.p95 >= LEAST
    ]
    if not values:
        return Panel(title=title, text="Left out: no run took a time that can be shown.")
    ticks, ends = decades(min(each.value for each in values), max(each.value for each in values))
    text = (
        f"One run in twenty took longer, in each {moments.width(history.width)}, of the tasks that held the "
        "workers most. Each line across is about ten times the one below."
    )
    scale = {"type": "log", "domain": ends, "zero": False}
    names = [each for each in _tasks(history) if each is not None]
    return Panel(
        title=title,
        text=text,
        chart=_lines(history, values, names, duration, label=TIME, ticks=ticks, scale=scale),
    )


def waits(history: History) -> Panel:
    """The 95th percentile of the waits in each queue."""
    title = "Waits"
    values = [
        Value(at=each.at, name=name(each.queue), value=each.wait / SECOND)
        for each in history.queues
        if each.wait is not None
    ]
    if not values:
        return Panel(
            title=title,
            text="Left out: no line tells in which queue its job waited how long. slowtask's own lines do.",
        )
    names = _queues(history)
    text = f"One run in twenty had waited longer in its queue, in each {moments.width(history.width)}."
    ticks = even(max(each.value for each in values))
    return Panel(
        title=title,
        text=text + _more(values, names, "queue", "with the longest waits"),
        chart=_lines(history, values, names, duration, label=TIME, ticks=ticks),
    )


def failures(history: History) -> Panel:
    """The exceptions that ended runs."""
    title = "Failures"
    found = history.failures
    if not found:
        return Panel(title=title, text="Left out: no run failed.")
    shown = found[:EXCEPTIONS]
    text = "How many runs each exception ended."
    if len(found) > len(shown):
        rest = sum(each.count for each in found[EXCEPTIONS:])
        text += f" {plural(len(found) - EXCEPTIONS, 'more exception')} ended {plural(rest, 'run')}."
    rows = [_row(each) for each in shown]
    return Panel(title=title, text=text, chart=Chart(kind="counts", data={"points": rows}))


def depth(history: History) -> Panel:
    """The jobs waiting in each queue."""
    title = "Queue depth"
    values = [
        Value(at=each.at, name=name(each.queue), value=each.depth)
        for each in history.queues
        if each.depth is not None
    ]
    if not values:
        return Panel(title=title, text=NO_SAMPLES.format("queue"))
    names = _queues(history)
    text = f"The most jobs seen waiting in each {moments.width(history.width)}."
    return Panel(
        title=title,
        text=text + _more(values, names, "queue", "with the longest waits"),
        chart=_lines(history, values, names, "{:,.0f}".format, joined=True),
    )


def memory(history: History) -> Panel:
    """How full each broker was, with the line at which to act."""
    title = "Broker memory"
    values = [Value(at=each.at, name=name(each.broker), value=each.capacity) for each in history.brokers]
    if not values:
        return Panel(title=title, text=NO_SAMPLES.format("broker"))
    names = _highest(values)
    text = f"How full it was at most in each {moments.width(history.width)}. Past the line at 80 %, act."
    scale = {"domain": [0, max(1, *(each.value for each in values))]}
    return Panel(
        title=title,
        text=text + _more(values, names, "broker", "that were fullest"),
        chart=_lines(
            history, values, names, percent, joined=True, limit=FULL,
            label=SHARE, scale=scale, ticks=[0, 0.2, 0.4, 0.6, 0.8, 1],
        ),
    )  # fmt: skip


def _lines(
    history: History,
    values: Sequence[Value],
    names: Sequence[str],
    say: Callable[[float], str],
    *,
    joined: bool = False,
    limit: float | None = None,
    **sides: object,
) -> Chart:
    """A chart of lines over time of those *values* that are of *names*."""
    slots, chosen = _slots(history), [each for each in values if each.name in set(names)]
    limits = [] if limit is None else [{"value": limit}]
    data = {**lines(chosen, slots, joined=joined), "limits": limits, "tips": tips(chosen, slots, say)}
    return Chart(kind="lines", data=data, names=names, span=slots.span, **sides)  # type: ignore[arg-type]


def _slots(history: History) -> Slots:
    """The slots of *history*."""
    return Slots(history.first, history.last, history.width)


def _tasks(history: History) -> list[str | None]:
    """The tasks of *history* as charts call them, the first in the ranking first, the others last."""
    found = {each.task for each in history.tasks}
    names: list[str | None] = [name(each) for each in history.leading if each in found]
    return [*names, None] if None in found else names


def _queues(history: History) -> list[str]:
    """The queues with a colour, the same in each chart: those of the longest waits, then the deepest."""
    waits = [Value(at=0, name=name(each.queue), value=each.wait or 0) for each in history.queues]
    depths = [Value(at=0, name=name(each.queue), value=each.depth or 0) for each in history.queues]
    return [*dict.fromkeys([*_highest([each for each in waits if each.value]), *_highest(depths)])][:FIRST]


def _highest(values: Sequence[Value]) -> list[str]:
    """The names of the highest of *values*, each once, the highest first."""
    ordered = sorted(values, key=lambda each: (-each.value, each.name or ""))
    return [*dict.fromkeys(each.name for each in ordered if each.name is not None)][:FIRST]


def _more(values: Sequence[Value], names: Sequence[str], noun: str, which: str) -> str:
    """A sentence where not all have a place."""
    count = len({each.name for each in values})
    return "" if count <= len(names) else f" The {len(names)} of {plural(count, noun)} {which}."


def _row(each: Failures) -> dict[str, object]:
    """The bar of one exception."""
    told = "not told by the log" if each.error is None else name(each.error)
    most = f"{'all' if each.tasks == 1 else 'most'} of {name(each.task)}"
    return {
        "name": told, "value": each.count, "label": f"{each.count:,}",
        "tip": f"{told}\n{plural(each.count, 'run')}, {most}",
    }  # fmt: skip
