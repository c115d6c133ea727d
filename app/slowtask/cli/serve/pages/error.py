"""The page that says why there is no other, and what to do."""

from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Problem
from slowtask.cli.serve.pages.cells import section
from slowtask.cli.serve.pages.diff import show_ways
from slowtask.cli.serve.pages.frame import frame
from slowtask.units import printable

MAX_MESSAGE: Final = 2000  #: characters


def render(data: Problem, context: Context) -> str:
    """The HTML of the page."""
    message = escape(printable(data.message[:MAX_MESSAGE]))
    way_out = show_way_out(context)
    body = [
        section("", f'<p class="message">{message}</p>\n<p>{way_out}</p>'),
        *([show_ways(context)] if context.path == "/diff" else ()),
    ]
    return frame(data.title, "\n".join(body), context, over=f"Error {data.status}")


def show_way_out(context: Context) -> str:
    """A link to what works whatever was asked for."""
    start = escape(f"{context.prefix}/")
    return f'<a href="{start}">Show the ranking of all runs</a>'
