"""WATCH: sends alerts to people. Each channel has its own queue, thread and time limit: none delays another.

A channel that fails is tried again until it takes the message. If it was down for long, it gets the newest
state of each alert, not every change that it missed.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from slowtask.record.sample import State
from slowtask.units import duration, plural

log = logging.getLogger("slowtask.monitor")

SEND_LIMIT: Final = 20.0  #: seconds that a send may take; then it counts as failed
FIRST_RETRY_PAUSE: Final = 5.0  #: seconds before the second try; twice as long before each that follows
MAX_RETRY_PAUSE: Final = 60.0
MAX_AGE: Final = 86_400.0  #: seconds after which a message that no try could deliver is dropped
MAX_WAITING: Final = 1000  #: messages that may wait for one channel; the oldest is dropped if there are more
MAX_STUCK: Final = 3  #: threads of one channel that may hang in its library; then it isn't tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one alert tells a channel now."""

    key: tuple[str, ...]  #: names the alert: a newer message replaces an older one that still waits
    state: State
    title: str
    body: str
    made: float = field(default_factory=time.monotonic)  #: seconds


Send = Callable[[Message], bool]


class Channel:
    """Sends messages to one channel, from a thread of its own.

    Args:
        name: For the log; never the address, which holds a secret.
        send: Sends one message, and returns whether it was taken. It may raise, and it may hang.
        limit: Seconds that a send may take.
        pause: Seconds before the second try.
    """

    def __init__(
        self, name: str, send: Send, *, limit: float = SEND_LIMIT, pause: float = FIRST_RETRY_PAUSE
    ) -> None:
        self.name = name
        self._sender = Sender(name, send, limit)
        self._pause = pause
        self._waiting: dict[tuple[str, ...], Message] = {}  #: the oldest first
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._deliver_all, name=f"slowtask-{name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Queue *message* in place of an older one about the same alert; never waits, never raises."""
        with self._changed:
            self._waiting.pop(message.key, None)
            self._waiting[message.key] = message
            if len(self._waiting) > MAX_WAITING:
                dropped = self._waiting.pop(next(iter(self._waiting)))
                log.warning(
                    "%s: %d alerts wait to be sent; the oldest is dropped: %s",
                    self.name, MAX_WAITING, dropped.title,
                )  # fmt: skip
            self._changed.notify()

    def stop(self) -> None:
        """Try once more to send what waits, then end; `join` waits for that."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()

    def join(self, timeout: float) -> None:
        """Wait at most *timeout* seconds for the end."""
        self._thread.join(timeout)

    def _deliver_all(self) -> None:
        """Send messages until `stop`."""
        failures, failing_since = 0, 0.0
        while (message := self._take()) is not None:
            if self._sender.try_send(message, quiet=not is_power_of_two(failures + 1)):
                if failures:
                    lasted = duration(time.monotonic() - failing_since)
                    log.info("%s works again, after %s.", self.name, lasted)
                failures = 0
                continue
            failures, failing_since = failures + 1, failing_since if failures else time.monotonic()
            self._put_back(message)
            self._stopping.wait(min(MAX_RETRY_PAUSE, self._pause * 2 ** min(failures - 1, 10)))

    def _take(self) -> Message | None:
        """Wait for a message; None if there is none and there will be none."""
        with self._changed:
            while not self._waiting and not self._stopping.is_set():
                self._changed.wait()
            return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None

    def _put_back(self, message: Message) -> None:
        """Queue *message* again behind the others, so that one that is always refused blocks none of them."""
        late = time.monotonic() - message.made > MAX_AGE
        with self._changed:
            if message.key in self._waiting:  # there is newer to tell
                return
            if late or self._stopping.is_set():
                log.error("%s: an alert could not be sent: %s", self.name, message.title)
                return
            self._waiting[message.key] = message


class Sender:
    """Calls *send* in a thread for each message, and gives it up after *limit* seconds.

    A call that hangs can't be ended: its thread is left behind. While `MAX_STUCK` of them hang, none begins.
    """

    def __init__(self, name: str, send: Send, limit: float = SEND_LIMIT) -> None:
        self._name = name
        self._send = send
        self._limit = limit
        self._stuck: list[threading.Thread] = []

    def try_send(self, message: Message, *, quiet: bool = False) -> bool:
        """Send *message* once; returns whether it was taken. If *quiet*, a failure isn't logged."""
        problem = self._find_problem(message)
        if problem and not quiet:
            log.warning("%s failed: %s", self._name, problem)
        return not problem

    def _find_problem(self, message: Message) -> str | None:
        """Send *message*; returns why that failed."""
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if len(self._stuck) >= MAX_STUCK:
            return f"{plural(len(self._stuck), 'send')} hang in it, so none is tried until one of them ends."
        problems: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        thread = threading.Thread(
            target=lambda: problems.put(self._call(message)), name=f"slowtask-{self._name}-send", daemon=True
        )
        thread.start()
        try:
            return problems.get(timeout=self._limit)
        except queue.Empty:
            self._stuck.append(thread)
            return (
                f"no answer within {duration(self._limit)}. This send is given up, though its thread hangs."
            )

    def _call(self, message: Message) -> str | None:
        """Call *send*; returns why it failed."""
        try:
            return None if self._send(message) else "it didn't take the message."
        except Exception as error:  # noqa: BLE001 - whatever a channel's library raises
            return f"{type(error).__name__}: {error}"


class Channels:
    """All channels. Each gets every message."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels

    def send(self, message: Message) -> None:
        """Queue *message* for each channel; never waits, never raises."""
        for channel in self._channels:
            channel.put(message)

    def stop(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most *timeout* seconds in all."""
        end = time.monotonic() + timeout
        for channel in self._channels:
            channel.stop()
        for channel in self._channels:
            channel.join(max(0.0, end - time.monotonic()))


def is_power_of_two(number: int) -> bool:
    """Whether *number* is 1, 2, 4, …: failures are logged less and less often."""
    return number & (number - 1) == 0
