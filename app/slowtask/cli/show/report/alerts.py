"""The section of a report that says what the monitor said: the changes of alerts, in order of time."""

from collections.abc import Sequence
from html import escape
from typing import Final

from slowtask.record.sample import Alert
from slowtask.units import plural, printable

MAX_SHOWN: Final = 100
MAX_TEXT: Final = 600  #: characters of a message


def alerts_section(alerts: Sequence[Alert]) -> str:
    """The HTML of the section; empty if there are no *alerts*."""
    if not alerts:
        return ""
    text = "Each change of an alert, in order of time."
    if (earlier := len(alerts) - MAX_SHOWN) > 0:
        text += f" {plural(earlier, 'earlier one')} left out."
    items = "\n".join(map(_item, alerts[-MAX_SHOWN:]))
    return (
        f'<section class="card">\n<h2>What the monitor said</h2>\n<p class="soft">{text}</p>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="What the monitor said">'
        f'<ol class="said">\n{items}\n</ol></div>\n</section>'
    )


def _item(alert: Alert) -> str:
    """The HTML of one change: when, the state, the alert, its message, and what it follows from."""
    time = f"{alert.timestamp.day} {alert.timestamp:%b %Y %H:%M:%S}"
    mark = "bad" if alert.state == "critical" else "soft" if alert.state == "ok" else "name"
    word = "resolved" if alert.state == "ok" else alert.state
    queue = f" {printable(alert.queue)}" if alert.queue else ""
    follows = f" (follows from {alert.cause})" if alert.cause else ""
    said = printable(alert.message or "")[:MAX_TEXT]
    head = f'<time>{time}</time> <b class="{mark}">{word}</b> {escape(alert.name + queue + follows)}'
    return f"<li>{head}<br>{escape(said)}</li>"
