"""The page that is shown until the figures are read; it loads itself again."""

from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Waiting
from slowtask.cli.serve.pages.cells import section
from slowtask.cli.serve.pages.frame import frame
from slowtask.units import capitalize, duration, percent, plural

KEPT: Final = (
    "The page loads itself again until it is done. You can go to another page meanwhile: reading goes on."
)


def render(data: Waiting, context: Context) -> str:
    """The HTML of the page."""
    share = "" if data.progress is None else f' value="{data.progress:.3f}"'
    lines = [
        f'<progress{share} aria-label="Progress"></progress>',
        f"<p>{escape(describe_progress(data))}</p>",
        f'<p class="soft">{KEPT}</p>',
    ]
    return frame(f"Reading {data.title}", section("", "\n".join(lines)), context, over="One moment")


def describe_progress(data: Waiting) -> str:
    """How far it is: `42 % done, after 3.1 s.`."""
    if data.ahead:
        return (
            f"{capitalize(plural(data.ahead, 'other page'))} {'is' if data.ahead == 1 else 'are'} read first."
        )
    done = "How much is done isn't known yet" if data.progress is None else f"{percent(data.progress)} done"
    return f"{done}, after {duration(data.seconds)}."
