"""The stack on a real Docker engine: `make test-stack`. What it ran on, and a table, stand at the end."""

import os
import subprocess
from contextlib import contextmanager

import pytest
from conftest import missing

from kraft.server import Broker, NoKafkaError, certify, install
from stack import images
from stack.clone import PROJECT, Clone
from stack.engine import NoEngineError, docker, engine

CACHE = images.ROOT / ".cache" / "stack"
SAID = []  #: what the engine and the images were
TABLE = []  #: what was done to the stack, how many attempts there were then, how many records


@pytest.fixture(scope="session")
def docker_engine():
    """An engine with Compose."""
    try:
        with engine(CACHE / "engine") as said:
            SAID.append(said)
            yield said
    except NoEngineError as problem:
        missing(f"a Docker engine ({problem})")


@pytest.fixture(scope="session")
def clone(docker_engine, tmp_path_factory):
    """The project in a folder of its own, and all images that its stack needs; nothing runs yet."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    named = set(clone.compose("config", "--images").split()) - {"slowtask:stack"}
    names = sorted({f"python:{clone.settings['PYTHON_VERSION']}-slim"} | named)
    SAID.append(images.have(names, CACHE))
    clone.clear()
    with disk(CACHE / "disk") as device:
        make_volume("elasticsearch", device)
        yield clone
        clone.clear()
    if "was running" in docker_engine:
        images.forget(names)


@contextmanager
def disk(file):
    """A device of 4 GB, in a sparse *file*, to which the user of Elasticsearch's image may write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with file.open("wb") as new:
        new.truncate(4 * 2**30)
    as_root("mkfs.ext4", "-q", "-E", "root_owner=1000:0", file)
    device = as_root("losetup", "--find", "--show", file)
    try:
        yield device
    finally:
        as_root("losetup", "--detach", device)
        file.unlink()


def make_volume(name, device):
    """Make a volume of the stack on *device*, so that a test can fill it; Compose takes it for its own."""
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.volume": name}
    told = [f"--label={key}={value}" for key, value in labels.items()]
    options = ["--opt", "type=ext4", "--opt", f"device={device}"]
    docker("volume", "create", *options, *told, f"{PROJECT}_{name}")


def as_root(*command):
    """What a *command* that only root may give prints."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    done = subprocess.run(
        [*sudo, *map(str, command)],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        missing(f"{command[0]} ({done.stderr.strip()})")
    return done.stdout.strip()


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A Kafka; the tests that use it are of one group, since one of them kills it for a while."""
    folder = tmp_path_factory.mktemp("kafka")
    try:
        install()
        with Broker(folder, certify(folder / "certificates")) as broker:
            yield broker
    except NoKafkaError as problem:
        missing(f"Kafka ({problem})")


@pytest.fixture
def tell():
    """Notes a row of the table that is printed at the end."""
    return lambda what, counted: TABLE.append((what, *counted))


def pytest_terminal_summary(terminalreporter):
    """Say what it ran on, and how many records each disturbance left of how many attempts."""
    for line in SAID:
        terminalreporter.write_line(line)
    if TABLE:
        terminalreporter.section("attempts and records")
        for what, attempts, records in TABLE:
            terminalreporter.write_line(f"{what:<48} {attempts:>7} attempts {records:>7} records")
