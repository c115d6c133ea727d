"""Draw the charts of the pages, in the process that reads: the renderer needs much memory."""

from slowtask.cli.serve.figures import Drawing
from slowtask.cli.show.report.chart import show_chart
from slowtask.cli.show.report.panels import Panel, panels
from slowtask.cli.show.report.profiles import draw_times
from slowtask.errors import UsageError
from slowtask.store.history import History
from slowtask.store.profile import Profile


def draw_history(history: History, noun: str) -> tuple[Drawing, ...]:
    """The charts of the ranking, whose rows are each a *noun*; none without the renderer."""
    try:
        return tuple(map(_draw, panels(history, noun)))
    except UsageError:
        return ()


def draw_profile(profile: Profile) -> tuple[Drawing, ...]:
    """The charts of a task; none without the renderer."""
    try:
        return tuple(Drawing(title=title, text="", html=html) for title, html in draw_times(profile))
    except UsageError:
        return ()


def _draw(panel: Panel) -> Drawing:
    """Draw one chart, for a desk and for a phone."""
    html = show_chart(panel.chart, panel.title) if panel.chart else ""
    return Drawing(title=panel.title, text=panel.text, html=html)
