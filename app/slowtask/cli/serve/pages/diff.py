"""The page `/diff`: what became of each task between two sets of runs."""

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Comparison
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.show.report.changes import changes_section


def render(data: Comparison, context: Context) -> str:
    """The HTML of the page."""
    return frame("What changed", changes_section(data.view), context)
