"""The limits of a broker, each with a bar and the forecast of when it is reached."""

from html import escape

from slowtask.cli.serve.pages.cells import bar
from slowtask.cli.show.status import MAX_LIMITS, MAX_OWNERS
from slowtask.units import percent, printable
from slowtask.watch.judge import Capacity
from slowtask.watch.view import View
from slowtask.watch.words import format_forecast


def show_limits(view: View) -> str:
    """The HTML of the limits, the most used first, and of what uses the memory."""
    limits = "".join(f"<li>{show_limit(each)}</li>" for each in view.capacities[:MAX_LIMITS])
    shown = f'<ul class="limits">{limits}</ul>' if limits else "<p>No limit of this broker is known.</p>"
    owners = [f"{percent(owner.share)} {printable(owner.name)}" for owner in view.owners[:MAX_OWNERS]]
    used = f'<p class="soft">Memory is used by: {escape(", ".join(owners))}</p>' if owners else ""
    return shown + used


def show_limit(capacity: Capacity) -> str:
    """One limit."""
    text = f"{capacity.limit.name}: {capacity.limit.usage}"
    if capacity.forecast and not capacity.full:
        text += f", full in {format_forecast(capacity.forecast)} at this rate"
    return bar(capacity.ratio, text)
