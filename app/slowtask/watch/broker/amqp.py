"""Connect to a user's RabbitMQ by AMQP, with kombu, which comes with Celery.

Nothing here changes the user's queues: they are declared passively. The workers' events arrive in a queue of
its own, which is exclusive to this connection and is deleted with it.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from slowtask.errors import BrokerError, UsageError
from slowtask.watch.broker.heartbeats import EVENT_EXCHANGE, events_denied_message
from slowtask.watch.broker.redis import one_line, redacted_url, unreachable_message

CONNECT_TIMEOUT: Final = 5.0  #: seconds
DRAIN_TIMEOUT: Final = 0.001  #: seconds to wait for one more event
#: The queue of events holds few, and none for long: ms, messages, ms.
EVENT_QUEUE_ARGUMENTS: Final = {"x-message-ttl": 15_000, "x-max-length": 10_000, "x-expires": 120_000}


class Amqp:
    """A connection to the RabbitMQ at *url*. It is opened when it is needed, and again after it broke."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.split(";", maxsplit=1)[0])
        if parts.scheme not in ("amqp", "amqps", "pyamqp") or not parts.hostname:
            raise UsageError(
                f"{redacted_url(url)} isn't a valid address of a RabbitMQ: write amqp://user:password@host/vhost."
            )
        self._url = url
        self.name = redacted_url(url)
        self.host = parts.hostname
        self.user = unquote(parts.username or "guest")
        self.password = unquote(parts.password or "guest")
        self.vhost = unquote(parts.path[1:]) or "/"
        self._connection: Any = None
        self._channel: Any = None
        self._event_channel: Any = None
        self._events: list[bytes] = []
        self.events_denied: str | None = None  #: why events can't be received, if this user may not

    def read_depths(self, queues: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return how many tasks wait in each of *queues* at this moment, and how many consumers it has.

        Queues that don't exist are left out. Raises `BrokerError`.
        """
        with self._translate_errors():
            depths: dict[str, tuple[int, int]] = self._with_reconnect(lambda: self._declare_passively(queues))
        return depths

    def receive_events(self) -> list[bytes]:
        """Return the events, in JSON, that workers have sent since the last call. Raises `BrokerError`."""
        with self._translate_errors():
            if self.events_denied is None:
                self._with_reconnect(self._subscribe)
                self._drain_events()
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Close the connection, and with it the queue of events."""
        connection = self._connection
        self._connection = self._channel = self._event_channel = None
        if connection is not None:
            with suppress(Exception):  # it may be broken in any way
                connection.release()

    def _with_reconnect(self, act: Callable[[], Any]) -> Any:
        """Return what *act* returns; if an older connection has broken, open a new one and try once more."""
        is_new = self._connection is None
        try:
            return act()
        except self._connection_errors():
            self.close()
            if is_new:
                raise
            return act()

    def _open_channel(self) -> Any:
        """Return the channel for declarations, and connect if needed."""
        if self._connection is None:
            kombu = importlib.import_module("kombu")
            self._connection = kombu.Connection(self._url, connect_timeout=CONNECT_TIMEOUT, heartbeat=0)
            self._connection.connect()
        if self._channel is None:
            self._channel = self._connection.channel()
        return self._channel

    def _declare_passively(self, queues: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the depth and the consumers of each of *queues*."""
        channel, depths = self._open_channel(), {}
        for name in queues:
            with suppress(*_amqp_errors("NotFound", "ResourceLocked")):
                declared = channel.queue_declare(name, passive=True)
                depths[name] = (declared.message_count, declared.consumer_count)
        return depths

    def _subscribe(self) -> None:
        """Make the queue of events and consume it, unless that is done."""
        self._open_channel()
        if self._event_channel is not None:
            return
        channel, name = self._connection.channel(), f"{EVENT_EXCHANGE}.slowtask-{token_hex(8)}"
        try:
            channel.queue_declare(
                name, durable=False, exclusive=True, auto_delete=True, arguments=EVENT_QUEUE_ARGUMENTS
            )
            channel.queue_bind(name, EVENT_EXCHANGE, "worker.#")
            channel.basic_consume(name, no_ack=True, callback=self._take_event)
        except _amqp_errors("NotFound"):  # no worker has ever been here
            channel.close()
        except _amqp_errors("AccessRefused"):
            self.events_denied = events_denied_message(self.name)
            channel.close()
        else:
            self._event_channel = channel

    def _take_event(self, message: Any) -> None:
        """Keep the body of *message* if it is JSON: nothing else is an event."""
        if message.content_type == "application/json":
            body = message.body
            self._events.append(body if isinstance(body, bytes) else str(body).encode())

    def _drain_events(self) -> None:
        """Take all events that have arrived."""
        if self._event_channel is None:
            return
        with suppress(TimeoutError):
            while True:
                self._connection.drain_events(timeout=DRAIN_TIMEOUT)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Turn the errors of kombu into a `BrokerError` of one line, and close the connection."""
        try:
            yield
        except _amqp_errors("AccessRefused"):
            self.close()
            raise BrokerError(
                f"{self.name} rejects the user name or password, or denies this user a queue:"
                " check the address, and the user's rights in docs/monitor.md."
            ) from None
        except _amqp_errors("NotAllowed") as error:
            self.close()
            raise BrokerError(self._vhost_message(one_line(error))) from None
        except self._connection_errors() as error:
            self.close()
            raise BrokerError(unreachable_message(self.name, error)) from None

    def _vhost_message(self, reason: str) -> str:
        """Say what is wrong with the virtual host, by RabbitMQ's *reason*."""
        if "not found" in reason:
            return f"{self.name} has no virtual host {self.vhost!a}: correct the end of the address."
        return (
            f"{self.name} doesn't let this user into the virtual host {self.vhost!a}:"
            " give the user the rights in docs/monitor.md."
        )

    def _connection_errors(self) -> tuple[type[Exception], ...]:
        """Return the errors that a broken connection raises."""
        exceptions = importlib.import_module("amqp.exceptions")
        return (exceptions.AMQPError, OSError, EOFError)


def _amqp_errors(*names: str) -> tuple[type[Exception], ...]:
    """Return errors of py-amqp, which is imported only when it is needed."""
    exceptions = importlib.import_module("amqp.exceptions")
    return tuple(getattr(exceptions, name) for name in names)
