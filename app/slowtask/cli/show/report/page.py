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
from typing import Final

from slowtask import __version__
from slowtask.cli.show.doubts import describe_guess
from slowtask.cli.show.report import moments
from slowtask.cli.show.report.alerts import alerts_section
from slowtask.cli.show.report.chart import COLOURS, Chart, display_name, draw, places
from slowtask.cli.show.report.panels import Panel, name, panels
from slowtask.cli.show.report.ranking import MAX_ROWS, RED_FAILURES, breakable, table
from slowtask.rank.ranking import Task, verdict
from slowtask.record.event import SECOND
from slowtask.record.sample import Alert
from slowtask.store.history import History
from slowtask.units import MINUTE, capitalize, duration, percent, plural

MIN_BUSY_WORKERS: Final = 0.05  #: a lower average isn't shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure under the headline."""

    title: str
    value: str
    text: str = ""
    bad: bool = False


def page(history: History, tasks: Sequence[Task], made: datetime, alerts: Sequence[Alert] = ()) -> str:
    """The HTML of a report on *tasks*, which are ranked by total, made at *made* (UTC).

    *alerts* are what the monitor said, in order of time.

    It loads nothing and runs nothing but page.js, whatever the names of tasks, queues and exceptions contain.
    """
    script = _read("page.js")
    return Template(_read("page.html")).substitute(
        style=_read("page.css"),
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        version=__version__,
        made=f"{made.day} {made:%b %Y, %H:%M}",
        span=_span(history),
        verdict=escape(_keep_together(verdict([_short(tasks[0])]))),
        about=escape(_about(history, tasks)),
        tiles="\n".join(_tile(each) for each in tiles(history, tasks)),
        ranking_text="Ordered by the worker time that tasks used. Click the title of a column to sort by it.",
        ranking=table(tasks, {each.task for each in history.measurement.figures if each.margin}),
        notes="\n".join(f'<p class="soft">{escape(each)}</p>' for each in notes(history, tasks)),
        alerts=alerts_section(alerts),
        panels="\n".join(_panel(each) for each in panels(history)),
    )


def tiles(history: History, tasks: Sequence[Task]) -> list[Tile]:
    """The figures under the headline."""
    runs, failures = sum(task.count for task in tasks), sum(task.failures for task in tasks)
    total = sum(task.total or 0 for task in tasks)
    longest = max(tasks, key=lambda task: -1 if task.max is None else task.max)
    known = longest.max is not None
    return [
        Tile(title="Runs", value=f"{runs:,}", text=f"of {plural(len(tasks), 'task')}"),
        Tile(title="Worker time", value=duration(total) if known else "unknown", text=_busy(history, total)),
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
        yield f"{plural(len(tasks) - MAX_ROWS, 'more task')}: slowtask top -n 0 shows all."
    if measurement.guessed:
        yield f"{capitalize(describe_guess(measurement.guessed))}."
    if measurement.bad:
        yield f"{measurement.bad.sentence}: slowtask top --bad lists which, and why."


def _busy(history: History, total: float) -> str:
    """How many workers were busy on average; empty if the runs span too little time to say."""
    figures = history.measurement.figures
    seconds = (max(each.last for each in figures) - min(each.first for each in figures)) / 1e6
    count = total / seconds if seconds >= MINUTE else 0
    return "" if count < MIN_BUSY_WORKERS else f"{count:,.1f} workers busy on average"


def _about(history: History, tasks: Sequence[Task]) -> str:
    """What was measured: the number of runs and tasks, the time, and the logs."""
    runs = plural(sum(each.count for each in tasks), "run")
    return f"{runs} of {plural(len(tasks), 'task')}, {_span(history)}, {history.measurement.source}"


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
            *_names(panel.chart),
            f'<figure class="{panel.chart.kind}" aria-label="{panel.title}">',
            f'<div class="desk">{desk}</div><div class="phone">{phone}</div></figure>',
        ]
    return '<section class="card">\n' + "\n".join(parts) + "\n</section>"


def _names(chart: Chart) -> Iterator[str]:
    """The legend of *chart*, as HTML since that can wrap."""
    if chart.names:
        texts = [escape(display_name(each)) for each in chart.names]
        items = "".join(
            f'<li class="c{place}"><i style="background:{COLOURS[place]}"></i>{text}</li>'
            for text, place in zip(texts, places(chart.names), strict=True)
        )
        yield f'<ul class="names">{items}</ul>'


def _read(file: str) -> str:
    """Read *file* of this folder."""
    return resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
