"""Render the report as one HTML file that loads nothing: headline, figures, ranking and charts."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template

from slowtask import __version__
from slowtask.cli.show.diff import View
from slowtask.cli.show.groups import noun_of
from slowtask.cli.show.report.alerts import alerts_section
from slowtask.cli.show.report.changes import changes_section
from slowtask.cli.show.report.chart import Render, render, show_chart
from slowtask.cli.show.report.overview import (
    describe_runs,
    describe_span,
    headline,
    name_unknown,
    notes,
    show_tile,
    tiles,
    with_name,
)
from slowtask.cli.show.report.panels import Panel, panels
from slowtask.cli.show.report.profiles import profiles_section
from slowtask.cli.show.report.ranking import table
from slowtask.rank.link import LinkPattern
from slowtask.rank.ranking import Task
from slowtask.record.sample import Alert
from slowtask.store.history import History


def page(
    history: History,
    tasks: Sequence[Task],
    made: datetime,
    alerts: Sequence[Alert] = (),
    group: str | None = None,
    changes: View | None = None,
    pattern: LinkPattern | None = None,
    render: Render = render,
) -> str:
    """The HTML of a report on *tasks*, which are ranked by total, made at *made* (UTC).

    *alerts* are what the monitor said, in order of time. With *group*, the tasks are values of that field.
    *changes* are what changed, if that was asked. *pattern* is that of links to traces.
    *render* makes the SVG of a chart.

    It loads nothing and runs nothing but page.js, whatever the names of tasks, queues and exceptions contain.
    """
    script, noun = read_file("page.js"), noun_of(group)
    verdict = headline(tasks, noun)
    history, tasks = name_unknown(history, noun), [with_name(task, noun) for task in tasks]
    return Template(read_file("page.html")).substitute(
        style=read_file("page.css"),
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        version=__version__,
        made=f"{made.day} {made:%b %Y, %H:%M}",
        span=describe_span(history),
        verdict=verdict,
        about=escape(describe_runs(history, tasks, noun)),
        tiles="\n".join(show_tile(each) for each in tiles(history, tasks, noun)),
        ranking_text="Ordered by worker time. Click the title of a column to sort by it.",
        ranking=table(tasks, {each.task for each in history.measurement.figures if each.margin}, noun),
        notes="\n".join(f'<p class="soft">{escape(each)}</p>' for each in notes(history, tasks)),
        changes=changes_section(changes) if changes else "",
        alerts=alerts_section(alerts),
        profiles=profiles_section(history.profiles, pattern, render),
        panels="\n".join(show_panel(each, render) for each in panels(history, noun)),
    )


def show_panel(panel: Panel, render: Render) -> str:
    """The HTML of one chart with its title and text."""
    parts = [f"<h2>{panel.title}</h2>", f'<p class="soft">{escape(panel.text)}</p>']
    if panel.chart is not None:
        parts.append(show_chart(panel.chart, panel.title, render))
    return '<section class="card">\n' + "\n".join(parts) + "\n</section>"


def read_file(file: str) -> str:
    """Read *file* of this folder."""
    return resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
