"""The page `/task/NAME`: all that is known of one task."""

from html import escape

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import TaskFigures
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.show import task_text as words
from slowtask.units import printable


def render(data: TaskFigures, context: Context) -> str:
    """The HTML of the page."""
    facts = "".join(f"<dt>{title}</dt><dd>{escape(text)}</dd>" for title, text in words.facts(data.profile))
    body = f"<p>{escape(words.headline(data.profile))}</p><dl>{facts}</dl>"
    return frame(printable(data.profile.task), body, context)
