"""The page `/`: the tasks by the worker time they used."""

from html import escape

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Ranking
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.show.console import UNKNOWN
from slowtask.cli.show.groups import display_value, noun_of
from slowtask.rank.ranking import Task, verdict
from slowtask.units import duration, percent


def render(data: Ranking, context: Context) -> str:
    """The HTML of the page."""
    noun = noun_of(data.group)
    rows = "\n".join(_row(task, data.group, noun, context) for task in data.tasks[:500])
    return frame(verdict(data.tasks[:1], data.by, noun), f"<table>{rows}</table>", context)


def _row(task: Task, group: str | None, noun: str, context: Context) -> str:
    """The row of one task."""
    name = escape(display_value(task.task, noun))
    head = name if group else f'<a href="{escape(context.task(task.task))}">{name}</a>'
    share = UNKNOWN if task.share is None else percent(task.share)
    total = UNKNOWN if task.total is None else duration(task.total)
    return f'<tr><th scope="row">{head}</th><td>{share}</td><td>{task.count:,}</td><td>{total}</td></tr>'
