"""A RabbitMQ of the user's: how it is opened, by kombu, which comes with Celery, and what can go wrong.

What is done here changes nothing on the queues: they are declared passively. Workers' events come to a queue
of its own, exclusive to this connection, which goes with it.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from slowtask.errors import BrokerError, UsageError
from slowtask.watch.broker.heartbeats import EXCHANGE
from slowtask.watch.broker.redis import one_line, redacted_url

CONNECT: Final = 5.0  #: seconds
ANSWER: Final = 10.0  #: seconds
#: Of the queue of events: it holds few, and not for long.
HELD: Final = {"x-message-ttl": 15_000, "x-max-length": 10_000, "x-expires": 120_000}


class Amqp:
    """A connection to the RabbitMQ at *url*, opened when it is needed, and again when it has broken."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.split(";", maxsplit=1)[0])
        if parts.scheme not in ("amqp", "amqps", "pyamqp") or not parts.hostname:
            raise UsageError(
                f"{redacted_url(url)} is no address of a RabbitMQ: amqp://user:password@host/vhost."
            )
        self._url = url
        self.name = redacted_url(url)
        self.host = parts.hostname
        self.user = unquote(parts.username or "guest")
        self.password = unquote(parts.password or "guest")
        self.vhost = unquote(parts.path[1:]) or "/"
        self._connection: Any = None
        self._channel: Any = None
        self._events: Any = None
        self._heard: list[bytes] = []
        self.deaf: str | None = None  #: why workers can't be heard, where this user may not

    def depths(self, queues: Sequence[str]) -> dict[str, tuple[int, int]]:
        """How many tasks are ready in each of *queues*, and who takes from it: now, not of late.

        What isn't there is left out. A broken connection is opened again, once. Raises `BrokerError`.
        """
        with self._said():
            found: dict[str, tuple[int, int]] = self._again(lambda: self._depths(queues))
        return found

    def events(self) -> list[bytes]:
        """What workers have sent since, in JSON. Raises `BrokerError`."""
        with self._said():
            if self.deaf is None:
                self._again(self._listen)
                self._drain()
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        """End the connection, and with it the queue of events."""
        connection, self._connection, self._channel, self._events = self._connection, None, None, None
        if connection is not None:
            with suppress(Exception):  # it may be broken in any way
                connection.release()

    def _again(self, act: Callable[[], Any]) -> Any:
        """What *act* returns, at the second try where the connection was broken."""
        fresh = self._connection is None
        try:
            return act()
        except self._broken():
            self.close()
            if fresh:
                raise
            return act()

    def _open(self) -> Any:
        """A channel for questions."""
        if self._connection is None:
            kombu = importlib.import_module("kombu")
            self._connection = kombu.Connection(self._url, connect_timeout=CONNECT, heartbeat=0)
            self._connection.connect()
        if self._channel is None:
            self._channel = self._connection.channel()
        return self._channel

    def _depths(self, queues: Sequence[str]) -> dict[str, tuple[int, int]]:
        """As `depths`."""
        channel, found = self._open(), {}
        for name in queues:
            with suppress(*_errors("NotFound", "ResourceLocked")):
                said = channel.queue_declare(name, passive=True)
                found[name] = (said.message_count, said.consumer_count)
        return found

    def _listen(self) -> None:
        """Have the workers' events sent here, unless that is done."""
        self._open()
        if self._events is not None:
            return
        channel, name = self._connection.channel(), f"{EXCHANGE}.slowtask-{token_hex(8)}"
        try:
            channel.queue_declare(name, durable=False, exclusive=True, auto_delete=True, arguments=HELD)
            channel.queue_bind(name, EXCHANGE, "worker.#")
            channel.basic_consume(name, no_ack=True, callback=self._take)
        except _errors("NotFound"):  # no worker has ever been here
            channel.close()
        except _errors("AccessRefused"):
            self.deaf = f"{self.name} lets this user hear no workers: see the rights in docs/monitor.md."
            channel.close()
        else:
            self._events = channel

    def _take(self, message: Any) -> None:
        """Keep the body of *message*; what isn't JSON is nobody's event."""
        if message.content_type == "application/json":
            body = message.body
            self._heard.append(body if isinstance(body, bytes) else str(body).encode())

    def _drain(self) -> None:
        """Take all that has come."""
        if self._events is None:
            return
        with suppress(TimeoutError):
            while True:
                self._connection.drain_events(timeout=0.001)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Turn what kombu raises into a `BrokerError`: one line."""
        try:
            yield
        except _errors("AccessRefused"):
            self.close()
            raise BrokerError(
                f"{self.name} refuses the name or password, or this user the queue: check both."
            ) from None
        except _errors("NotAllowed") as error:
            self.close()
            raise BrokerError(self._no_vhost(one_line(error))) from None
        except self._broken() as error:
            self.close()
            raise BrokerError(
                f"{self.name} can't be reached ({one_line(error)}): is it running there?"
            ) from None

    def _no_vhost(self, said: str) -> str:
        """What is wrong with the virtual host."""
        if "not found" in said:
            return f"{self.name} has no virtual host {self.vhost!a}: correct what follows its port."
        return f"{self.name} lets this user not into {self.vhost!a}: see the rights in docs/monitor.md."

    def _broken(self) -> tuple[type[Exception], ...]:
        """What a connection that is gone raises."""
        exceptions = importlib.import_module("amqp.exceptions")
        return (exceptions.AMQPError, OSError, EOFError)


def _errors(*names: str) -> tuple[type[Exception], ...]:
    """py-amqp's, imported late."""
    exceptions = importlib.import_module("amqp.exceptions")
    return tuple(getattr(exceptions, name) for name in names)
