"""WATCH: the text of an alert for a channel: a title for a phone's lock screen, then the body."""

from slowtask.units import duration, printable
from slowtask.watch.alerts import Notification
from slowtask.watch.tell import Message


def make_message(notification: Notification, broker: str = "", dashboard: str = "") -> Message:
    """What a channel is sent about *notification*, of the broker of that name."""
    finding = notification.finding
    return Message(
        key=(broker, finding.name, finding.subject),
        state=notification.state,
        title=title(notification, broker),
        body=body(notification, dashboard),
    )


def title(notification: Notification, broker: str = "") -> str:
    """`CRITICAL: broker-capacity of redis://…`; the title of a queue's alert names its *broker* too."""
    word = "RESOLVED" if notification.state == "ok" else notification.state.upper()
    again = " (still)" if notification.kind == "repeat" else ""
    at = f" at {broker}" if broker and notification.finding.queue else ""
    return f"{word}{again}: {notification.finding.name} of {printable(notification.finding.subject)}{at}"


def body(notification: Notification, dashboard: str = "") -> str:
    """The message, how long a resolved alert lasted, and the link to the *dashboard*."""
    lasted = (
        f"It was {notification.before} for {duration(notification.lasted)}."
        if notification.state == "ok"
        else ""
    )
    return "\n".join(filter(None, (notification.finding.message, lasted, dashboard)))
