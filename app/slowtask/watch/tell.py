"""WATCH: alerts to people, by Apprise: a channel that fails is tried again, and never stops the monitor."""

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
from slowtask.watch.alarm import Told

log = logging.getLogger("slowtask.monitor")

TRIES: Final = 5
PAUSE: Final = 10.0  #: seconds before the second try; twice as long before each that follows
WAITING: Final = 1000  #: messages that may wait; the newest is given up when there are more
Message = tuple[State, str, str]  #: state, title, body
Send = Callable[[State, str, str], bool]
#: What Apprise calls them: a channel shows them in a colour or by a sign.
KINDS: Final[Mapping[State, str]] = {"ok": "success", "warning": "warning", "critical": "failure"}


def title(told: Told, broker: str = "") -> str:
    """`CRITICAL: broker-capacity of redis://…`; that of a queue names the *broker* it is at."""
    word = "OVER" if told.state == "ok" else told.state.upper()
    again = " (still)" if told.kind == "repeat" else ""
    at = f" at {broker}" if broker and told.finding.queue else ""
    return f"{word}{again}: {told.finding.name} of {printable(told.finding.subject)}{at}"


def body(told: Told, dashboard: str = "") -> str:
    """The figures, the forecast, the tasks to blame, how long it was so, and the link."""
    lasted = f"It was {told.before} for {duration(told.lasted)}." if told.state == "ok" else ""
    return "\n".join(filter(None, (told.finding.message, lasted, dashboard)))


class Channels:
    """Sends messages to all of the channels, each by itself, from a thread of its own."""

    def __init__(self, senders: Sequence[tuple[str, Send]], pause: float = PAUSE) -> None:
        self._senders = senders
        self._pause = pause
        self._messages: queue.Queue[Message | None] = queue.Queue(WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="slowtask-channels", daemon=True)
        self._thread.start()

    def send(self, state: State, heading: str, text: str) -> None:
        """Have it sent; never waits, never raises."""
        try:
            self._messages.put_nowait((state, heading, text))
        except queue.Full:
            log.warning("a message is given up, %d are waiting: %s", WAITING, heading)

    def stop(self, patience: float = 5.0) -> None:
        """Send what waits, as far as *patience* seconds allow."""
        self._messages.put(None)
        self._thread.join(patience)
        self._stopping.set()

    def _work(self) -> None:
        """The thread."""
        while (message := self._messages.get()) is not None:
            for name, send in self._senders:
                if not self._sent(name, send, message):
                    log.error("%s could not be told, after %d tries: %s", name, TRIES, message[1])

    def _sent(self, name: str, send: Send, message: Message) -> bool:
        """Whether one channel took it, in the end."""
        pause = self._pause
        for left in reversed(range(TRIES)):
            if attempt(name, send, message):
                return True
            if left and self._stopping.wait(pause):
                return False
            pause *= 2
        return False


def attempt(name: str, send: Send, message: Message) -> bool:
    """Whether the channel *name* takes *message* now."""
    try:
        return send(*message)
    except Exception as error:  # noqa: BLE001 - whatever a channel's library raises
        log.warning("%s failed: %s: %s", name, type(error).__name__, error)
        return False


def senders(urls: Sequence[str]) -> list[tuple[str, Send]]:
    """What sends to each of Apprise's *urls*. Raises `UsageError` naming all that are none."""
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
    if wrong:  # an address holds secrets: its place is named, not itself
        raise UsageError(f"channel {', '.join(map(str, wrong))} is no address that Apprise knows.")
    return [(f"{kind} ({place})", _sender(channel)) for place, (kind, channel) in enumerate(found, 1)]


def _sender(channel: Any) -> Send:
    """What sends to one of Apprise's channels."""

    def send(state: State, heading: str, text: str) -> bool:
        return bool(channel.notify(title=heading, body=text, notify_type=KINDS[state]))

    return send


def tried(urls: Sequence[str]) -> list[tuple[str, bool, float]]:
    """Send a test to each channel: its name, whether it took it, and the seconds that took."""
    found = []
    for name, send in senders(urls):
        start = time.monotonic()
        taken = attempt(
            name, send, ("ok", "TEST: slowtask", "This is a test of slowtask monitor: nothing is wrong.")
        )
        found.append((name, taken, time.monotonic() - start))
    return found
