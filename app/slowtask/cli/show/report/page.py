"""SEE: the page: its words, figures, table and charts in one HTML file that loads nothing."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template
from typing import Final

from slowtask import __version__
from slowtask.cli.show.report import moments
from slowtask.cli.show.report.chart import COLOURS, Chart, drawn, places, shown
from slowtask.cli.show.report.panels import Panel, name, panels
from slowtask.cli.show.report.ranking import RED, ROWS, breakable, table
from slowtask.rank.ranking import Task, verdict
from slowtask.record.event import SECOND
from slowtask.store.history import History
from slowtask.units import MINUTE, duration, percent, plural

IDLE: Final = 0.05  #: workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure of the headline."""

    title: str
    value: str
    text: str = ""
    bad: bool = False


def page(history: History, tasks: Sequence[Task], made: datetime) -> str:
    """The HTML of a report on *tasks*, which are ranked by total, made at *made* (UTC).

    Nothing in it loads anything or runs but page.js, whatever tasks, queues and exceptions are called.
    """
    script = _read("page.js")
    return Template(_read("page.html")).substitute(
        style=_read("page.css"),
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        version=__version__,
        made=f"{made.day} {made:%b %Y, %H:%M}",
        span=_span(history),
        verdict=escape(_together(verdict([_short(tasks[0])]))),
        about=escape(_about(history, tasks)),
        tiles="\n".join(_tile(each) for each in tiles(history, tasks)),
        ranking_text="By the time that tasks held the workers. A click on a column's head sorts by it.",
        ranking=table(tasks, {each.task for each in history.measurement.figures if each.margin}),
        notes="\n".join(f'<p class="soft">{escape(each)}</p>' for each in notes(history, tasks)),
        panels="\n".join(_panel(each) for each in panels(history)),
    )


def tiles(history: History, tasks: Sequence[Task]) -> list[Tile]:
    """The headline in figures."""
    runs, failures = sum(each.count for each in tasks), sum(each.failures for each in tasks)
    total = sum(each.total or 0 for each in tasks)
    longest = max(tasks, key=lambda each: -1 if each.max is None else each.max)
    known = longest.max is not None
    return [
        Tile(title="Runs", value=f"{runs:,}", text=f"of {plural(len(tasks), 'task')}"),
        Tile(title="Worker time", value=duration(total) if known else "unknown", text=_busy(history, total)),
        Tile(
            title="Failures", value=percent(failures / runs), text=plural(failures, "run"),
            bad=failures / runs >= RED,
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
    """What else there is to know, only where it is true."""
    measurement = history.measurement
    if margin := max((each.margin for each in measurement.figures), default=0):
        yield f"~: from log lines in whole seconds, ± {duration(margin / SECOND)}."
    if len(tasks) > ROWS:
        yield f"{plural(len(tasks) - ROWS, 'more task')}: slowtask top -n 0."
    if bad := measurement.bad.count:
        them = "it" if bad == 1 else "them"
        yield f"{plural(bad, 'line')} could not be parsed: slowtask top --bad shows {them}."


def _busy(history: History, total: float) -> str:
    """How many workers were at work at a time; nothing where the runs are too close together to say."""
    figures = history.measurement.figures
    seconds = (max(each.last for each in figures) - min(each.first for each in figures)) / 1e6
    count = total / seconds if seconds >= MINUTE else 0
    return "" if count < IDLE else f"{count:,.1f} workers busy on average"


def _about(history: History, tasks: Sequence[Task]) -> str:
    """What the report is of."""
    runs = plural(sum(each.count for each in tasks), "run")
    return f"{runs} of {plural(len(tasks), 'task')}, {_span(history)}, {history.measurement.source}"


def _span(history: History) -> str:
    """From the first to the last end of a run."""
    figures = history.measurement.figures
    return moments.period(min(each.first for each in figures), max(each.last for each in figures))


def _together(sentence: str) -> str:
    """*sentence* with no break between a number and its per cent."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", sentence)


def _short(task: Task) -> Task:
    """*task* with a name that leaves room for the sentence."""
    return replace(task, task=name(task.task))


def _tile(tile: Tile) -> str:
    """One figure."""
    mark = "bad" if tile.bad else "figure"
    value = f"<b class={mark}>{escape(tile.value)}</b>"
    return f"<div><span>{tile.title}</span>{value}<span>{breakable(tile.text)}</span></div>"


def _panel(panel: Panel) -> str:
    """One chart with its words."""
    parts = [f"<h2>{panel.title}</h2>", f'<p class="soft">{escape(panel.text)}</p>']
    if panel.chart is not None:
        desk, phone = drawn(panel.chart)
        parts += [
            *_names(panel.chart),
            f'<figure class="{panel.chart.kind}" aria-label="{panel.title}">',
            f'<div class="desk">{desk}</div><div class="phone">{phone}</div></figure>',
        ]
    return '<section class="card">\n' + "\n".join(parts) + "\n</section>"


def _names(chart: Chart) -> Iterator[str]:
    """What has which colour: in HTML, where it can wrap."""
    if chart.names:
        items = "".join(
            f'<li class="c{place}"><i style="background:{COLOURS[place]}"></i>{escape(shown(each))}</li>'
            for each, place in zip(chart.names, places(chart.names), strict=True)
        )
        yield f'<ul class="names">{items}</ul>'


def _read(file: str) -> str:
    """The text of *file* in this folder."""
    return resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
