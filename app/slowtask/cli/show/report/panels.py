"""Choose the charts of a report, each with a title and a text, or the reason why it is left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from slowtask.cli.show.groups import plural_of
from slowtask.cli.show.report import moments
from slowtask.cli.show.report.chart import SHARE, TIME, Chart
from slowtask.cli.show.report.scale import decades, even
from slowtask.cli.show.report.series import Slots, Value, lines, stacks, tips
from slowtask.record.event import SECOND
from slowtask.store.history import Failures, History
from slowtask.units import duration, percent, plural, printable

COLOURED: Final = 8  #: tasks, queues and brokers with a colour of their own
MAX_EXCEPTIONS: Final = 10
CRITICAL_CAPACITY: Final = 0.8  #: of a broker's memory
MIN_TASK_TIME: Final = 1000  #: ns that a logarithmic axis can show
NO_SAMPLES: Final = (
    "Left out: the files hold no samples of a {}. slowtask monitor writes them to slowtask-monitor.ndjson."
)
MAX_NAME_LENGTH: Final = 120  #: characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart with its title and text."""

    title: str
    text: str  #: what the chart shows; without a chart, why it is left out
    chart: Chart | None = None


def panels(history: History, noun: str = "task") -> list[Panel]:
    """All panels, in the order of the page. *noun* is what the report ranks."""
    over_time = [each(history, noun) for each in (work, task_time)]
    return [*over_time, *(each(history) for each in (waits, failures, depth, memory))]


def name(text: str) -> str:
    """A name from a log, made printable and short enough to show."""
    text = printable(text)
    return text if len(text) <= MAX_NAME_LENGTH else f"{text[: MAX_NAME_LENGTH - 1]}…"


def work(history: History, noun: str) -> Panel:
    """The worker time of each slot, by *noun*."""
    title = "Worker time"
    values = [
        Value(at=each.at, name=each.task and name(each.task), value=each.total / SECOND)
        for each in history.tasks
    ]
    if not any(each.value for each in values):
        return Panel(title=title, text="Left out: no run has a known run time.")
    names, slots = _tasks(history), _slots(history)
    data = stacks(values, names, slots)
    highest = max(row["top"] for row in data["points"])
    text = f"The worker time of the runs that ended in each {moments.width(history.width)}, by {noun}."
    return Panel(
        title=title,
        text=text,
        chart=Chart(
            kind="stack", names=names, label=TIME, ticks=even(highest), span=slots.span,
            data={**data, "tips": tips([each for each in values if each.value], slots, duration)},
        ),
    )  # fmt: skip


def task_time(history: History, noun: str) -> Panel:
    """The 95th percentile of the run time, for the first of the ranking."""
    title = "Task-time"
    values = [
        Value(at=each.at, name=name(each.task), value=each.p95 / SECOND)
        for each in history.tasks
        if each.task is not None and each.p95 is not None and each.p95 >= MIN_TASK_TIME
    ]
    if not values:
        return Panel(title=title, text="Left out: no run has a run time of a microsecond or more.")
    ticks, ends = decades(min(each.value for each in values), max(each.value for each in values))
    text = (
        f"The 95th percentile of the run time in each {moments.width(history.width)}, for the"
        f" {plural_of(noun)} that used most worker time. Each horizontal line is about ten times the one"
        " below."
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
            text="Left out: no run has a queue and a wait. slowtask's workers record them, stock logs don't.",
        )
    names = _queues(history)
    text = f"The 95th percentile of the wait in each {moments.width(history.width)}, by queue."
    ticks = even(max(each.value for each in values))
    return Panel(
        title=title,
        text=text + _more(values, names, "queue", "with the longest waits"),
        chart=_lines(history, values, names, duration, label=TIME, ticks=ticks),
    )


def failures(history: History) -> Panel:
    """The exceptions that ended runs."""
    title = "Failures"
    failures = history.failures
    if not failures:
        return Panel(title=title, text="Left out: no run failed.")
    text = "How many runs each exception ended."
    if others := failures[MAX_EXCEPTIONS:]:
        rest = sum(failure.count for failure in others)
        text += f" {plural(len(others), 'more exception')} ended {plural(rest, 'run')}."
    rows = [_row(failure) for failure in failures[:MAX_EXCEPTIONS]]
    return Panel(title=title, text=text, chart=Chart(kind="counts", data={"points": rows}))


def depth(history: History) -> Panel:
    """The depth of each queue, by the monitor's samples."""
    title = "Queue depth"
    values = [
        Value(at=each.at, name=name(each.queue), value=each.depth)
        for each in history.queues
        if each.depth is not None
    ]
    if not values:
        return Panel(title=title, text=NO_SAMPLES.format("queue"))
    names = _queues(history)
    text = f"The most jobs seen waiting in each {moments.width(history.width)}, by queue."
    return Panel(
        title=title,
        text=text + _more(values, names, "queue", "with the longest waits"),
        chart=_lines(history, values, names, "{:,.0f}".format, joined=True),
    )


def memory(history: History) -> Panel:
    """How full each broker was, by the monitor's samples, with a line at the critical capacity."""
    title = "Broker memory"
    values = [Value(at=each.at, name=name(each.broker), value=each.capacity) for each in history.brokers]
    if not values:
        return Panel(title=title, text=NO_SAMPLES.format("broker"))
    names = _highest(values)
    text = f"How full it was at most in each {moments.width(history.width)}, by broker. Above 80 %, act."
    scale = {"domain": [0, max(1, *(each.value for each in values))]}
    return Panel(
        title=title,
        text=text + _more(values, names, "broker", "that were fullest"),
        chart=_lines(
            history, values, names, percent, joined=True, limit=CRITICAL_CAPACITY,
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
    """A chart with a line over time for each of *names*; *sides* are further arguments of `Chart`."""
    slots, chosen = _slots(history), [value for value in values if value.name in set(names)]
    limits = [] if limit is None else [{"value": limit}]
    data = {**lines(chosen, slots, joined=joined), "limits": limits, "tips": tips(chosen, slots, say)}
    return Chart(kind="lines", data=data, names=names, span=slots.span, **sides)  # type: ignore[arg-type]


def _slots(history: History) -> Slots:
    """The time slots of *history*."""
    return Slots(history.first, history.last, history.width)


def _tasks(history: History) -> list[str | None]:
    """The names of the tasks with a colour, in the order of the ranking, then None for all others."""
    tasks = {each.task for each in history.tasks}
    names: list[str | None] = [name(task) for task in history.leading if task in tasks]
    return [*names, None] if None in tasks else names


def _queues(history: History) -> list[str]:
    """The queues with a colour, the same in each chart: those with the longest waits, then the deepest."""
    waits = [Value(at=0, name=name(each.queue), value=each.wait or 0) for each in history.queues]
    depths = [Value(at=0, name=name(each.queue), value=each.depth or 0) for each in history.queues]
    return [*dict.fromkeys([*_highest([each for each in waits if each.value]), *_highest(depths)])][:COLOURED]


def _highest(values: Sequence[Value]) -> list[str]:
    """The names with the highest of *values*, the highest first."""
    ordered = sorted(values, key=lambda each: (-each.value, each.name or ""))
    return [*dict.fromkeys(each.name for each in ordered if each.name is not None)][:COLOURED]


def _more(values: Sequence[Value], names: Sequence[str], noun: str, which: str) -> str:
    """Say which *names* are shown, if not all are."""
    count = len({each.name for each in values})
    return "" if count <= len(names) else f" Shown are the {len(names)} of {plural(count, noun)} {which}."


def _row(failure: Failures) -> dict[str, object]:
    """The bar of one exception."""
    error = "not in the log" if failure.error is None else name(failure.error)
    most = f"{'all' if failure.tasks == 1 else 'most'} of {name(failure.task)}"
    return {
        "name": error, "value": failure.count, "label": f"{failure.count:,}",
        "tip": f"{error}\n{plural(failure.count, 'run')}, {most}",
    }  # fmt: skip
