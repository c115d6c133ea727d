"""A Docker engine with Compose: the one that runs, or, as root on Debian, one of the tests' own.

It is installed by apt (`tests/support/servers.sh stack`), has a folder and a socket of its own, and is ended
by its pid. Where Compose is missing, Debian 13's is taken: one binary, which runs on older ones too.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from places import ROOT, TESTS
from stack import debian

PATIENCE = 120  #: seconds for an engine to answer, and to end
BRIDGE = "docker0"  #: the network device that an engine makes for itself


class NoEngineError(Exception):
    """None can be had here; says why."""


@contextmanager
def engine(folder):
    """Have an engine answer; *folder* keeps what one of our own needs, its images too.

    Yields what it is, in a few words. `docker` and `docker compose` use it by this process's environment.
    Raises `NoEngineError`.
    """
    before = dict(os.environ)
    try:
        if answers():
            require_compose(folder)
            yield f"Docker {version()}, which was running"
            return
        with started(folder):
            require_compose(folder)
            yield f"Docker {version()}, started for these tests"
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def started(folder):
    """An engine of our own, until the block ends."""
    dockerd = program()
    socket = Path("/run") / f"slowtask-docker-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    had_bridge = Path("/sys/class/net", BRIDGE).exists()
    os.environ["DOCKER_HOST"] = f"unix://{socket}/docker.sock"
    command = [dockerd, "--host", os.environ["DOCKER_HOST"], "--data-root", folder / "data"]
    command += ["--exec-root", socket / "exec", "--pidfile", socket / "pid"]
    socket.mkdir()
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait(process, folder / "dockerd.log")
        yield
    finally:
        end(process)
        shutil.rmtree(socket, ignore_errors=True)
        if not had_bridge and shutil.which("ip"):
            subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)


def program():
    """The path of dockerd, installed where it is missing. Raises `NoEngineError`."""
    if os.geteuid() != 0:
        raise NoEngineError("no Docker engine answers, and only root can start one: start yours")
    subprocess.run(["sh", TESTS / "support" / "servers.sh", "stack"], check=True)
    found = shutil.which("dockerd")
    if found is None:
        raise NoEngineError("no Docker engine answers, and dockerd couldn't be installed by apt")
    return found


def wait(process, log):
    """Return when the engine answers. Raises `NoEngineError` with what it said."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if answers():
            return
        time.sleep(0.2)
    raise NoEngineError(f"dockerd didn't start: {log.read_text(errors='replace')[-1500:]}")


def end(process):
    """End dockerd, which ends its containers."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers():
    """Whether an engine answers at the address of this process's environment."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def version():
    """The engine's."""
    return docker("version", "--format", "{{.Server.Version}}").strip()


def require_compose(folder):
    """Have a `docker compose` that the stack takes."""
    if compose_is_new_enough():
        return
    root = debian.root(folder.parent / "debian")
    binary = debian.compose(root, folder.parent / "compose")
    settings = folder / "settings"
    (settings / "cli-plugins").mkdir(parents=True, exist_ok=True)
    shutil.copy(binary, settings / "cli-plugins" / "docker-compose")
    os.environ["DOCKER_CONFIG"] = str(settings)
    if not compose_is_new_enough():
        raise NoEngineError("Debian's docker-compose doesn't run here: install Compose 2.24 or newer")


def compose_is_new_enough():
    """Whether `docker/require.sh` finds nothing to complain of."""
    check = ". docker/require.sh && require_docker"
    return not subprocess.run(["sh", "-c", check], cwd=ROOT, capture_output=True, check=False).returncode


def docker(*arguments, folder=None):
    """What `docker` prints, called in *folder*. Raises `DockerError` with what it said."""
    done = subprocess.run(
        ["docker", *map(str, arguments)],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-3000:]
        raise DockerError(f"docker {' '.join(map(str, arguments))}: {said}")
    return done.stdout


def inspected(*names):
    """What `docker inspect` tells of *names*."""
    return json.loads(docker("inspect", *names)) if names else []


class DockerError(Exception):
    """A docker command failed; says which, and what it said."""
