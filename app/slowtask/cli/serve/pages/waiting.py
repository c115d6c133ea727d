"""The page that is shown until the figures are read; it loads itself again."""

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Waiting
from slowtask.cli.serve.pages.frame import frame
from slowtask.units import duration, percent, plural


def render(data: Waiting, context: Context) -> str:
    """The HTML of the page."""
    share = "" if data.progress is None else f" {percent(data.progress)} done."
    ahead = f" {plural(data.ahead, 'page')} before it." if data.ahead else ""
    return frame(f"Reading {data.title}", f"<p>For {duration(data.seconds)}.{share}{ahead}</p>", context)
