"""A way to a server that a test can open and close, as if the server were away."""

import socket
import threading
from contextlib import suppress

BLOCK = 65536  # bytes


class Gate:
    """Listens at `port`, and hands on to *target* of loopback while `open` is set; else it hangs up."""

    def __init__(self, target):
        self._target, self.open = target, threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        """Listen no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self):
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._admit(client)

    def _admit(self, client):
        if not self.open.is_set():
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # the server is away
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=hand_on, args=(one, other), daemon=True).start()


def hand_on(one, other):
    """Send what comes from *one* to *other*, until either ends."""
    with suppress(OSError):
        while block := one.recv(BLOCK):
            other.sendall(block)
    for each in (one, other):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
