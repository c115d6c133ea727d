"""WATCH: sends alerts to people by Apprise; a channel that fails is tried again, and stops nothing."""

import importlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from slowtask.errors import UsageError
from slowtask.record.sample import State
from slowtask.units import duration, printable
from slowtask.watch.alerts import Notification

log = logging.getLogger("slowtask.monitor")

MAX_TRIES: Final = 5
FIRST_RETRY_PAUSE: Final = 10.0  #: seconds before the second try; twice as long before each that follows
MAX_WAITING: Final = 1000  #: messages that may wait; the newest is given up when there are more
Message = tuple[State, str, str]  #: state, title, body
Send = Callable[[State, str, str], bool]
#: What Apprise calls them: a channel shows them in a colour or by a sign.
APPRISE_TYPES: Final[Mapping[State, str]] = {"ok": "success", "warning": "warning", "critical": "failure"}


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


class Channels:
    """Sends messages to all channels, one after the other, from a thread of its own."""

    def __init__(self, senders: Sequence[tuple[str, Send]], pause: float = FIRST_RETRY_PAUSE) -> None:
        self._senders = senders
        self._pause = pause
        self._messages: queue.Queue[Message | None] = queue.Queue(MAX_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._deliver_all, name="slowtask-channels", daemon=True)
        self._thread.start()

    def send(self, state: State, heading: str, text: str) -> None:
        """Queue a message; never waits, never raises."""
        try:
            self._messages.put_nowait((state, heading, text))
        except queue.Full:
            log.warning(
                "an alert isn't sent, since %d others still wait for their channels: %s", MAX_WAITING, heading
            )

    def stop(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most *timeout* seconds."""
        self._messages.put(None)
        self._thread.join(timeout)
        self._stopping.set()

    def _deliver_all(self) -> None:
        """Send messages until `stop`."""
        while (message := self._messages.get()) is not None:
            for name, send in self._senders:
                if not self._deliver(name, send, message):
                    log.error("%s: an alert could not be sent in %d tries: %s", name, MAX_TRIES, message[1])

    def _deliver(self, name: str, send: Send, message: Message) -> bool:
        """Send *message* to one channel, with retries; returns whether it was taken."""
        pause = self._pause
        for left in reversed(range(MAX_TRIES)):
            if try_send(name, send, message):
                return True
            if left and self._stopping.wait(pause):
                return False
            pause *= 2
        return False


def try_send(name: str, send: Send, message: Message) -> bool:
    """Send *message* to the channel *name* once; returns whether it was taken."""
    try:
        return send(*message)
    except Exception as error:  # noqa: BLE001 - whatever a channel's library raises
        log.warning("%s failed: %s: %s", name, type(error).__name__, error)
        return False


def open_senders(urls: Sequence[str]) -> list[tuple[str, Send]]:
    """A sender for each of Apprise's *urls*, by name. Raises `UsageError` for invalid ones."""
    if not urls:
        return []
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise UsageError("channels need Apprise: pip install 'slowtask[monitor]'.") from None
    found = [
        (url.partition(":")[0], apprise.Apprise.instantiate(url, suppress_exceptions=True)) for url in urls
    ]
    wrong = [place for place, (_, channel) in enumerate(found, 1) if channel is None]
    if wrong:  # an address holds secrets: it is reported by its position
        raise UsageError(
            f"channel {', '.join(map(str, wrong))} of the channels isn't an address that Apprise knows."
            " See https://github.com/caronc/apprise for their form."
        )
    return [(f"{kind} ({place})", _sender(channel)) for place, (kind, channel) in enumerate(found, 1)]


def _sender(channel: Any) -> Send:
    """A sender for one of Apprise's channels."""

    def send(state: State, heading: str, text: str) -> bool:
        return bool(channel.notify(title=heading, body=text, notify_type=APPRISE_TYPES[state]))

    return send


def try_channels(urls: Sequence[str]) -> list[tuple[str, bool, float]]:
    """Send a test to each channel; returns its name, whether it was taken, and the seconds that took."""
    found = []
    for name, send in open_senders(urls):
        start = time.monotonic()
        taken = try_send(
            name, send, ("ok", "TEST: slowtask", "This is a test of slowtask monitor. Nothing is wrong.")
        )
        found.append((name, taken, time.monotonic() - start))
    return found
