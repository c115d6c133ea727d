"""The page that says why there is no other, and what to do."""

from html import escape

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Problem
from slowtask.cli.serve.pages.frame import frame


def render(data: Problem, context: Context) -> str:
    """The HTML of the page."""
    return frame(data.title, f"<p>{escape(data.message)}</p>", context)
