"""Listen at an address and serve the application until a signal ends it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from slowtask.errors import UsageError

MAX_CONNECTIONS: Final = 1000
MAX_HEAD: Final = 16_384  #: bytes of a request
KEEP_ALIVE: Final = 20  #: seconds
SHUTDOWN: Final = 1  #: seconds that answers have to be sent when the server ends


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
        http="h11",
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
