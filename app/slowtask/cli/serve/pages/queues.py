"""The page `/queues`: the verdict on the queues, as `slowtask status` or the monitor judges it."""

from html import escape

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Queues
from slowtask.cli.serve.pages.frame import frame
from slowtask.units import printable


def render(data: Queues, context: Context) -> str:
    """The HTML of the page."""
    lines = [f"{each.verdict.level}: {each.verdict.message}" for each in data.brokers]
    lines += [f"{each.state}: {each.message}" for each in data.alerts]
    body = "\n".join(f"<p>{escape(printable(line))}</p>" for line in [*lines, data.note] if line)
    return frame("Queues", body, context)
