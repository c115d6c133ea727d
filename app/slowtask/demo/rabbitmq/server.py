"""A RabbitMQ for demonstrations and tests: a node of our own, on loopback, or one that is named."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

from slowtask.demo.server import free_port
from slowtask.errors import BrokerError

#: Debian's; the one on PATH there changes to a user of its own, and to that user's folder.
DEBIAN: Final = Path("/usr/lib/rabbitmq/bin")
PATIENCE: Final = 90.0  #: seconds until it answers
PAUSE: Final = 0.1  #: seconds between two tries
ANSWER: Final = 60.0  #: seconds for one answer of the management API
LOOPBACK: Final = "127.0.0.1"
ERLANG: Final = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
USER: Final = "slowtask"
MANAGEMENT: Final = "rabbitmq_management"


class Given:
    """The RabbitMQ at *url*, by one who may do everything there, and its management plugin."""

    def __init__(self, url: str, management: str) -> None:
        parts = urlsplit(url)
        self.url = url  #: where it takes tasks
        self.management = management
        self._user, self._password = parts.username or "guest", parts.password or "guest"
        self._place = f"{parts.hostname}:{parts.port or 5672}"

    def vhost_url(self, vhost: str, user: str | None = None, password: str | None = None) -> str:
        """The address of *vhost*, by default as the one who may do everything."""
        name = "" if vhost == "/" else quote(vhost, safe="")
        who = f"{user or self._user}:{password or self._password}"
        return f"amqp://{who}@{self._place}/{name}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the management API answers, as the one who may do everything. Raises `HTTPError`."""
        token = b64encode(f"{self._user}:{self._password}".encode()).decode()
        request = urllib.request.Request(f"{self.management}/api{path}", method=method)  # noqa: S310 - http
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=ANSWER) as answer:  # noqa: S310 - see above
            text = answer.read()
        return json.loads(text) if text else None

    def add_vhost(self, name: str) -> str:
        """Make the virtual host *name*; its address."""
        self.ask("PUT", f"/vhosts/{quote(name, safe='')}")
        self.permit(self._user, name)
        return self.vhost_url(name)

    def drop_vhost(self, name: str) -> None:
        """Delete the virtual host *name* with all that is in it."""
        self.ask("DELETE", f"/vhosts/{quote(name, safe='')}")

    def add_user(self, name: str, password: str, tags: str = "") -> None:
        """Make a user, or change one; *tags* as `monitoring`."""
        self.ask("PUT", f"/users/{quote(name, safe='')}", {"password": password, "tags": tags})

    def permit(
        self, user: str, vhost: str, *, configure: str = ".*", write: str = ".*", read: str = ".*"
    ) -> None:
        """Give *user* rights in *vhost*, each an expression that names must match."""
        rights = {"configure": configure, "write": write, "read": read}
        self.ask("PUT", f"/permissions/{quote(vhost, safe='')}/{quote(user, safe='')}", rights)


class RabbitMQ(Given):
    """A node of our own, on loopback: `with RabbitMQ(folder) as server: server.url`.

    *conf* are lines of `rabbitmq.conf`, *advanced* the text of `advanced.config`; it joins the node *beside*.
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
        password = beside._password if beside else token_hex(16)  # noqa: SLF001 - of this class
        self.port, port = free_port(), free_port()
        self.node = f"slowtask{self.port}@localhost"
        super().__init__(f"amqp://{USER}:{password}@{LOOPBACK}:{self.port}/", f"http://{LOOPBACK}:{port}")
        self._conf = self._defaults(str(port)) | dict(conf or {})

    def _defaults(self, port: str) -> dict[str, str]:
        """What stands in its `rabbitmq.conf`."""
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
        """The node's process."""
        return self._process.pid if self._process else 0

    @property
    def epmd_pid(self) -> int:
        """The process by which nodes find each other; 0 where it is another node's."""
        return self._epmd.pid if self._epmd else 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when it answers. Raises `BrokerError`."""
        program = binary("rabbitmq-server")
        self._write()
        log = self._folder / "rabbitmq.log"
        environment = self.environment
        with log.open("ab") as output:
            if self._beside is None:
                self._epmd = self._spawn(["epmd", "-port", str(self.epmd_port)], output, environment)
                listening(self.epmd_port)  # a node that meets none starts one of its own, which stays
            self._process = self._spawn([program], output, environment)
        self._await(log)

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        for process in (self._process, self._epmd):
            if process:
                process.terminate()
                process.wait()
        self._process = self._epmd = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the node, and `rabbitmqctl`, find what is theirs."""
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
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),  # the machine's own is of another node
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node: the process is the one to stop
        }

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` with *arguments* prints. Raises `BrokerError`."""
        command = [binary("rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"rabbitmqctl {arguments[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def _write(self) -> None:
        """Its configuration."""
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
        """A process that outlives no `stop`."""
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, cwd=self._folder,
        )  # fmt: skip

    def _await(self, log: Path) -> None:
        """Return when it takes tasks and, with the plugin, answers there. Raises `BrokerError`."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process and self._process.poll() is None:
            with suppress(OSError, HTTPException, HTTPError):
                greet(self.port)
                if MANAGEMENT in self._plugins:
                    self.ask("GET", "/whoami")
                return
            time.sleep(PAUSE)
        self.stop()
        raise BrokerError(f"rabbitmq-server didn't start: see {log}.")


def listening(port: int) -> None:
    """Return when somebody listens at *port* of loopback. Raises `BrokerError`."""
    end = time.monotonic() + ANSWER
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=ANSWER):
            return
        time.sleep(PAUSE)
    raise BrokerError(f"epmd doesn't listen at port {port}: is Erlang installed?")


def greet(port: int) -> None:
    """Have the RabbitMQ at *port* of loopback begin a connection. Raises `OSError`."""
    with socket.create_connection((LOOPBACK, port), timeout=ANSWER) as connection:
        connection.settimeout(ANSWER)
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        if not connection.recv(1):
            raise OSError("it hung up")


def binary(name: str) -> str:
    """The path of a program of RabbitMQ's. Raises `BrokerError` where there is none."""
    if (DEBIAN / name).exists():
        return str(DEBIAN / name)
    if found := shutil.which(name):
        return found
    raise BrokerError(f"there is no {name} on PATH: install RabbitMQ.")
