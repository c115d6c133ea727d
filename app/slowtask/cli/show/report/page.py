"""Render the report as one HTML file that loads nothing: headline, figures, ranking and charts."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template

from slowtask import __version__
from slowtask.cli.show.console import RED_FAILURES
from slowtask.cli.show.diff import View
from slowtask.cli.show.doubts import describe_guess
from slowtask.cli.show.groups import SPIKY_NOTE, count_nouns, display_value, noun_of
from slowtask.cli.show.report import moments
from slowtask.cli.show.report.alerts import alerts_section
from slowtask.cli.show.report.changes import changes_section
from slowtask.cli.show.report.chart import draw, legend
from slowtask.cli.show.report.panels import Panel, name, panels
from slowtask.cli.show.report.profiles import profiles_section
from slowtask.cli.show.report.ranking import MAX_ROWS, breakable, table
from slowtask.rank.digest import describe_busy
from slowtask.rank.link import LinkPattern
from slowtask.rank.ranking import Task, verdict
from slowtask.record.event import SECOND
from slowtask.record.sample import Alert
from slowtask.store.history import History
from slowtask.units import capitalize, duration, percent, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure under the headline."""

    title: str
    value: str
    text: str = ""
    bad: bool = False


def page(
    history: History,
    tasks: Sequence[Task],
    made: datetime,
    alerts: Sequence[Alert] = (),
    group: str | None = None,
    changes: View | None = None,
    pattern: LinkPattern | None = None,
) -> str:
    """The HTML of a report on *tasks*, which are ranked by total, made at *made* (UTC).

    *alerts* are what the monitor said, in order of time. With *group*, the tasks are values of that field.
    *changes* are what changed, if that was asked. *pattern* is that of links to traces.

    It loads nothing and runs nothing but page.js, whatever the names of tasks, queues and exceptions contain.
    """
    script, noun = _read("page.js"), noun_of(group)
    headline = verdict([_short(tasks[0])], noun=noun)
    history, tasks = _name_unknown(history, noun), [_named(task, noun) for task in tasks]
    return Template(_read("page.html")).substitute(
        style=_read("page.css"),
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        version=__version__,
        made=f"{made.day} {made:%b %Y, %H:%M}",
        span=_span(history),
        verdict=escape(_keep_together(headline)),
        about=escape(_about(history, tasks, noun)),
        tiles="\n".join(_tile(each) for each in tiles(history, tasks, noun)),
        ranking_text="Ordered by worker time. Click the title of a column to sort by it.",
        ranking=table(tasks, {each.task for each in history.measurement.figures if each.margin}, noun),
        notes="\n".join(f'<p class="soft">{escape(each)}</p>' for each in notes(history, tasks)),
        changes=changes_section(changes) if changes else "",
        alerts=alerts_section(alerts),
        profiles=profiles_section(history.profiles, pattern),
        panels="\n".join(_panel(each) for each in panels(history, noun)),
    )


def tiles(history: History, tasks: Sequence[Task], noun: str) -> list[Tile]:
    """The figures under the headline."""
    runs, failures = sum(task.count for task in tasks), sum(task.failures for task in tasks)
    total = sum(task.total or 0 for task in tasks)
    longest = max(tasks, key=lambda task: -1 if task.max is None else task.max)
    known = longest.max is not None
    return [
        Tile(title="Runs", value=f"{runs:,}", text=f"of {_count(history, noun)}"),
        Tile(
            title="Worker time", value=duration(total) if known else "unknown",
            text=describe_busy(history.measurement),
        ),
        Tile(
            title="Failures", value=percent(failures / runs), text=plural(failures, "run"),
            bad=failures / runs >= RED_FAILURES,
        ),
        Tile(
            title="Longest run", value="unknown" if longest.max is None else duration(longest.max),
            text=name(longest.task) if known else "",
        ),
        Tile(
            title="Wait, P95", value="unknown" if history.wait is None else duration(history.wait / SECOND),
            text="" if history.wait is None else "one run in twenty waited longer",
        ),
    ]  # fmt: skip


def notes(history: History, tasks: Sequence[Task]) -> Iterator[str]:
    """Explain `~`, say how many tasks are not shown, what wasn't read, and which dates were guessed."""
    measurement = history.measurement
    if margin := max((each.margin for each in measurement.figures), default=0):
        yield f"~: from log lines in whole seconds, ± {duration(margin / SECOND)}."
    if len(tasks) > MAX_ROWS:
        yield "slowtask top -n 0 shows all rows."
    if any(task.spread == "spiky" for task in tasks):
        yield SPIKY_NOTE
    if measurement.guessed:
        yield f"{capitalize(describe_guess(measurement.guessed))}."
    if measurement.bad:
        yield f"{measurement.bad.sentence}: slowtask top --bad lists which, and why."


def _name_unknown(history: History, noun: str) -> History:
    """*history* with a name for the runs that have no value of the field that is ranked."""
    unknown = display_value("", noun)
    figures = tuple(replace(each, task=each.task or unknown) for each in history.measurement.figures)
    slots = (replace(each, task=unknown) if each.task == "" else each for each in history.tasks)
    return replace(
        history,
        measurement=replace(history.measurement, figures=figures),
        leading=tuple(each or unknown for each in history.leading),
        tasks=tuple(slots),
        failures=tuple(replace(each, task=each.task or unknown) for each in history.failures),
    )


def _named(task: Task, noun: str) -> Task:
    """*task* with a name, also if its value is unknown."""
    return replace(task, task=task.task or display_value("", noun))


def _count(history: History, noun: str) -> str:
    """How many tasks or values of another field there are."""
    unknown = display_value("", noun)
    return count_nouns(sum(each.task != unknown for each in history.measurement.figures), noun)


def _about(history: History, tasks: Sequence[Task], noun: str) -> str:
    """What was measured: the number of runs and tasks, the time, and the logs."""
    runs = plural(sum(each.count for each in tasks), "run")
    return f"{runs} of {_count(history, noun)}, {_span(history)}, {history.measurement.source}"


def _span(history: History) -> str:
    """The time from the end of the first run to the end of the last."""
    figures = history.measurement.figures
    return moments.period(min(each.first for each in figures), max(each.last for each in figures))


def _keep_together(sentence: str) -> str:
    """Keep each number and its percent sign in *sentence* on one line."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", sentence)


def _short(task: Task) -> Task:
    """*task* with a name short enough for the headline."""
    return replace(task, task=name(task.task))


def _tile(tile: Tile) -> str:
    """The HTML of one figure."""
    mark = "bad" if tile.bad else "figure"
    value = f"<b class={mark}>{escape(tile.value)}</b>"
    return f"<div><span>{tile.title}</span>{value}<span>{breakable(tile.text)}</span></div>"


def _panel(panel: Panel) -> str:
    """The HTML of one chart with its title and text."""
    parts = [f"<h2>{panel.title}</h2>", f'<p class="soft">{escape(panel.text)}</p>']
    if panel.chart is not None:
        desk, phone = draw(panel.chart)
        parts += [
            legend(panel.chart),
            f'<figure class="{panel.chart.kind}" aria-label="{panel.title}">',
            f'<div class="desk">{desk}</div><div class="phone">{phone}</div></figure>',
        ]
    return '<section class="card">\n' + "\n".join(parts) + "\n</section>"


def _read(file: str) -> str:
    """Read *file* of this folder."""
    return resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
