"""A clone of the project as a user has it, and the stack that its make targets start."""

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from contextlib import suppress

from elastic_transport import TransportError
from elasticsearch import ApiError, helpers

from elastic.server import free_port
from places import ROOT
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import connect
from stack.engine import docker, inspected

PROJECT = "slowtask-test"
IMAGE = "slowtask:stack"
RUNS = "logs-slowtask.run-default"
PATIENCE = 600  #: seconds until a make target ends, or what is waited for comes


class Failure(AssertionError):  # noqa: N818 - a finding, not an error
    """What isn't so."""


class Clone:
    """The project's files in *folder*, with a `.env` of their own: other ports, another project's name."""

    def __init__(self, folder):
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
        subprocess.run(["sh", "docker/make-env.sh"], cwd=folder, check=True, capture_output=True)
        ports = [name for name in self.settings if name.endswith("_PORT")]
        self.set(COMPOSE_PROJECT_NAME=PROJECT, **{name: str(free_port()) for name in ports})

    @property
    def settings(self):
        """What `.env` says."""
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line[:1] not in ("", "#"))

    def set(self, **settings):
        """Change `.env`."""
        text = (self.folder / ".env").read_text()
        for name, value in settings.items():
            text, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
            text += "" if count else f"{name}={value}\n"
        (self.folder / ".env").write_text(text)

    @property
    def secrets(self):
        """The passwords and keys, by their names."""
        return {name: value for name, value in self.settings.items() if name.endswith(("_PASSWORD", "_KEY"))}

    def make(self, target):
        """What `make` *target* did: its status and what it printed."""
        names = self.settings.keys() | {"COMPOSE_FILE", "MAKEFLAGS", "MAKELEVEL"}
        return subprocess.run(
            ["make", target],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name not in names},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def up(self):
        """`make up`; what it printed. Raises `Failure` with what the containers said where it fails."""
        done = self.make("up")
        if done.returncode:
            logs = self.compose("logs", "--tail", "6", "--no-color")
            raise Failure(f"make up: {done.stderr[-1500:]}\n{logs[-5000:]}")
        return done.stdout

    def compose(self, *arguments):
        """What `docker compose` prints, in the clone and over all profiles."""
        profiles = ("--profile", "demo", "--profile", "celery")
        return docker("compose", *profiles, *arguments, folder=self.folder)

    def containers(self):
        """What Docker tells of each container, by its service."""
        names = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", self.ours).split()
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in inspected(*names)}

    @property
    def ours(self):
        """Docker's filter for what belongs to this stack."""
        return f"label=com.docker.compose.project={PROJECT}"

    def left(self):
        """What there is of this stack: containers, volumes and networks."""
        kinds = {
            "container": ("ps", "--all", "--format", "{{.Names}}"),
            "volume": ("volume", "ls", "--format", "{{.Name}}"),
            "network": ("network", "ls", "--format", "{{.Name}}"),
        }
        return {
            kind: sorted(docker(*command, "--filter", self.ours).split()) for kind, command in kinds.items()
        }

    def clear(self):
        """Remove all that there is of this stack, also of one that a test run left behind."""
        left = self.left()
        for kind, command in {"container": "rm", "volume": "volume rm", "network": "network rm"}.items():
            if left[kind]:
                docker(*command.split(), *["--force"] * (kind != "network"), *left[kind])

    # One service

    def kill(self, service):
        """End its container at once, as `docker kill` does."""
        docker("kill", self.containers()[service]["Id"])

    def start(self, service):
        """Start its container again, and return when it is healthy."""
        docker("start", self.containers()[service]["Id"])
        until(lambda: self.health(service) == "healthy", f"{service} isn't healthy again")

    def health(self, service):
        return self.containers()[service]["State"]["Health"]["Status"]

    def python(self, service, code, *arguments):
        """What Python's *code* prints in a container of the project's image."""
        return self.compose("exec", "-T", service, "python", "-c", code, *map(str, arguments))

    def in_volumes(self, command, *volumes):
        """What a shell *command* prints, with *volumes* under their names in /volumes."""
        mounts = [f"--volume={PROJECT}_{name}:/volumes/{name}" for name in volumes]
        return docker("run", "--rm", "--user", "0", "--network", "none", *mounts, IMAGE, "sh", "-c", command)

    # What was recorded, and what is stored

    def attempts(self):
        """The ids of all lines that workers wrote."""
        return [each["event.id"] for each in self.lines("slowtask.run")]

    def lines(self, dataset):
        """All lines of *dataset* in the volume of the logs, rotated or not."""
        text = self.in_volumes("cat /volumes/logs/*.ndjson* 2>/dev/null || true", "logs")
        events = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        return [each for each in events if each["event.dataset"] == dataset]

    def stored(self):
        """The ids of all records that Elasticsearch holds, as the reader sees them."""
        found = helpers.scan(self.elasticsearch(), index=RUNS, query={"_source": False}, size=5000)
        return [hit["_id"] for hit in found]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.settings['ELASTICSEARCH_PORT']}"

    def elasticsearch(self):
        """A client of the reader's."""
        return self.client("slowtask_reader", self.secrets["SLOWTASK_READER_PASSWORD"])

    def administrator(self):
        """A client of one who may do everything."""
        return self.client("elastic", self.secrets["ELASTIC_PASSWORD"])

    def client(self, user, password):
        return connect(Access(url=self.url, username=user, password=password))

    def settle(self, least=0):
        """Return once there are *least* attempts or more, and each is stored once: how many of both.

        Lines go on being written, so the records are read between two readings of the attempts.
        """
        found = {}

        def settled():
            before, stored, lines = self.attempts(), self.stored(), self.lines("slowtask.run")
            check(before, stored, lines)
            found.update(attempts=len(before), records=len(set(before) & set(stored)))
            return found["attempts"] >= least and found["records"] == found["attempts"]

        until(settled, lambda: f"not every attempt is stored: {found}")
        return found["attempts"], found["records"]


def check(before, stored, lines):
    """Raise `Failure` where an id is twice, or stored and no attempt's. *stored* was read between the two."""
    after = [each["event.id"] for each in lines]
    twice = {name for name, count in Counter(after).items() if count > 1}
    if twice:
        alike = [json.dumps(each) for each in lines if each["event.id"] in twice]
        raise Failure("attempts have an id that another has:\n" + "\n".join(alike))
    if len(stored) != len(set(stored)):
        raise Failure(f"{len(stored)} records, {len(set(stored))} of them distinct")
    if strangers := set(stored) - set(after):
        raise Failure(f"{len(strangers)} records are of no attempt")


def until(holds, what):
    """Wait until *holds*; it may fail meanwhile, since services are away. *what* says what isn't so."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError, ApiError, TransportError):
            if holds():
                return
        time.sleep(0.5)
    raise Failure(what() if callable(what) else what)
