"""Listen at an address and serve the application until a signal ends it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from slowtask.errors import UsageError

MAX_CONNECTIONS: Final = 1000
MAX_HEAD: Final = 16_384  #: bytes of a request
KEEP_ALIVE: Final = 20  #: seconds
HEAD_LIMIT: Final = 20  #: seconds that the head of a request may take
SHUTDOWN: Final = 1  #: seconds that answers have to be sent when the server ends


class Connection(H11Protocol):
    """Closes a connection whose request doesn't come, or only in part: many of them would keep others out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._limit_wait()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._limit_wait()

    def _limit_wait(self) -> None:
        self.loop.call_later(HEAD_LIMIT, self._end_wait, self.cycle)

    def _end_wait(self, last: object) -> None:
        """Close the connection if no request came after the *last* one, which is answered."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if self.cycle is last and is_answered and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Uvicorn, which leaves the signals to us: an end that was asked for is a success."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End the server at a signal. Another one changes nothing: its end is bounded."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """Listen at *host* and *port*. Raises `UsageError` if that isn't possible."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(MAX_CONNECTIONS)
    except OSError as error:
        raise UsageError(
            f"{host}:{port} can't be listened at ({error.strerror}): choose another address by --listen."
        ) from None
    return listener


def make_server(app: ASGIApp) -> Server:
    """Make what serves *app*. It logs no requests, since their URLs may hold a token."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=Connection,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=SHUTDOWN,
    )
    return Server(config)
