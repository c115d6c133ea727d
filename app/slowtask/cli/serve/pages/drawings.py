"""Draw the charts of the pages, in the process that reads: the renderer needs much memory."""

from slowtask.cli.serve.figures import Drawing
from slowtask.cli.show.report.chart import draw, legend
from slowtask.cli.show.report.panels import Panel, panels
from slowtask.errors import UsageError
from slowtask.store.history import History
from slowtask.store.profile import Profile


def draw_history(history: History, noun: str) -> tuple[Drawing, ...]:
    """The charts of the ranking, whose rows are each a *noun*; none without the renderer."""
    try:
        return tuple(map(_draw, panels(history, noun)))
    except UsageError:
        return ()


def draw_profile(profile: Profile) -> tuple[Drawing, ...]:  # noqa: ARG001 - none so far
    """The charts of a task."""
    return ()


def _draw(panel: Panel) -> Drawing:
    """Draw one chart, for a desk and for a phone."""
    if panel.chart is None:
        return Drawing(title=panel.title, text=panel.text, html="")
    desk, phone = draw(panel.chart)
    html = f'{legend(panel.chart)}<div class="desk">{desk}</div><div class="phone">{phone}</div>'
    return Drawing(title=panel.title, text=panel.text, html=html)
