"""Start a temporary RabbitMQ node on loopback, for experiments and tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Self
from urllib.error import HTTPError

from slowtask.demo.rabbitmq.admin import ANSWER_TIMEOUT, RabbitMQAdmin
from slowtask.demo.server import free_port
from slowtask.errors import BrokerError

#: Debian's programs; the ones on PATH there switch to a user of their own and to that user's folder.
DEBIAN_PROGRAMS: Final = Path("/usr/lib/rabbitmq/bin")
START_TIMEOUT: Final = 90.0  #: seconds
PAUSE: Final = 0.1  #: seconds between two tries to connect
LOOPBACK: Final = "127.0.0.1"
ERLANG_ARGUMENTS: Final = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
USER: Final = "slowtask"
MANAGEMENT: Final = "rabbitmq_management"


class RabbitMQ(RabbitMQAdmin):
    """A temporary node on loopback: `with RabbitMQ(folder) as node: node.url`.

    Args:
        folder: For its files.
        plugins: The plugins to enable.
        conf: Further lines of `rabbitmq.conf`.
        advanced: The text of `advanced.config`.
        beside: The node whose cluster it joins.
    """

    def __init__(
        self,
        folder: Path,
        *,
        plugins: Sequence[str] = (MANAGEMENT,),
        conf: Mapping[str, str] | None = None,
        advanced: str = "",
        beside: "RabbitMQ | None" = None,
    ) -> None:
        self._folder = folder
        self._plugins = plugins
        self._advanced = advanced
        self._beside = beside
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.epmd_port: int = beside.epmd_port if beside else free_port()
        self.cookie: str = beside.cookie if beside else token_hex(16)
        password = beside._password if beside else token_hex(16)  # noqa: SLF001 - the same class
        self.port, port = free_port(), free_port()
        self.node = f"slowtask{self.port}@localhost"
        super().__init__(f"amqp://{USER}:{password}@{LOOPBACK}:{self.port}/", f"http://{LOOPBACK}:{port}")
        self._conf = self._defaults(str(port)) | dict(conf or {})

    def _defaults(self, port: str) -> dict[str, str]:
        """The settings of `rabbitmq.conf` that each node has."""
        lines = {
            "listeners.tcp.default": f"{LOOPBACK}:{self.port}",
            "default_user": USER,
            "default_pass": self._password,
        }
        if MANAGEMENT in self._plugins:
            lines |= {"management.tcp.ip": LOOPBACK, "management.tcp.port": port}
        if self._beside:
            nodes = {"cluster_formation.classic_config.nodes.1": self._beside.node}
            lines |= {"cluster_formation.peer_discovery_backend": "classic_config"} | nodes
        return lines

    @property
    def pid(self) -> int:
        """The process ID of the node; 0 if it doesn't run."""
        return self._process.pid if self._process else 0

    @property
    def epmd_pid(self) -> int:
        """The process ID of epmd, by which nodes find each other; 0 if another node started it."""
        return self._epmd.pid if self._epmd else 0

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Start it, and return when it answers. Raises `BrokerError`."""
        program = find_program("rabbitmq-server")
        self._write_configuration()
        log = self._folder / "rabbitmq.log"
        environment = self.environment
        with log.open("ab") as output:
            if self._beside is None:
                self._epmd = self._spawn(["epmd", "-port", str(self.epmd_port)], output, environment)
                # A node that finds no epmd starts its own, which would stay.
                await_listener(self.epmd_port)
            self._process = self._spawn([program], output, environment)
        self._await_answer(log)

    def stop(self) -> None:
        """Stop it, and return when it has ended."""
        for process in (self._process, self._epmd):
            if process:
                process.terminate()
                process.wait()
        self._process = self._epmd = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the node and `rabbitmqctl` find their files and each other."""
        folder = self._folder
        return os.environ | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            # The default file belongs to the machine's own node.
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGUMENTS,
            # Makes the script become the node, so that its process is the one to stop.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def ctl(self, *arguments: str) -> str:
        """Call `rabbitmqctl` with *arguments* and return its output. Raises `BrokerError`."""
        command = [find_program("rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"rabbitmqctl {arguments[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def _write_configuration(self) -> None:
        """Write the configuration files."""
        lines = (f"{name} = {value}\n" for name, value in self._conf.items())
        (self._folder / "rabbitmq.conf").write_text("".join(lines))
        (self._folder / "advanced.config").write_text(self._advanced or "[].\n")
        (self._folder / "enabled_plugins").write_text(f"[{','.join(self._plugins)}].\n")
        cookie = self._folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(self.cookie)
            cookie.chmod(0o400)

    def _spawn(
        self, command: list[str], output: Any, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a process of the node; its output goes to *output*."""
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, cwd=self._folder,
        )  # fmt: skip

    def _await_answer(self, log: Path) -> None:
        """Return when it takes messages and its management plugin, if any, answers. Raises `BrokerError`."""
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self._process and self._process.poll() is None:
            with suppress(OSError, HTTPException, HTTPError):
                open_connection(self.port)
                if MANAGEMENT in self._plugins:
                    self.ask("GET", "/whoami")
                return
            time.sleep(PAUSE)
        self.stop()
        raise BrokerError(f"rabbitmq-server didn't start: see {log}.")


def await_listener(port: int) -> None:
    """Return when a process listens on *port* of loopback. Raises `BrokerError`."""
    end = time.monotonic() + ANSWER_TIMEOUT
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=ANSWER_TIMEOUT):
            return
        time.sleep(PAUSE)
    raise BrokerError(f"epmd doesn't listen on port {port}: is Erlang installed?")


def open_connection(port: int) -> None:
    """Check that the RabbitMQ on *port* of loopback accepts a connection. Raises `OSError`."""
    with socket.create_connection((LOOPBACK, port), timeout=ANSWER_TIMEOUT) as connection:
        connection.settimeout(ANSWER_TIMEOUT)
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        if not connection.recv(1):
            raise OSError("the connection was closed")


def find_program(name: str) -> str:
    """Find a program of RabbitMQ. Raises `BrokerError` if there is none."""
    if (DEBIAN_PROGRAMS / name).exists():
        return str(DEBIAN_PROGRAMS / name)
    if path := shutil.which(name):
        return path
    raise BrokerError(f"there is no {name} on PATH: install RabbitMQ.")
